"""The result's two tables in the scene: the classes as a clinician reads them, and where the network looked.

Two tables, because their rows are about different things: a class has a probability, a map has a place.
"""

import slicer
import vtk
from slicer.i18n import tr as _

from radiologycnn.rotatorcuff.results import CamEvidence, Classification, percent
from radiologycnn.rotatorcuff.tear_classes import TEAR_CLASSES
from RotatorCuffCNNLib.CuffResult import EVIDENCE_TABLE_ROLE, TABLE_ROLE, CuffResult

METHOD_NAMES = {"cam": "CAM", "grad_cam": "Grad-CAM"}
#: Before the class that is the answer, and before the others: a table file loses cells that are empty.
PREDICTED_MARK, OTHER_MARK = "●", "○"


def updateTables(result: CuffResult) -> None:
    """Fill both tables from the kept classification; made where they are not there."""
    classification = result.classification
    headings, rows = classTable(classification)
    titles = list(headings)
    if classification.repeats:  # as short as a narrow panel needs them; the whole ones are in the tool tips
        titles[3:] = [_("%"), _("Median"), _("Quartiles"), _("Runs")]
    _fill(_ensure(result, TABLE_ROLE, _("{cam} classes")), headings, rows, titles)
    headings, rows = evidenceTable(classification)
    _fill(_ensure(result, EVIDENCE_TABLE_ROLE, _("{cam} evidence")), headings, rows, headings)


def hiddenColumns(classification: Classification) -> set:
    """Columns of the classes that a panel leaves out: the definition, and beside repeats the mark of the answer."""
    return {0, 2} if classification.repeats else {2}


def classTable(classification: Classification) -> tuple[list, list]:
    """(headings, rows) of the classes: five, and the tear of any size below them; probabilities in per cent."""
    repeats = classification.repeats
    headings = [_("Answer"), _("Class"), _("Definition"), _("Probability (%)")]
    if repeats:
        headings += [
            _("Median (%)"),
            _("Quartiles (%)"),
            _("Most probable in {count} runs").format(count=repeats.count),
        ]
    rows = []
    for tearClass in TEAR_CLASSES:
        index = tearClass.index
        mark = PREDICTED_MARK if index == classification.predicted else OTHER_MARK
        row = [mark, tearClass.name, tearClass.definition, percent(classification.probabilities[index])]
        if repeats:
            row += [*_quartiles(repeats.class_quartiles[index]), str(repeats.predicted_counts[index])]
        rows.append(row)
    says = classification.tear_probability >= classification.tear_threshold
    definition = _("tear of any size, from {threshold} % on").format(threshold=percent(classification.tear_threshold))
    row = [
        PREDICTED_MARK if says else OTHER_MARK,
        _("Tear versus none"),
        definition,
        percent(classification.tear_probability),
    ]
    if repeats:
        row += [*_quartiles(repeats.tear_quartiles), str(repeats.count - repeats.predicted_counts[0])]
    rows.append(row)
    return headings, rows


def evidenceTable(classification: Classification) -> tuple[list, list]:
    """(headings, rows) of where the network looked: one row a map; places and lengths in mm, never a tear's own."""
    headings = [
        _("Network looked for"),
        _("Method"),
        _("Peak R (mm)"),
        _("Peak A (mm)"),
        _("Peak S (mm)"),
        _("Extent R-L × A-P × S-I (mm)"),
        _("Volume (mL)"),
    ]
    return headings, [_evidenceRow(one) for one in classification.evidence]


def _evidenceRow(one: CamEvidence) -> list:
    method = METHOD_NAMES.get(one.method, one.method)
    if one.peak_ras_mm is None:
        return [one.target_name, method, "–", "–", "–", _("no place speaks for it"), "–"]
    places = [f"{value:.1f}" for value in one.peak_ras_mm]
    extent = " × ".join(f"{size:.0f}" for size in one.extent_mm)
    return [one.target_name, method, *places, extent, f"{one.volume_ml:.1f}"]


def _quartiles(triple) -> list:
    low, median, high = triple
    return [percent(median), f"{percent(low)} – {percent(high)}"]


def _ensure(result: CuffResult, role: str, name: str):
    tableNode = result.camNode.GetNodeReference(role)
    if tableNode is None:
        tableNode = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", name.format(cam=result.camNode.GetName()))
        tableNode.SetLocked(True)  # computed, not typed
        tableNode.SetUseColumnTitleAsColumnHeader(True)  # else Slicer shows the headings as the first row
        result.camNode.SetNodeReferenceID(role, tableNode.GetID())
    return tableNode


def _fill(tableNode, headings: list, rows: list, titles: list) -> None:
    with slicer.util.NodeModify(tableNode):
        tableNode.RemoveAllColumns()
        for number, heading in enumerate(headings):
            column = vtk.vtkStringArray()
            column.SetName(heading)
            for row in rows:
                column.InsertNextValue(row[number])
            tableNode.AddColumn(column)
            tableNode.SetColumnTitle(heading, titles[number])
