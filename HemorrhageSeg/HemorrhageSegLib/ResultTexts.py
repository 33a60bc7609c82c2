"""What the panel says of a result, in words."""

import html

from slicer.i18n import tr as _

from HemorrhageSegLib import LabelSegments
from radiologycnn.hemorrhage.labels import BLEED_TYPES
from RadiologyCNNLib.PanelTexts import linesHtml

#: What clinicians call the types of bleed, by their whole names.
_ABBREVIATIONS = {label.name: key.upper() for key, label in BLEED_TYPES.items()}
_LONGEST_IN_TABLE = 9  #: letters of another model's label, so that the numbers stay in a narrow panel


def volumeText(volumeMl: float) -> str:
    """A volume as it is read aloud: two digits after the point below 1 mL, one above."""
    digits = 2 if 0 < volumeMl < 1 else 1
    return _("{volume} mL").format(volume=f"{volumeMl:.{digits}f}")


def measuredText(measurements, labels=()) -> str:
    """ABC/2, number of lesions, and for models of several types each type's volume, as rich text.

    Args:
        labels: LabelDefinition of each type: a square in its colour stands before its name, as a legend of the views.
    """
    count = len(measurements.lesions)
    if count == 0:
        return _("No bleed found at this threshold.")
    found = _("1 lesion") if count == 1 else _("{count} lesions").format(count=count)
    lines = [_unbroken([_("ABC/2 {volume}").format(volume=volumeText(measurements.total_abc2_ml)), found])]
    if len(measurements.totals) > 1:
        names = _legendNames([total.label_name for total in measurements.totals])
        found = [total for total in measurements.totals if total.lesion_count]
        squares = {label.value: _square(label.color_rgb) for label in labels}
        lines.append(
            _unbroken(
                [f"{names[total.label_name]} {volumeText(total.volume_ml)}" for total in found],
                [squares.get(total.label_value, "") for total in found],
            )
        )
    return "<br>".join(lines)


def _unbroken(parts, marks=None) -> str:
    """Texts behind each other as rich text; a line that is full ends between two of them, not before a unit.

    Args:
        marks: rich text before each.
    """
    marked = zip(parts, marks or [""] * len(parts))
    between = "&nbsp; " if marks else " · "  # the marks part them well enough, also at the end of a line
    return between.join(f'<span style="white-space:nowrap">{mark}{html.escape(part)}</span>' for part, mark in marked)


def _square(colorRgb) -> str:
    """A square in a segment's colour, as rich text."""
    color = "".join(f"{round(255 * part):02x}" for part in colorRgb)
    return f'<span style="color:#{color}">■</span> '


def _legendNames(names) -> dict:
    """Name as the legend has it by whole name, "Subdural (SDH)": without the last word that all of them end with."""
    ends = {name.rpartition(" ")[::2] for name in names}
    same = len(ends) > 1 and len({last for _first, last in ends}) == 1 and all(first for first, _last in ends)
    legend = {name: name.rpartition(" ")[0] if same else name for name in names}
    return {
        name: f"{text} ({_ABBREVIATIONS[name]})" if name in _ABBREVIATIONS else text for name, text in legend.items()
    }


def typeCell(name: str) -> str:
    """A type of bleed as the table has it: "SDH"."""
    short = name if len(name) <= _LONGEST_IN_TABLE else f"{name[: _LONGEST_IN_TABLE - 1]}…"
    return _ABBREVIATIONS.get(name, short)


def notesText(result, saidAlready="") -> str:
    """What the person has to know about the shown result, as rich text; "" where there is nothing."""
    if result is None:
        return ""
    record = result.record
    notes = []
    if record.get("network_run"):
        notes.append(
            _("Undo has brought an earlier run's mask back: the threshold is locked. Reset goes to the last run's.")
        )
    elif record.get("edited"):
        notes.append(_("Corrected by hand: the threshold is locked. Reset goes back to the network's own mask."))
    elif not result.canThreshold:
        notes.append(_("The probability map is no longer in the scene, so the threshold cannot be changed."))
    others = LabelSegments.namesOfOthers(result)
    if others:
        notes.append(_("Added by hand, and in none of these numbers: {names}.").format(names=", ".join(others)))
    notes += [str(note) for note in record.get("notes") or [] if note != saidAlready]
    if record.get("device_name"):
        model = record.get("model") or _("unknown")
        notes.append(_("Model {model} on {device}.").format(model=model, device=record["device_name"]))
    return linesHtml(notes)
