"""The panel's "Correct" part: the Segment Editor on the result, its volume while it is drawn, the network beside it."""

import time

import qt
import slicer
from slicer.i18n import tr as _

from HemorrhageSegLib import MaskOrigin, NetworkOutline
from HemorrhageSegLib.AnnotationRecords import editsOf
from HemorrhageSegLib.EditorSetup import BLOOD_HU, EmbeddedEditor
from HemorrhageSegLib.ResultTexts import volumeText
from HemorrhageSegLib.SceneResult import SceneResult
from radiologycnn.annotation.records import Mask
from RadiologyCNNLib.PanelTexts import scaledFont

#: A slider's drag sets the mask many times; Undo takes it back as one change.
ONE_CHANGE_SECONDS = 1.0
OUTLINE_KEY, TYPE_KEY = "N", "T"


class CorrectSection:
    """Active while the panel is shown and the part is unfolded; otherwise keys and views belong to Slicer.

    Args:
        ui: the panel's widgets.
        logic: HemorrhageSegLogic.
        results: ResultSection.
    """

    def __init__(self, ui, logic, results) -> None:
        self.ui, self.logic, self.results = ui, logic, results
        self.editor = EmbeddedEditor(ui.editorLayout, self._showLimit, self._isOwnChange)
        self._isPanelShown = False
        self._result = None
        self._savedAt = -ONE_CHANGE_SECONDS
        self._shortcuts = []
        ui.correctCollapsibleButton.collapsed = True
        ui.correctVolumeLabel.setFont(scaledFont(ui.correctVolumeLabel.font, 1.6))
        self._showLimit(*BLOOD_HU, False)
        ui.correctCollapsibleButton.connect("contentsCollapsed(bool)", self._update)
        ui.limitHuCheckBox.connect("toggled(bool)", self._applyLimit)
        ui.minimumHuSpinBox.connect("valueChanged(int)", self._applyLimit)
        ui.maximumHuSpinBox.connect("valueChanged(int)", self._applyLimit)
        ui.networkOutlineCheckBox.connect("toggled(bool)", self._showOutline)
        ui.changeTypeCheckBox.connect("toggled(bool)", self._protect)
        ui.networkMaskButton.connect("clicked(bool)", self.onNetworkMaskButton)
        logic.maskAboutToChange.connect(self._saveStateForUndo)
        results.resultShown.connect(self._showResult)
        results.maskShown.connect(self._showVolume)
        self._showResult(None)

    # When it is active

    @property
    def isActive(self) -> bool:
        """Whether the person corrects: every change can be undone."""
        return self.editor.isOpen

    def enter(self) -> None:
        self._isPanelShown = True
        self._update()

    def exit(self) -> None:
        self._isPanelShown = False
        self._update()

    def cleanup(self) -> None:
        """The panel goes away."""
        self.release()
        self.editor.discard()

    def release(self) -> None:
        """The scene closes, or the panel goes away."""
        self._dropKeys()
        self.editor.release()
        self.ui.networkOutlineCheckBox.checked = False
        self._result = None
        self._savedAt = -ONE_CHANGE_SECONDS  # the history goes with the mask

    def _showResult(self, result) -> None:
        """Another result is shown (None: none), or the same one anew."""
        ui, before = self.ui, self._result
        if before is not None and (result is None or before.segmentationNode is not result.segmentationNode):
            ui.networkOutlineCheckBox.checked = False  # hides that of the result before
            self._savedAt = -ONE_CHANGE_SECONDS  # and its last change goes on in no other mask
        self._result = result
        ui.correctCollapsibleButton.enabled = result is not None
        for widget in (ui.networkOutlineCheckBox, ui.networkMaskButton):
            widget.enabled = result is not None and result.canThreshold
        if ui.networkOutlineCheckBox.checked:
            self._showOutline(True)  # the network may have run anew
        hasTypes = result is not None and len(result.labels) > 1
        ui.changeTypeCheckBox.visible = hasTypes
        if not hasTypes:
            ui.changeTypeCheckBox.checked = False
        self._showVolume(result)
        self._update()

    def _protect(self, value=False) -> None:
        """A voxel belongs to one type: strokes stay outside the others.

        Of one label, a segment that the person has added may lie over it.
        """
        hasTypes = self._result is not None and len(self._result.labels) > 1
        self.editor.protect(hasTypes, self.ui.changeTypeCheckBox.checked)

    def _isOwnChange(self) -> bool:
        """Whether the mask is being changed by the panel."""
        return self.results.isUpdating or self.logic.isPresenting

    def _update(self, collapsed=False) -> None:
        """Open or close the editor, as panel, part and result say."""
        result = self._result
        isShown = self._isPanelShown and not self.ui.correctCollapsibleButton.collapsed
        if result is not None and isShown:
            self.editor.open(result.segmentationNode, result.volumeNode, self._segmentId(result))
            self._protect()
            self._takeKeys()
        else:
            self._dropKeys()
            self.editor.close(keepsEffect=isShown)

    def _segmentId(self, result) -> str:
        """The segment that is being edited, where this result has it, the person's own too; else its first label's."""
        current = self.editor.widget.currentSegmentID() if self.editor.widget is not None else ""
        has = bool(current) and result.segmentationNode.GetSegmentation().GetSegment(current) is not None
        return current if has else result.segmentId(result.labels[0])

    def _takeKeys(self) -> None:
        if self._shortcuts or slicer.util.mainWindow() is None:
            return
        for keys, function in ((OUTLINE_KEY, self.ui.networkOutlineCheckBox.toggle), (TYPE_KEY, self._toggleType)):
            shortcut = qt.QShortcut(qt.QKeySequence(keys), slicer.util.mainWindow())
            shortcut.autoRepeat = False  # a key that is held would switch on and off
            shortcut.connect("activated()", function)
            self._shortcuts.append(shortcut)

    def _toggleType(self) -> None:
        if self.ui.changeTypeCheckBox.visible:
            self.ui.changeTypeCheckBox.toggle()

    def _dropKeys(self) -> None:
        for shortcut in self._shortcuts:
            shortcut.setEnabled(False)
            shortcut.setParent(None)
            shortcut.deleteLater()
        self._shortcuts = []

    # What the person does

    def _applyLimit(self, value=0) -> None:
        ui = self.ui
        low, high = sorted((ui.minimumHuSpinBox.value, ui.maximumHuSpinBox.value))
        self.editor.limitTo(low, high, ui.limitHuCheckBox.checked)

    def _showLimit(self, low, high, isLimited) -> None:
        """The editor's range is this one now."""
        ui = self.ui
        widgets = (ui.minimumHuSpinBox, ui.maximumHuSpinBox, ui.limitHuCheckBox)
        wasBlocked = [widget.blockSignals(True) for widget in widgets]
        ui.minimumHuSpinBox.value, ui.maximumHuSpinBox.value = round(low), round(high)
        ui.limitHuCheckBox.checked = isLimited
        for widget, blocked in zip(widgets, wasBlocked):
            widget.blockSignals(blocked)
        ui.minimumHuSpinBox.enabled = ui.maximumHuSpinBox.enabled = isLimited

    def _saveStateForUndo(self, segmentationNode) -> None:
        """The network, the threshold or "Back to the network's mask" is about to replace the mask."""
        now, result = time.monotonic(), SceneResult.ofSegmentation(segmentationNode)
        isSoon = now - self._savedAt < ONE_CHANGE_SECONDS
        isContinued = isSoon and MaskOrigin.isAsApplied(result)  # else a stroke came between
        # a change before the editor was opened is in no history, so that the next one is not its continuation
        if isContinued or self.editor.saveStateForUndo(segmentationNode):
            self._savedAt = now

    def onNetworkMaskButton(self, clicked=False) -> None:
        """Nothing is asked: Undo takes it back."""
        if self._result is not None:
            self._savedAt = -ONE_CHANGE_SECONDS
            self.results.backToNetwork()

    def _showOutline(self, visible) -> None:
        result = self._result
        if result is not None and not NetworkOutline.show(result, visible) and visible:
            self.ui.networkOutlineCheckBox.checked = False

    # What is shown

    def _showVolume(self, result) -> None:
        """The volume as it is now, and what differs from the network."""
        label, detail = self.ui.correctVolumeLabel, self.ui.correctDetailLabel
        if result is None:
            label.text = detail.text = ""
            return
        mask, found = Mask(*result.maskCrop()), result.networkMask()
        voxelMl = result.voxelVolumeMm3() / 1000.0
        label.text = volumeText(float((mask.crop != 0).sum()) * voxelMl)
        if found is None:
            detail.text = ""
            return
        edits = editsOf(result, Mask(*found), mask, voxelMl)
        if edits.added_ml or edits.removed_ml or edits.relabelled_ml:
            detail.text = _("network {network}: {added} added, {removed} removed, Dice {dice}").format(
                network=volumeText(edits.network_ml),
                added=volumeText(edits.added_ml),
                removed=volumeText(edits.removed_ml),
                dice=f"{edits.dice:.2f}",
            )
            if edits.relabelled_ml:
                detail.text += _(", {volume} of another type").format(volume=volumeText(edits.relabelled_ml))
        else:
            detail.text = _("the network's own mask")
