"""Slicer's Segment Editor inside the panel: made when it is first needed, on a parameter set of its own."""

import slicer
import vtk
from slicer.util import VTKObservationMixin

from HemorrhageSegLib.BrushRules import BrushRules
from HemorrhageSegLib.Labelmaps import isOnGrid

SINGLETON_TAG = "HemorrhageSeg"
#: What is of use on a bleed, in the order of the keys 1-7; the names are Slicer's and are not translated.
EFFECTS = ("Paint", "Erase", "Threshold", "Scissors", "Islands", "Smoothing", "Grow from seeds")
BRUSHES = EFFECTS[:2]
#: Clotted blood on CT, in HU: where Threshold starts, and what a limited brush may touch.
BLOOD_HU = (45, 100)
UNDO_STATES = 20


class EmbeddedEditor(VTKObservationMixin):
    """The Segment Editor on one result at a time.

    The order of calls is that of Slicer's own Segment Editor module: parameter set, scene, segmentation.

    Args:
        layout: where its widget goes.
        onLimit: called with (least HU, greatest HU, whether it holds) when the editor's range is another one, also
            by the editor's own key I and by Threshold's "Use for masking".
        isOwnChange: called without arguments: whether what changes the mask now is the program, not a brush.
    """

    def __init__(self, layout, onLimit, isOwnChange=lambda: False) -> None:
        VTKObservationMixin.__init__(self)
        self._layout = layout
        self._onLimit = onLimit
        self._brush = BrushRules(isOwnChange)
        self._isLimited = self._isLimitEditors = False  # to a range of HU; whether the editor itself keeps to it
        self._isOpen = False
        self._heldEffect = ""  # comes back with the next mask
        self.widget = None
        self.node = None

    def protect(self, staysOutside, changesOnlyLabel=False) -> None:
        """Say what a stroke, or another effect, may do to other segments than its own.

        Args:
            staysOutside: it stays outside the others.
            changesOnlyLabel: it gives what is in some segment to its own, and touches nothing else.
        """
        self._brush.staysOutside, self._brush.changesOnlyLabel = staysOutside, changesOnlyLabel
        self._share()

    def open(self, segmentationNode, volumeNode, segmentId) -> None:
        """Edit a segment from now on: effects, keys and views belong to the editor until :meth:`close`."""
        self._ensureWidget()
        editor = self.widget
        effect, self._heldEffect = self._heldEffect, ""  # it comes back once: the person may put it down again
        editor.setSegmentationNode(segmentationNode)
        editor.setSourceVolumeNode(volumeNode)
        editor.setCurrentSegmentID(segmentId)
        if not self._isOpen:
            self._isOpen = True
            if slicer.util.mainWindow() is not None:  # to which the keys are given
                editor.installKeyboardShortcuts()
            editor.setupViewObservations()
        editor.updateWidgetFromMRML()
        if effect and not self._activeEffectName():
            editor.setActiveEffectByName(effect)
        self._share()

    def _activeEffectName(self) -> str:
        effect = self.widget.activeEffect()
        return str(effect.name) if effect is not None else ""

    def close(self, keepsEffect=False) -> None:
        """Let go of keys and views; what was drawn and its undo states stay.

        Args:
            keepsEffect: a brush stays in the person's hand for the next mask, as of the next case.
        """
        effect = self._activeEffectName() if self._isOpen else self._heldEffect
        self._heldEffect = effect if keepsEffect and effect in BRUSHES else ""
        self._brush.letGo()
        if self._isOpen:
            self._isOpen = False
            self.widget.setActiveEffect(None)
            self.widget.uninstallKeyboardShortcuts()
            self.widget.removeViewObservations()

    def release(self) -> None:
        """Let go of the nodes too: they are about to be removed."""
        self.close()
        if self.widget is not None:
            self.widget.setSegmentationNode(None)
        self.removeObservers()
        self.node = None

    def discard(self) -> None:
        """The panel goes away. A reload leaves its widgets behind, hidden; this one would go on to act on the
        parameter set that it shares with the next panel's."""
        self.release()
        if self.widget is not None:
            self.widget.setMRMLSegmentEditorNode(None)
            self.widget.deleteLater()
            self.widget = None

    @property
    def isOpen(self) -> bool:
        return self._isOpen

    def saveStateForUndo(self, segmentationNode) -> bool:
        """To be called before a program changes a mask, so that Undo takes that back as it does a stroke.

        Whether it was saved: a mask that is not in the editor has no history. One that is keeps it while the part is
        folded or the panel is left: nothing was asked when the network was started, and its answer may come then.
        """
        isHeld = self.holds(segmentationNode)
        if isHeld:
            self.widget.saveStateForUndo()
        return isHeld

    def holds(self, segmentationNode) -> bool:
        """Whether this mask is in the editor, with its history, also while the part is folded."""
        return self.widget is not None and self.widget.segmentationNode() is segmentationNode

    def limitTo(self, minimumHu, maximumHu, isLimited) -> None:
        """Let effects change only voxels within a range of HU, or all."""
        if self.node is not None:
            with slicer.util.NodeModify(self.node):
                self._isLimited = isLimited
                self.node.SetSourceVolumeIntensityMaskRange(float(minimumHu), float(maximumHu))
                self._share()
            self._onNodeModified()  # with a brush in hand nothing of the node need have changed

    def _ensureWidget(self) -> None:
        if self.widget is None:
            self._makeWidget()
        elif self.node is None:
            self.widget.setMRMLSegmentEditorNode(self._ensureNode())

    def _makeWidget(self) -> None:
        editor = self.widget = slicer.qMRMLSegmentEditorWidget()
        self._layout.addWidget(editor)
        editor.setMaximumNumberOfUndoStates(UNDO_STATES)
        # segments can be added: Grow from seeds needs a second one; only the network's labels are measured and kept
        editor.autoShowSourceVolumeNode = False  # the panel shows the scan; zoom and place stay as they are
        editor.segmentationNodeSelectorVisible = False
        editor.sourceVolumeNodeSelectorVisible = False
        editor.switchToSegmentationsButtonVisible = False
        editor.specifyGeometryButtonVisible = False
        editor.show3DButtonVisible = False
        editor.maskingSectionVisible = False
        editor.setEffectNameOrder(list(EFFECTS))
        editor.unorderedEffectsVisible = False
        editor.effectColumnCount = 4
        editor.setMRMLSegmentEditorNode(self._ensureNode())  # before the scene, whose choices it keeps
        editor.setMRMLScene(slicer.mrmlScene)

    def _ensureNode(self):
        """The parameter set with a tag of its own, so that the Segment Editor module keeps its settings."""
        scene = slicer.mrmlScene
        node = scene.GetSingletonNode(SINGLETON_TAG, "vtkMRMLSegmentEditorNode")
        if node is None:
            node = scene.CreateNodeByClass("vtkMRMLSegmentEditorNode")
            node.UnRegister(None)  # CreateNodeByClass counts one reference too many for Python
            node.SetSingletonTag(SINGLETON_TAG)
            node.SetSaveWithScene(False)  # a brush that was active at saving would draw as soon as the scene is loaded
            node = scene.AddNode(node)
        names = ("Threshold.MinimumThreshold", "Threshold.MaximumThreshold")
        low, high = (float(node.GetAttribute(name) or 0.0) for name in names)
        if low == high:  # nobody has set them: so they are at first, and again after each close of the scene
            for name, value in zip(names, BLOOD_HU):
                node.SetAttribute(name, str(value))
            node.SetSourceVolumeIntensityMaskRange(*map(float, BLOOD_HU))
        self.node = node
        self._isLimited = self._isLimitEditors = bool(node.GetSourceVolumeIntensityMask())
        self.addObserver(node, vtk.vtkCommand.ModifiedEvent, self._onNodeModified)
        self._onNodeModified()
        return node

    def _onNodeModified(self, caller=None, event=None) -> None:
        if bool(self.node.GetSourceVolumeIntensityMask()) != self._isLimitEditors:  # by key I or "Use for masking"
            self._isLimited = not self._isLimited
        self._share()
        self._onLimit(*self.node.GetSourceVolumeIntensityMaskRange(), self._isLimited)

    def _share(self) -> None:
        """Have the brush follow the rules here, where it can, and all other effects follow them by the editor's masks,
        which take a third of a second on a large scan."""
        node, brush, modes = self.node, self._brush, slicer.vtkMRMLSegmentationNode
        if node is None:
            return
        low, high = node.GetSourceVolumeIntensityMaskRange()
        brush.rangeHu = (low, high) if self._isLimited else None
        isBrushOurs = self._isBrushOurs()
        if isBrushOurs:
            brush.hold(node.GetSegmentationNode(), node.GetSourceVolumeNode(), node.GetSelectedSegmentID())
        else:
            brush.letGo()
        changesOnlyLabel = brush.changesOnlyLabel and not isBrushOurs
        area = modes.EditAllowedOutsideAllSegments if brush.staysOutside else modes.EditAllowedEverywhere
        area = modes.EditAllowedInsideAllSegments if brush.changesOnlyLabel else area
        self._isLimitEditors = self._isLimited and not isBrushOurs
        with slicer.util.NodeModify(node):
            node.SetOverwriteMode(node.OverwriteAllSegments if changesOnlyLabel else node.OverwriteNone)
            node.SetMaskMode(modes.EditAllowedEverywhere if isBrushOurs else area)
            node.SetSourceVolumeIntensityMask(self._isLimitEditors)

    def _isBrushOurs(self) -> bool:
        """Whether the effect is a brush that draws in one segment, on the scan's own grid."""
        node = self.node
        segmentation, volume = node.GetSegmentationNode(), node.GetSourceVolumeNode()
        effect = node.GetActiveEffectName() or ""
        if not self._isOpen or effect not in BRUSHES or segmentation is None or volume is None:
            return False
        if node.GetAttribute(f"{effect}.EraseAllSegments") == "1" or not node.GetSelectedSegmentID():
            return False
        return _isGridOf(volume, segmentation.GetSegmentation())


def _isGridOf(volumeNode, segmentation) -> bool:
    """Whether a segmentation is drawn on a volume's own voxels."""
    converter = slicer.vtkSegmentationConverter
    text = segmentation.GetConversionParameter(converter.GetReferenceImageGeometryParameterName())
    image, matrix = slicer.vtkOrientedImageData(), vtk.vtkMatrix4x4()
    if not text or not converter.DeserializeImageGeometry(text, image, False):
        return False
    volumeNode.GetIJKToRASMatrix(matrix)
    return volumeNode.GetImageData().GetExtent() == image.GetExtent() and isOnGrid(image, matrix)
