"""The panel's humeral head part: looks for it in the background, shows the box, says how sure the place is."""

import html

import slicer
import vtk
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from radiologycnn.errors import RadiologyCNNError
from RadiologyCNNLib import SliceViews
from RadiologyCNNLib.NodeRecord import readRecord, writeRecord
from RadiologyCNNLib.PanelTexts import messageHtml
from RotatorCuffCNNLib import CuffRoi
from RotatorCuffCNNLib.CuffTexts import centreText, confidenceText
from RotatorCuffCNNLib.RegionAnchor import RegionAnchor
from RotatorCuffCNNLib.SeriesSection import SeriesSection


class RegionSection(VTKObservationMixin):
    """Brings the box in the views, the parameter node and the widgets about the box in line.

    Attributes:
        series: SeriesSection: what the search says of the scan itself.

    Args:
        ui: the panel's widgets.
        logic: RotatorCuffCNNLogic.
        moved: function () that is called at every step of a drag.
        changed: function () that is called when the box was found, or can be used (or not) after a drag.
    """

    def __init__(self, ui, logic, moved, changed) -> None:
        VTKObservationMixin.__init__(self)
        self.ui = ui
        self.logic = logic
        self._moved = moved
        self._changed = changed
        self._parameterNode = None
        self._volumeNode = None
        self._roiNode = None
        self._problems = {}  # scan's identifier: why its humeral head could not be looked for
        self._isPlacing = False
        self._lock = CuffRoi.RoiLock()
        self._anchor = RegionAnchor()
        self._isUsable = False
        self._problem = ""
        self._shallJump = False  # the person has asked where the head is
        self.series = SeriesSection(ui)
        ui.findHeadButton.connect("clicked(bool)", self.onFindHeadButton)
        logic.located.connect(self.onLocated)
        logic.locatingFailed.connect(self.onLocatingFailed)

    @property
    def roiNode(self):
        """The chosen scan's box, or None."""
        return self._roiNode

    @property
    def usableRoiNode(self):
        """The box that says where the network is to look; None where nobody knows yet, or no longer."""
        return None if self.wasLeftBehind else self._roiNode

    @property
    def wasLeftBehind(self) -> bool:
        """Whether the scan was moved since the search has put the box there."""
        return self._roiNode is not None and CuffRoi.wasLeftBehind(self._roiNode, self._volumeNode)

    def setVolume(self, parameterNode, volumeNode) -> None:
        """Show this scan's box from now on; None for none."""
        self._parameterNode = parameterNode
        self._volumeNode = volumeNode
        self.series.setVolume(parameterNode, volumeNode)
        if parameterNode is None:
            self._problems.clear()
            self._anchor.forget()
        roiNode = CuffRoi.roiOf(volumeNode)
        if roiNode is not None:
            CuffRoi.ensureRoi(volumeNode)  # one from a loaded scene is kept a cube, too
        self._observe(roiNode)
        self._takeAlong()  # the scan may have been moved while another one was chosen
        self._anchor.note(roiNode, volumeNode)
        self._hideOthers()
        self.update()

    def _observe(self, roiNode) -> None:
        if self._parameterNode is not None:
            self._parameterNode.roi = roiNode
        if roiNode is self._roiNode:
            return
        self.removeObservers()
        self._roiNode = roiNode
        if roiNode is not None:
            self.addObserver(roiNode, slicer.vtkMRMLMarkupsNode.PointModifiedEvent, self._onRoiModified)
            self.addObserver(roiNode, vtk.vtkCommand.ModifiedEvent, self._onRoiModified)
            self.addObserver(roiNode, slicer.vtkMRMLTransformableNode.TransformModifiedEvent, self._onRoiModified)

    def _hideOthers(self) -> None:
        """Only the chosen scan's box is in the views."""
        if self._parameterNode is None:
            return
        for node in slicer.util.getNodesByClass("vtkMRMLMarkupsROINode"):
            if node.GetNodeReference(CuffRoi.SCAN_ROLE) is not None and node is not self._roiNode:
                CuffRoi.setVisible(node, False)

    # Finding

    def findWhereUnknown(self, model: str) -> None:
        """Look for the humeral head of the chosen scan where that was not done yet; nothing is said where it fails."""
        volumeNode = self._volumeNode
        known = self.usableRoiNode is not None or (volumeNode and volumeNode.GetID() in self._problems)
        if not known and not self.logic.inputProblem(volumeNode) and not self.logic.isLocating(volumeNode):
            self._find(model)

    def findAgain(self, model: str) -> None:
        """Look again for a humeral head whose box still lies where it was found."""
        if self._roiNode is not None and self.location is not None and not self.logic.inputProblem(self._volumeNode):
            self._find(model)

    def scanMoved(self) -> None:
        """The scan was moved, or changed otherwise: a person's box goes with it, one that was found is found again."""
        if self._takeAlong():
            self.update()
            self._changed()
        elif self.wasLeftBehind:
            self._problems.pop(self._volumeNode.GetID(), None)
            if self.logic.isLocating(self._volumeNode):
                self.logic.stopLocating()  # it looks where the scan no longer is
            self.update()
            self._moved()

    def _takeAlong(self) -> bool:
        self._isPlacing = True
        try:
            return self._anchor.follow(self._roiNode, self._volumeNode)
        finally:
            self._isPlacing = False

    def onFindHeadButton(self, clicked=False) -> None:
        if self._volumeNode is not None:
            self._parameterNode.showRoi = True
            self._shallJump = True
            self._find(self._parameterNode.model)

    def _find(self, model) -> None:
        self._problems.pop(self._volumeNode.GetID(), None)
        try:
            self.logic.locate(self._volumeNode, model)
        except RadiologyCNNError as error:
            self._problems[self._volumeNode.GetID()] = messageHtml(error.message, error.hint)
        self.update()

    def onLocated(self, volumeNode, message) -> None:
        """The search has ended: put the box there, and keep what was said."""
        self.series.noteSearch(volumeNode, message)
        location = dict(message["roi"])
        location["found"] = bool(message.get("found", True))
        self.place(volumeNode, location)

    def place(self, volumeNode, location: dict) -> None:
        """Put a scan's box to a place that was found; shown where it is the chosen scan.

        Args:
            volumeNode: the scan.
            location: ROI record with "found".
        """
        self._isPlacing = True
        try:
            roiNode = CuffRoi.placeRoi(volumeNode, location)
            kept = {"found": location["found"], "confidence": location.get("confidence", 1.0)}
            writeRecord(roiNode, CuffRoi.LOCATION_ATTRIBUTE, kept | self.series.saidOf(volumeNode))
        finally:
            self._isPlacing = False
        if self._volumeNode is volumeNode:
            self._observe(roiNode)
            self._anchor.note(roiNode, volumeNode)
            if confidenceText(self.location)[1]:  # the person is asked to look at it
                self._parameterNode.showRoi = True
            CuffRoi.setVisible(roiNode, self._parameterNode.showRoi)
            if self._shallJump:
                self._shallJump = False
                centre = [0.0] * 3
                roiNode.GetCenterWorld(centre)
                SliceViews.jumpTo(centre)
            self.update()
            self._changed()
        else:
            CuffRoi.setVisible(roiNode, False)

    def onLocatingFailed(self, error) -> None:
        """The search was refused, or could not be done: say why."""
        volumeNode = self._volumeNode
        if volumeNode is None:
            return
        self._problems[volumeNode.GetID()] = messageHtml(error.message, error.hint)
        self.update()
        self._changed()

    @property
    def hasFailed(self) -> bool:
        """Whether the search has refused the chosen scan or could not be done, and the panel says why."""
        isUnknown = self._volumeNode is not None and self.usableRoiNode is None
        return isUnknown and self._volumeNode.GetID() in self._problems

    # The box

    @property
    def location(self) -> dict | None:
        """What the search has said of the box where it lies now; None where the person has moved it, or the scan."""
        if not CuffRoi.isAutomatic(self._roiNode) or self.wasLeftBehind:
            return None
        return readRecord(self._roiNode, CuffRoi.LOCATION_ATTRIBUTE)

    def problem(self) -> str:
        """Why the network cannot work with the box; "" where it can, also without one."""
        return CuffRoi.roiProblem(self.usableRoiNode, self._volumeNode)

    def setLocked(self, locked: bool) -> None:
        """Keep the box where it is during a run."""
        self._lock.set(self._roiNode, locked)

    def _onRoiModified(self, caller=None, event=None) -> None:
        if self._isPlacing or self._lock.isChanging or slicer.mrmlScene.IsClosing():
            return
        self._anchor.note(self._roiNode, self._volumeNode)
        self._showStatus()  # no more than that: it is called at every step of a drag
        self._moved()
        problem = self.problem()
        if problem != self._problem:
            self._problem = problem
            self._changed()

    def followParameters(self) -> None:
        """Show what the parameter node says."""
        self.series.followParameters()
        CuffRoi.setVisible(self._roiNode, self._parameterNode.showRoi)

    # Widgets

    def update(self) -> None:
        """Fill the widgets."""
        ui, volumeNode = self.ui, self._volumeNode
        running, locating = self.logic.isRunning, self.logic.isLocating(volumeNode)
        self._isUsable = volumeNode is not None and not self.logic.inputProblem(volumeNode)
        self._problem = self.problem()
        ui.findHeadButton.enabled = self._isUsable and not running and not locating
        ui.showRoiCheckBox.enabled = self._roiNode is not None
        ui.sideSelector.enabled = not running
        self.series.update()
        self._showStatus()

    def _showStatus(self) -> None:
        ui = self.ui
        state, advice = self._status()
        ui.regionStatusLabel.text = state
        ui.regionStatusLabel.toolTip = self._placeText()
        ui.regionAdviceLabel.text = advice
        ui.regionAdviceLabel.visible = bool(advice)

    def _status(self) -> tuple[str, str]:
        """State of the search in a word or two, and as rich text what the person has to know or do."""
        if not self._isUsable:
            return "", ""
        if self.logic.isLocating(self._volumeNode):
            return _("Looking…"), ""
        if self.usableRoiNode is None:
            problem = self._problems.get(self._volumeNode.GetID(), "")
            return ("", problem) if problem else (_("Classify finds it"), "")
        location, problem = self.location, self.problem()
        state, advice = confidenceText(location)
        text = html.escape(problem or advice)
        isInTheWay = problem or (location is not None and not location.get("found", True))
        return state, f"<b>{text}</b>" if isInTheWay else text  # most places that are to be checked are right

    def _placeText(self) -> str:
        """Where the box is, in mm."""
        if not self._isUsable or self.usableRoiNode is None:
            return ""
        return centreText(CuffRoi.roiRequest(self._roiNode))
