"""The comparison of a reader study in the panel: tables, charts, report, export."""

import csv
from pathlib import Path

import numpy as np
import pytest
from panels.study_clinic import CASES, classified


@pytest.fixture
def compared(clinic, folder):
    """Two readers have answered, and the comparison has come from the engine."""
    from radiologycnn.evaluation.summary import plain_record
    from radiologycnn.readers.outputs import write_comparison

    rows = "".join(f"{case},0.1,0.1,0.1,0.6,0.1\n" for case in CASES[1:])
    (folder / "network").mkdir(exist_ok=True)
    (folder / "network" / "predictions.csv").write_text(
        "case,p_none,p_partial,p_small,p_medium,p_large_to_massive\nalpha,0.8,0.05,0.05,0.05,0.05\n" + rows
    )
    for reader in ("R01", "R02"):
        clinic.startStudy(reader)
        for key in (1, 2, 3, 4):
            clinic.read(key, seconds=4 + key)
    clinic.click(clinic.study.compareButton)
    job, fields = clinic.sent("compare_readers")
    output = Path(fields["output"])
    record = write_comparison(Path(fields["study"]), output)
    clinic.client.result.emit(job, {"comparison": plain_record(record), "page": str(output / "report.html")})
    clinic.record = record
    return clinic


def testComparisonNeedsAnswersAndTruth(clinic, folder):
    clinic.open()
    assert not clinic.study.compareButton.enabled
    assert "Nobody has answered" in clinic.study.compareButton.toolTip
    (folder / "truth.csv").unlink()
    clinic.click(clinic.study.studyFolderButton)
    assert "no truth.csv" in clinic.study.compareButton.toolTip


def testComparisonIsShownAsTables(compared):
    names = [compared.study.comparisonTableSelector.itemText(n) for n in range(5)]
    assert names[0] == "Groups: median (quartiles)"
    table = compared.study.comparisonTable.mrmlTableNode()
    cells = compared.cellsOf(table)
    assert [row[0] for row in cells] == [
        "Top-1 accuracy", "Top-1 ± 1 accuracy", "Sensitivity", "Specificity", "Diagnostic time (s)",
    ]  # fmt: skip
    assert cells[4][2] == "6.5 (6.5, 6.5)"
    assert compared.study.comparisonTable.isVisible()
    compared.choose(compared.study.comparisonTableSelector, "Each reader")
    cells = compared.cellsOf(compared.study.comparisonTable.mrmlTableNode())
    assert [row[0] for row in cells] == ["Network", "R01", "R02"]


def testReadersBoxesAgainstTheMapsPeakAreGivenAsNumbers(clinic, folder):
    """Two boxes by one reader: the map's peak is in the middle of the first, and 13 mm beside the second."""
    from radiologycnn.images import write_image
    from radiologycnn.readers.outputs import write_comparison

    peak = np.zeros((10, 10, 10), np.float32)
    peak[5, 5, 5] = 1.0
    matrix = np.diag([4.0, 4.0, 4.0, 1.0])
    matrix[:3, 3] = (-20, -10, -16)  # the peak's voxel is centred on L 0, P 10, S 4
    for case in CASES:
        classified(folder, case, (0.0, -10.0, 4.0))
        write_image(folder / "network" / case / "cam_raw.nii.gz", peak, matrix)
    clinic.startStudy()
    for place in ((0, -10, 4), (18, -10, 4)):
        clinic.click(clinic.study.markBoxButton)
        clinic.section.scene.markNode.SetCenterWorld(*place)
        clinic.section.scene.markNode.SetSize(10, 10, 10)
        clinic.read(4)
    clinic.read(1)
    clinic.read(1)
    clinic.click(clinic.study.compareButton)
    job, fields = clinic.sent("compare_readers")
    record = write_comparison(folder, Path(fields["output"]))
    clinic.client.result.emit(job, {"comparison": record, "page": str(Path(fields["output"]) / "report.html")})
    clinic.choose(clinic.study.comparisonTableSelector, "Map's peak in the readers' boxes")
    ((reader, boxes, inside, near, distance),) = clinic.cellsOf(clinic.study.comparisonTable.mrmlTableNode())
    assert (reader, boxes) == ("R01", "2")
    assert inside.startswith("50 % (")
    assert near.startswith("50 % (")
    assert float(distance) == pytest.approx(6.5)
    assert "Peak inside the box" in (Path(fields["output"]) / "report.html").read_text(encoding="utf-8")


