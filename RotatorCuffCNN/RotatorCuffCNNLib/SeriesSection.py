"""The panel's lines about the series: what kind it is, what is to be noted about it, and the side of the shoulder."""

from slicer.i18n import tr as _

from RadiologyCNNLib.ChoiceSelector import ChoiceSelector
from RadiologyCNNLib.NodeRecord import readRecord, updateRecord
from RadiologyCNNLib.PanelTexts import linesHtml
from RotatorCuffCNNLib import CuffRoi
from RotatorCuffCNNLib.CuffTexts import seriesText, sideText
from RotatorCuffCNNLib.Logic import AUTOMATIC_SIDE

SIDE_ATTRIBUTE = "RotatorCuffCNN.Side"  #: of a scan: the side that a person has chosen for it


class SeriesSection:
    """Brings the chosen scan, the parameter node and the widgets of series and side in line.

    What is said of a series stands in the record of the scan's box, too, so that it is there after a reload.

    Args:
        ui: the panel's widgets.
    """

    def __init__(self, ui) -> None:
        self.ui = ui
        self._parameterNode = None
        self._volumeNode = None
        self._said = {}  # scan's identifier: {"series": description, "notes": texts}
        self._side = ChoiceSelector(ui.sideSelector, self._onSideChosen)

    @property
    def notes(self) -> tuple:
        """What was said of the chosen scan, and the panel shows already."""
        return tuple(self._ofChosen().get("notes") or ())

    def setVolume(self, parameterNode, volumeNode) -> None:
        """This scan is the chosen one from now on; None for none. Without parameter node everything is forgotten."""
        isOtherScan = parameterNode is self._parameterNode and volumeNode is not self._volumeNode
        self._parameterNode = parameterNode
        self._volumeNode = volumeNode
        if isOtherScan and parameterNode is not None:
            # a side that was chosen for one patient's scan says nothing of the next one's
            parameterNode.side = (volumeNode and volumeNode.GetAttribute(SIDE_ATTRIBUTE)) or AUTOMATIC_SIDE
        if parameterNode is None:
            self._said.clear()

    def noteSearch(self, volumeNode, message) -> None:
        """What the search for the humeral head has said of a scan; :meth:`saidOf` is for its box's record."""
        self._said[volumeNode.GetID()] = {"series": message.get("series") or {}, "notes": message.get("notes") or []}

    def noteClassification(self, series, notes) -> None:
        """What a classification has found out about the chosen scan, where the search has told less or, as of a scan
        that was renamed since, otherwise.

        Args:
            series: description of the series; None for nothing.
            notes: of the classification; what the search has noted and it has not holds no longer.
        """
        before = self._ofChosen()
        if self._volumeNode is None or not series or series == before.get("series"):
            return
        said = {"series": series, "notes": [note for note in before.get("notes") or () if note in notes]}
        self._said[self._volumeNode.GetID()] = said
        roiNode = CuffRoi.roiOf(self._volumeNode)
        if roiNode is not None:
            updateRecord(roiNode, CuffRoi.LOCATION_ATTRIBUTE, **said)
        self.update()

    def saidOf(self, volumeNode) -> dict:
        """What was said of a scan's series since the scene was opened; {} for nothing."""
        return self._said.get(volumeNode.GetID(), {})

    def _ofChosen(self) -> dict:
        """What was said of the chosen scan's series, now or before the scene was saved."""
        if self._volumeNode is None:
            return {}
        roiNode = CuffRoi.roiOf(self._volumeNode)
        return self.saidOf(self._volumeNode) or (readRecord(roiNode, CuffRoi.LOCATION_ATTRIBUTE) if roiNode else {})

    def followParameters(self) -> None:
        """Show the side that the parameter node says, and keep it with the scan, for when that is chosen again."""
        side = self._parameterNode.side
        self._side.select(side)
        chosen = "" if side == AUTOMATIC_SIDE else side
        if self._volumeNode is not None and (self._volumeNode.GetAttribute(SIDE_ATTRIBUTE) or "") != chosen:
            self._volumeNode.SetAttribute(SIDE_ATTRIBUTE, chosen or None)

    def update(self) -> None:
        """Fill the widgets."""
        said = self._ofChosen()
        series = said.get("series") or {}
        self.ui.seriesLabel.text = seriesText(series)
        self.ui.seriesLabel.visible = self.ui.seriesNameLabel.visible = bool(self.ui.seriesLabel.text)
        notes = said.get("notes") or ()
        self.ui.seriesNotesLabel.text = linesHtml(notes)
        self.ui.seriesNotesLabel.visible = bool(notes)
        automatic = _("Automatic")
        if series:
            automatic = _("Automatic ({side})").format(side=sideText(series.get("side", "unknown")))
        chosen = self._parameterNode.side if self._parameterNode is not None else AUTOMATIC_SIDE
        self._side.setChoices([(AUTOMATIC_SIDE, automatic), ("left", _("Left")), ("right", _("Right"))])
        self._side.select(chosen)

    def _onSideChosen(self, side) -> None:
        if self._parameterNode is not None:
            self._parameterNode.side = side
