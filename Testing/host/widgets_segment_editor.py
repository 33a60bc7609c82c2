"""Stand-in for the Segment Editor widget: Slicer's own logic below (undo, masking, overwriting), no effects above.

An effect can be chosen, by its button or its key, and is known by its name; what it would draw is left to tests, which
change the segment through Slicer's logic as an effect does.
"""

import slicer
import vtk

from .stand_in import Property, QtGui, QtWidgets, Signal, stand_in, stored
from .widgets_mrml import qMRMLWidget

#: Names of Slicer's own effects, in Slicer's order.
EFFECTS = (
    "Threshold", "Paint", "Draw", "Erase", "Level tracing", "Grow from seeds", "Fill between slices", "Margin",
    "Hollow", "Smoothing", "Scissors", "Islands", "Logical operators", "Mask volume",
)  # fmt: skip


class _Effect:
    """What a test may ask of an effect."""

    def __init__(self, name):
        self.name = name


@stand_in
class qMRMLSegmentEditorWidget(qMRMLWidget):
    _SIGNATURES = {
        **qMRMLWidget._SIGNATURES,
        "segmentationNodeChanged(vtkMRMLSegmentationNode*)": "segmentationNodeChanged(PyObject)",
        "sourceVolumeNodeChanged(vtkMRMLVolumeNode*)": "sourceVolumeNodeChanged(PyObject)",
    }
    currentSegmentIDChanged = Signal(str)
    segmentationNodeChanged = Signal(object)
    sourceVolumeNodeChanged = Signal(object)
    readOnly = stored(bool, False)
    autoShowSourceVolumeNode = stored(bool, True)
    segmentationNodeSelectorVisible = stored(bool, True)
    sourceVolumeNodeSelectorVisible = stored(bool, True)
    switchToSegmentationsButtonVisible = stored(bool, True)
    addRemoveSegmentButtonsVisible = stored(bool, True)
    specifyGeometryButtonVisible = stored(bool, True)
    show3DButtonVisible = stored(bool, True)
    maskingSectionVisible = stored(bool, True)
    unorderedEffectsVisible = stored(bool, True, lambda self: self._list_effects())
    effectColumnCount = stored(int, 2, lambda self: self._list_effects())

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._logic = slicer.vtkSlicerSegmentEditorLogic()
        self._node, self._tag = None, None
        self._segmentation, self._source, self._observed = None, None, []
        self._order, self._effects, self._last_effect, self._shortcuts = [], {}, "", []
        self._views_observed = False
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        box = QtWidgets.QGroupBox("Effects")
        self._grid = QtWidgets.QGridLayout(box)
        layout.addWidget(box)
        row = QtWidgets.QHBoxLayout()
        self._undo_button, self._redo_button = QtWidgets.QPushButton("Undo"), QtWidgets.QPushButton("Redo")
        self._undo_button.clicked.connect(lambda: self.undo())
        self._redo_button.clicked.connect(lambda: self.redo())
        for button in (self._undo_button, self._redo_button):
            row.addWidget(button)
        layout.addLayout(row)
        self._logic.AddObserver(
            slicer.vtkSlicerSegmentEditorLogic.SegmentationHistoryChangedEvent, lambda *_: self._update_undo()
        )
        self._list_effects()
        self._update_undo()

    # Scene and nodes

    def setMRMLScene(self, scene):
        if self._node is None:
            raise RuntimeError("setMRMLSegmentEditorNode comes first: else Slicer's automatic choices are lost")
        super().setMRMLScene(scene)
        self._logic.SetMRMLScene(scene)
        tag = scene.AddObserver(scene.EndCloseEvent, lambda *_: self._on_scene_closed())
        self.destroyed.connect(lambda *_: scene.RemoveObserver(tag))
        self.updateWidgetFromMRML()

    def setMRMLSegmentEditorNode(self, node):
        if node is self._node:
            return
        if self._node is not None:
            self._node.RemoveObserver(self._tag)
        self._node = node
        self._tag = (
            node.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: self.updateWidgetFromMRML()) if node else None
        )
        if node is not None:
            tag = self._tag
            self.destroyed.connect(lambda *_: node.RemoveObserver(tag))
        self._logic.SetSegmentEditorNode(node)
        self._set_effect_defaults()
        self.updateWidgetFromMRML()

    def _on_scene_closed(self):
        """The close has emptied the parameter set, which is a singleton and stays."""
        self._set_effect_defaults()
        self.updateWidgetFromMRML()

    def _set_effect_defaults(self):
        """As Slicer's Threshold effect: two equal values stand for a range that nobody has chosen yet."""
        for name in ("Threshold.MinimumThreshold", "Threshold.MaximumThreshold"):
            if self._node is not None and self._node.GetAttribute(name) is None:
                self._node.SetAttribute(name, "0")

    def mrmlSegmentEditorNode(self):
        return self._node

    def setSegmentationNode(self, node):
        if self._logic.GetSegmentationNode() is node:
            return
        self._logic.SetSegmentationNode(node)
        self.setActiveEffect(None)
        self.updateWidgetFromMRML()

    def segmentationNode(self):
        return self._segmentation

    def setSourceVolumeNode(self, node):
        self._logic.SetSourceVolumeNode(node)
        self.updateWidgetFromMRML()

    def sourceVolumeNode(self):
        return self._logic.GetSourceVolumeNode()

    def setCurrentSegmentID(self, segment_id):
        if self._node is not None:
            self._node.SetSelectedSegmentID(segment_id)
            self.currentSegmentIDChanged.emit(segment_id)

    def currentSegmentID(self):
        return (self._node.GetSelectedSegmentID() or "") if self._node is not None else ""

    def updateWidgetFromMRML(self):
        scene = self.mrmlScene()
        if scene is None or scene.IsClosing() or scene.IsBatchProcessing() or self._node is None:
            return
        segmentation = self._logic.GetSegmentationNode()
        if segmentation is not self._segmentation:
            self._segmentation = segmentation
            if segmentation is not None:
                role = slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole()
                self._logic.SetSourceVolumeNode(segmentation.GetNodeReference(role))
                segmentation.CreateDefaultDisplayNodes()
                ids = segmentation.GetSegmentation().GetSegmentIDs()
                if ids:
                    self._node.SetSelectedSegmentID(ids[0])
            self.segmentationNodeChanged.emit(segmentation)
        source = self._logic.GetSourceVolumeNode()
        if source is not self._source:
            self._source = source
            self.sourceVolumeNodeChanged.emit(source)
        for name, button in self._effects.items():
            button.enabled = segmentation is not None and not self.readOnly
            button.checked = name == (self._node.GetActiveEffectName() or "")
        self._update_undo()

    # Effects

    def setEffectNameOrder(self, names):
        self._order = list(names)
        self._list_effects()

    def effectNameOrder(self):
        return list(self._order)

    def availableEffectNames(self):
        return list(EFFECTS)

    def _shown_effects(self):
        ordered = [name for name in self._order if name in EFFECTS]
        return ordered + [n for n in EFFECTS if n not in ordered] * bool(self.unorderedEffectsVisible)

    def _list_effects(self):
        for button in self._effects.values():
            button.setParent(None)
        self._effects = {}
        for number, name in enumerate(["", *self._shown_effects()]):
            button = QtWidgets.QToolButton()
            button.text, button.toolTip, button.checkable = name or "None", name or "No editing", True
            button.setSizePolicy(QtWidgets.QSizePolicy.Expanding, QtWidgets.QSizePolicy.Preferred)
            button.clicked.connect(lambda checked=False, effect=name: self.setActiveEffectByName(effect))
            self._grid.addWidget(button, *divmod(number, self.effectColumnCount))
            self._effects[name] = button
        self.updateWidgetFromMRML()

    def effectByName(self, name):
        return _Effect(name) if name in self._effects and name else None

    def effectByIndex(self, index):
        names = list(self._effects)
        return self.effectByName(names[index]) if 0 <= index < len(names) else None

    def effectCount(self):
        return len(self._effects)

    def setActiveEffect(self, effect):
        if self._node is None:
            return
        before = self._node.GetActiveEffectName() or ""
        self._last_effect = before or self._last_effect
        self._node.SetActiveEffectName(effect.name if effect is not None and self._segmentation is not None else "")
        self.updateWidgetFromMRML()

    def setActiveEffectByName(self, name):
        self.setActiveEffect(self.effectByName(name))

    def activeEffect(self):
        return self.effectByName(self._node.GetActiveEffectName() or "") if self._node is not None else None

    # Undo

    def setMaximumNumberOfUndoStates(self, count):
        self._logic.SetMaximumNumberOfUndoStates(count)

    def setUndoEnabled(self, enabled):
        if enabled:
            self._logic.ClearUndoState()
        self._undo_button.visible = self._redo_button.visible = enabled

    def saveStateForUndo(self):
        self._logic.SaveStateForUndo()
        self._update_undo()

    def undo(self):
        self._logic.Undo()
        self._update_undo()

    def redo(self):
        self._logic.Redo()
        self._update_undo()

    def _update_undo(self):
        self._undo_button.enabled = bool(self._logic.CanUndo())
        self._redo_button.enabled = bool(self._logic.CanRedo())

    # Keys and views

    def installKeyboardShortcuts(self, widget=None):
        self.uninstallKeyboardShortcuts()
        window = widget if widget is not None else slicer.util.mainWindow()
        if window is None:
            raise RuntimeError("keyboard shortcuts without a window: Slicer would make them without a parent")

        def add(keys, function):
            shortcut = QtGui.QShortcut(QtGui.QKeySequence(keys), window)
            shortcut.activated.connect(function)
            self._shortcuts.append(shortcut)

        for index in range(1, 11):
            add(str(index % 10), lambda index=index: self._toggle(index))
        add("Escape", lambda: self.setActiveEffect(None))
        add("Space", lambda: self.setActiveEffectByName("" if self.activeEffect() else self._last_effect))
        for keys in ("Z", "Ctrl+Z"):
            add(keys, self.undo)
        for keys in ("Y", "Ctrl+Y"):
            add(keys, self.redo)
        add("I", self.toggleSourceVolumeIntensityMaskEnabled)

    def _toggle(self, index):
        chosen, active = self.effectByIndex(index), self.activeEffect()
        self.setActiveEffect(None if chosen and active and chosen.name == active.name else chosen)

    def uninstallKeyboardShortcuts(self):
        for shortcut in self._shortcuts:
            shortcut.setParent(None)
            shortcut.deleteLater()
        self._shortcuts = []

    def toggleSourceVolumeIntensityMaskEnabled(self):
        self._logic.ToggleSourceVolumeIntensityMask()

    def setupViewObservations(self):
        self._views_observed = True

    def removeViewObservations(self):
        self._views_observed = False

    maximumNumberOfUndoStates = Property(
        int, lambda self: self._logic.GetMaximumNumberOfUndoStates(), setMaximumNumberOfUndoStates
    )
    undoEnabled = Property(bool, lambda self: self._undo_button.isVisible(), setUndoEnabled)