def testComparisonIsThereAsCharts(compared):
    util = compared.slicer.util
    charts = {node.GetTitle(): node for node in util.getNodesByClass("vtkMRMLPlotChartNode")}
    assert set(charts) == {"ROC curve and readers", "Accuracy, tear or none", "Top-1 accuracy", "Diagnostic time"}
    roc = charts["ROC curve and readers"]
    series = [roc.GetNthPlotSeriesNode(n) for n in range(roc.GetNumberOfPlotSeriesNodes())]
    line = next(one for one in series if one.GetMarkerStyle() == one.MarkerStyleNone and one.GetName() != "Chance")
    curve = util.arrayFromTableColumn(line.GetTableNode(), "y")
    assert curve.tolist() == compared.record["roc"][0]["true_positive_rate"]
    readers = next(one for one in series if one.GetName() == "Readers")
    assert len(util.arrayFromTableColumn(readers.GetTableNode(), "x")) == 2
    assert not roc.GetLegendVisibility(), "it would lie over readers"
    assert roc.GetXAxisTitle() == "1 - specificity · circle: Network · cross: Readers"
    time = charts["Diagnostic time"]
    assert time.GetXAxisTitle() == "1: Network · 2: Readers"
    points, box = (time.GetNthPlotSeriesNode(n).GetTableNode() for n in range(2))
    seconds = util.arrayFromTableColumn(points, "y")
    heights = util.arrayFromTableColumn(box, "y")
    assert set(heights) == set(np.percentile(seconds, (25, 50, 75)))
    count = compared.nodeCount()
    compared.widget.readerStudy.results.onCompared({"comparison": compared.record, "page": ""})
    assert compared.nodeCount() == count


def testFigureAndReportAreOpened(compared, monkeypatch):
    opened, shown = [], []
    monkeypatch.setattr(compared.qt.QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()))
    compared.click(compared.study.openComparisonButton)
    assert "Shoulder study" in Path(opened[0]).read_text(encoding="utf-8")

    class Plots:
        def logic(self):
            return self

        def ShowChartInLayout(self, chartNode):
            shown.append(chartNode.GetTitle())

    monkeypatch.setattr(compared.slicer.modules, "plots", Plots(), raising=False)
    compared.widget.readerStudy.results.update()
    compared.choose(compared.study.figureSelector, "Diagnostic time")
    compared.click(compared.study.showFigureButton)
    assert shown == ["Diagnostic time"]


def testFailedComparisonSaysWhy(clinic):
    clinic.startStudy()
    clinic.read(1)
    clinic.click(clinic.study.endStudyButton)
    clinic.click(clinic.study.compareButton)
    assert not clinic.study.compareButton.enabled
    clinic.fail(clinic.sent("compare_readers")[0], "bad-groups", "groups.csv has no columns.", "Name them so.")
    assert "groups.csv has no columns." in clinic.study.comparisonLabel.text
    assert clinic.study.compareButton.enabled


def testAnswersAreExported(clinic, tmp_path, monkeypatch):
    clinic.startStudy()
    clinic.read(2)
    clinic.read(3)
    clinic.click(clinic.study.endStudyButton)
    path = tmp_path / "out"
    monkeypatch.setattr(clinic.qt.QFileDialog, "getSaveFileName", lambda *arguments: str(path))
    clinic.click(clinic.study.exportAnswersButton)
    with (tmp_path / "out.csv").open(newline="") as file:
        assert [row["tear_class"] for row in csv.DictReader(file)] == ["Partial", "Small"]
