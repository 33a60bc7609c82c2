"""The panel's result part: total, notes, table; shows a result and holds none."""

import html

import qt
from slicer.i18n import tr as _


def volumeText(volumeMl: float) -> str:
    """A volume as it is read aloud: two digits after the point below 1 mL, one above."""
    digits = 2 if 0 < volumeMl < 1 else 1
    return _("{volume} mL").format(volume=f"{volumeMl:.{digits}f}")


def scaledFont(font, factor: float, atLeastPoints: float = 0.0, isBold: bool = True):
    """A font some times as large as the given one, so that it follows the person's own setting."""
    scaled = qt.QFont(font)
    points = font.pointSizeF() if font.pointSizeF() > 0 else 10.0  # a font may be set in pixels instead
    scaled.setPointSizeF(max(points * factor, atLeastPoints))
    scaled.setBold(isBold)
    return scaled


class ResultSection:
    """Fills the widgets below the Segment button."""

    def __init__(self, ui) -> None:
        self.ui = ui
        # a multiple of the person's own font size: 36 points and more can be read from two metres
        ui.totalLabel.setFont(scaledFont(ui.totalLabel.font, 4.0, atLeastPoints=36.0))
        ui.abcLabel.setFont(scaledFont(ui.abcLabel.font, 1.25, isBold=False))
        ui.lesionTable.verticalHeader().setVisible(False)
        ui.lesionTable.horizontalHeader().setSectionResizeMode(qt.QHeaderView.ResizeToContents)

    def show(self, result, provisionalMl=None) -> None:
        """Show a result, or none.

        Args:
            result: SceneResult or None.
            provisionalMl: total of a mask whose measurements are not back yet.
        """
        ui = self.ui
        widgets = (ui.resetThresholdButton, ui.lesionTable, ui.showFillCheckBox, ui.showOutlineCheckBox)
        for widget in (*widgets, ui.show3DCheckBox, ui.opacitySlider, ui.exportSegmentationButton):
            widget.enabled = result is not None
        measurements = result.measurements if result else None
        record = result.record if result else {}
        edited = bool(record.get("edited"))
        ui.exportCsvButton.enabled = measurements is not None
        ui.thresholdSlider.enabled = result is not None and result.canThreshold and not edited
        ui.resetThresholdButton.enabled = result is not None and result.canThreshold
        ui.lesionTable.setMRMLTableNode(result.tableNode if result else None)
        if measurements is not None:
            ui.totalLabel.text = volumeText(measurements.total_volume_ml)
            ui.abcLabel.text = _measuredText(measurements)
        elif provisionalMl is not None:
            ui.totalLabel.text = volumeText(provisionalMl)
            ui.abcLabel.text = ""
        else:
            ui.totalLabel.text = "–"
            ui.abcLabel.text = "" if result else _("No result yet. Choose a head CT and click Segment.")
        notes = _notes(result, record, edited)
        ui.notesLabel.text = "<br>".join(html.escape(note) for note in notes)
        ui.notesLabel.visible = bool(notes)
        self.showTableStatus("" if result is None or measurements else _("The table is being updated…"))

    def showTableStatus(self, text: str) -> None:
        """Say below the table why it is empty; "" where it is not."""
        self.ui.tableStatusLabel.text = text
        self.ui.tableStatusLabel.visible = bool(text)


def _measuredText(measurements) -> str:
    count = len(measurements.lesions)
    if count == 0:
        return _("No bleed found at this threshold.")
    found = _("one bleed") if count == 1 else _("{count} bleeds").format(count=count)
    lines = [_("ABC/2 {volume}").format(volume=volumeText(measurements.total_abc2_ml)), found]
    if len(measurements.totals) > 1:
        lines += [
            f"{total.label_name} {volumeText(total.volume_ml)}" for total in measurements.totals if total.lesion_count
        ]
    return "<br>".join(html.escape(line) for line in lines)


def _notes(result, record: dict, edited: bool) -> list:
    """What the person has to know about the shown result, in words."""
    if result is None:
        return []
    notes = []
    if edited:
        notes.append(_("Corrected by hand: the threshold is locked. Reset goes back to the network's own mask."))
    elif not result.canThreshold:
        notes.append(_("The probability map is no longer in the scene, so the threshold cannot be changed."))
    notes += [str(note) for note in record.get("notes") or []]
    if record.get("device_name"):
        notes.append(
            _("Model {model} on {device}.").format(
                model=record.get("model") or _("unknown"), device=record["device_name"]
            )
        )
    return notes
