"""Raters compared in the HemorrhageSeg panel: tables, figures, consensus, and who may see whose masks."""

import numpy as np
import pytest

PAIR = {
    "first": "ab", "second": "cd", "cases": ["case-0001", "case-0002", "case-0003"],
    "first_ml": [10.0, 20.0, 30.0], "second_ml": [12.0, 21.0, 33.0],
    "mean_ml": [11.0, 20.5, 31.5], "difference_ml": [2.0, 1.0, 3.0],
    "line": {"x": [10.0, 30.0], "y": [11.5, 32.5]}, "limits": {"bias": 2.0, "lower": 0.04, "upper": 3.96},
}  # fmt: skip
AGREEMENT = {
    "raters": ["ab", "cd"], "cases": PAIR["cases"], "notes": ["No network's mask is there."], "pairs": [],
    "case_rows": [
        {"case": "case-0001", "first": "ab", "second": "cd", "kappa": 0.9, "dice": 0.91, "first_ml": 10.0,
         "second_ml": 12.0}
    ],
    "table": {"columns": ["Raters", "Dice"], "rows": [["ab - cd", "0.91 ± 0.02"]]},
    "comparison_table": {"columns": ["Measure", "Figure"], "rows": [["Raters with each other, mean kappa", "0.86"]]},
    "matrix": {"raters": ["ab", "cd"], "absolute": [[0.0, 0.1], [0.1, 0.0]], "signed": [[0.0, 0.05], [-0.05, None]]},
    "plots": [PAIR], "comparison": None,
}  # fmt: skip


def testRatersAreComparedInTablesAndFigures(office):
    parts, slicer = office.parts, office.slicer
    assert not parts.agreementFrame.visible
    office.click(parts.compareRatersButton)
    assert office.second.requests[-1] == ("agreement", {"dataset": str(office.dataset)})
    office.second.result.emit("job-1", AGREEMENT)
    assert parts.agreementFrame.visible
    assert "mask is there" in parts.agreementLabel.text
    names = [parts.agreementTableSelector.itemText(n) for n in range(parts.agreementTableSelector.count)]
    assert names == [
        "Pairs of raters", "Network and raters", "Disagreement, absolute", "Disagreement, signed", "Each case",
    ]  # fmt: skip
    assert office.cellsOf(parts.agreementTable.mrmlTableNode()) == [["ab - cd", "0.91 ± 0.02"]]
    parts.agreementTableSelector.setCurrentIndex(3)
    assert office.cellsOf(parts.agreementTable.mrmlTableNode()) == [["ab", "0.000", "0.050"], ["cd", "-0.050", "–"]]
    charts = slicer.util.getNodesByClass("vtkMRMLPlotChartNode")
    assert {chart.GetTitle() for chart in charts} == {"Bland-Altman: ab – cd", "Volumes: ab – cd"}
    altman = next(chart for chart in charts if chart.GetTitle().startswith("Bland"))
    assert altman.GetYAxisRange()[1] > 4.0 + 0.3 * (4.0 - 0.0), "room for the legend above the upper limit"
    series = [altman.GetNthPlotSeriesNode(n) for n in range(altman.GetNumberOfPlotSeriesNodes())]
    points = slicer.util.arrayFromTableColumn(series[0].GetTableNode(), "y")
    assert points.tolist() == [2.0, 1.0, 3.0]
    assert [one.GetName() for one in series[1:]] == [
        "Mean (+2.0 mL)", "Mean - 1.96 SD (+0.0 mL)", "Mean + 1.96 SD (+4.0 mL)"
    ]  # fmt: skip
    before = office.nodeCount()
    office.click(parts.compareRatersButton)
    office.second.result.emit("job-2", AGREEMENT)
    assert office.nodeCount() == before
    slicer.mrmlScene.Clear(0)
    assert not parts.agreementFrame.visible


def testFailedAndCancelledComparisonsSaySo(office):
    from RadiologyCNNLib.WorkerClient import WorkerError

    parts = office.parts
    office.click(parts.compareRatersButton)
    office.second.failed.emit("job-1", WorkerError("too-few-raters", "There is one rater only.", "Wait for another."))
    assert "one rater only" in parts.agreementLabel.text
    office.click(parts.compareRatersButton)
    office.click(parts.compareRatersButton)
    assert "Cancelled" in parts.agreementLabel.text


def acceptAll(room, rater):
    room.openList(rater)
    for _case in range(3):
        room.openCase()
        room.stroke(np.s_[6:9, 30:36, 30 : 36 + 4 * (rater == "cd")])
        asked = room.count("segment")
        room.press("A")
        room.answerIfAsked(asked)


@pytest.mark.slow
def testConsensusOfTwoRatersByTheRealWorker(office, monkeypatch):
    import os
    import sys

    from RadiologyCNNLib.QtWorkerProcess import makeClient

    monkeypatch.setenv("PATH", os.path.dirname(sys.executable), prepend=os.pathsep)
    acceptAll(office, "ab")
    acceptAll(office, "cd")
    parts, jobs = office.parts, office.widget.jobs
    client = makeClient()
    jobs.client = client
    try:
        office.click(parts.compareRatersButton)
        assert office.host.process_events(120, until=lambda: not jobs.isRunning())
        assert office.parts.agreementTable.mrmlTableNode().GetNumberOfRows() >= 1, parts.agreementLabel.text
        parts.consensusMethodSelector.setCurrentIndex(2)
        parts.trainOnConsensusCheckBox.checked = True
        office.click(parts.consensusButton)
        assert office.host.process_events(120, until=lambda: not jobs.isRunning())
    finally:
        client.stop()
    store = office.widget.worklist.cases.store
    assert store.training_choice().method == "union"
    assert "union" in parts.trainingMasksLabel.text
    office.openCase("case-0001")
    assert office.caseId == "case-0001"
    office.click(parts.showRatersCheckBox)
    nodes = office.slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    node = next((one for one in nodes if one.GetName().endswith("raters")), None)
    assert node is not None, (parts.agreementLabel.text, [one.GetName() for one in nodes])
    segmentation = node.GetSegmentation()
    names = [segmentation.GetNthSegment(n).GetName() for n in range(segmentation.GetNumberOfSegments())]
    assert names == ["ab", "cd", "Consensus"]
    masks = [
        office.slicer.util.arrayFromSegmentBinaryLabelmap(node, segmentId, office.widget.parameterNode.inputVolume) != 0
        for segmentId in segmentation.GetSegmentIDs()
    ]
    assert not np.array_equal(masks[0], masks[1])
    assert np.array_equal(masks[2], masks[0] | masks[1])
    office.click(parts.showRatersCheckBox)
    assert not office.slicer.mrmlScene.IsNodePresent(node)
    office.click(parts.latestMasksButton)
    assert store.training_choice().source == "latest"


def testRatersAreHiddenUntilTheCaseIsDecided(office):
    office.openCase()
    assert not office.parts.showRatersCheckBox.enabled
    assert "without seeing" in office.parts.showRatersCheckBox.toolTip


def testPartsAreUsableByNameAndKeyboard(office, repository):
    from panels.clinic import unnamedWidgets

    assert unnamedWidgets(office.parts, repository / "HemorrhageSeg/Resources/UI/HemorrhageSegDataset.ui") == []
