"""A list as a whole in the HemorrhageSeg panel: next case ready beforehand, order, raters compared, model improved."""

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


@pytest.fixture
def office(room):
    """A room with three scans listed and a second worker that answers what the test tells it to."""
    from RadiologyCNNLib.AnswerlessClient import AnswerlessClient

    room.widget.jobs.abandon()
    room.second = AnswerlessClient()
    room.widget.jobs.client = room.second
    room.parts = room.widget.datasetUi
    parts = (room.parts.agreementCollapsibleButton, room.parts.improveCollapsibleButton)
    for part in parts:
        part.collapsed = False
    room.writeScans()
    room.openList()
    yield room
    for part in parts:
        part.collapsed = True
    room.widget.jobs.abandon()


def prepare(room, caseId, model="test-1.0.0"):
    """Answer the request for the next case as the worker would; returns the request's fields."""
    from radiologycnn.images import read_volume, write_image

    job, fields = room.sent("prepare_case")
    volume = read_volume(fields["path"])
    np.save(f"{fields['output']}/scan.npy", volume.array)
    if fields["image"]:
        write_image(fields["image"], volume.array, volume.ijk_to_lps)
    segmentation = room.selfTest.resultMessage(room.heads[caseId], fields["output"])
    segmentation.update(model=model, provenance={"model_sha256": "0" * 64})
    field = {"array": f"{fields['output']}/scan.npy", "ijk_to_lps": volume.ijk_to_lps.tolist(), "modality": ""}
    room.client.result.emit(job, {"volume": field, "notes": [], "segmentation": segmentation})
    return fields


def waitForPreparing(room):
    nextCase = room.widget.worklist.opening.nextCase
    room.waitFor(lambda: nextCase.key not in ("", room.caseId))


def shownCases(room) -> list:
    table = room.ui.caseTable
    return [table.item(row, 0).text() for row in range(table.rowCount) if not table.isRowHidden(row)]


# The next case


def testNextCaseIsReadyWhenTheKeyIsPressed(office, monkeypatch):
    import slicer

    office.openCase()
    waitForPreparing(office)
    fields = prepare(office, "case-0002")
    assert fields["segment"]
    asked = office.count("segment")
    with monkeypatch.context() as patch:
        patch.setattr(slicer.util, "loadVolume", lambda *a, **k: pytest.fail("the scan was read in the panel"))
        office.press("A")
    assert office.caseId == "case-0002"
    assert office.count("segment") == asked, "its network has run already"
    assert np.array_equal(office.maskOf(), office.heads["case-0002"].truth != 0)
    scan = slicer.util.arrayFromVolume(office.widget.parameterNode.inputVolume)
    assert np.array_equal(scan, office.heads["case-0002"].array)
    assert office.ui.brainWindowCheckBox.checked
    office.press("A")
    word = office.word("case-0002")
    assert word["network_mask"]
    assert (office.dataset / word["network_mask"]).is_file()
    from radiologycnn.images import read_volume

    assert np.array_equal(read_volume(office.dataset / "images/case-0002.nii").array, scan)


def testPreparedScanOfAnotherModelIsSegmentedAnew(office):
    office.openCase()
    waitForPreparing(office)
    prepare(office, "case-0002", model="another-1.0.0")
    asked = office.count("segment")
    office.press("A")
    assert office.caseId == "case-0002"
    assert office.count("segment") == asked + 1


def testAnotherCaseThanThePreparedOneIsOpenedAsEver(office):
    import os

    office.openCase()
    waitForPreparing(office)
    folder = prepare(office, "case-0002")["output"]
    assert os.path.isdir(folder)
    assert office.openCase("case-0003") == "case-0003"
    assert not os.path.isdir(folder), "patient images do not stay behind"
    waitForPreparing(office)
    assert office.sent("prepare_case")[1]["path"].endswith("_0.nii.gz"), "around the end of the list"


def testPreparingIsStoppedWhenAnotherCaseIsOpened(office, monkeypatch):
    import os

    office.openCase()
    waitForPreparing(office)
    job, fields = office.sent("prepare_case")
    stopped = []
    with monkeypatch.context() as patch:
        patch.setattr(office.client, "cancel", lambda job, mayKill=True: stopped.append((job, mayKill)))
        office.openCase("case-0003")
    assert (job, False) in stopped, "the warm worker is not ended for that"
    assert not os.path.isdir(fields["output"])


def testSceneCloseDropsWhatWasPrepared(office):
    import os

    office.openCase()
    waitForPreparing(office)
    folder = prepare(office, "case-0002")["output"]
    office.slicer.mrmlScene.Clear(0)
    assert not os.path.isdir(folder)


# Order


def predict(room, **uncertainty):
    from radiologycnn.annotation.predictions import Prediction

    for number, value in uncertainty.items():
        caseId = f"case-000{number[1:]}"
        model = {"id": "test-1.0.0", "sha256": "0" * 64}
        prediction = Prediction(caseId, model, 0.5, 100 * value, value, 10 * (1 - value))
        room.widget.worklist.cases.store.save_prediction(prediction)
    room.widget.worklist.showRows()


def testOrderByWhatTeachesMostIsFollowedAndRemembered(office):
    ui, table = office.ui, office.ui.caseTable
    predict(office, c2=0.2, c3=0.7)
    ui.caseOrderSelector.setCurrentIndex(ui.caseOrderSelector.findData("learn"))
    assert shownCases(office) == ["case-0003", "case-0002", "case-0001"]
    header = table.horizontalHeader()
    assert header.sortIndicatorSection() == 2
    assert table.horizontalHeaderItem(2).text() == "Uncertainty"
    assert table.item(0, 4).font().italic(), "the network's volume is told from the rater's"
    assert office.openCase() == "case-0003"
    asked = office.count("segment")
    office.press("A")
    office.answerIfAsked(asked)
    assert office.caseId == "case-0002"
    ui.caseOrderSelector.setCurrentIndex(ui.caseOrderSelector.findData("volume"))
    table.sortItems(1, office.qt.Qt.DescendingOrder)  # as a click on the heading
    assert ui.caseOrderSelector.itemData(ui.caseOrderSelector.currentIndex) == ""
    ui.caseOrderSelector.setCurrentIndex(ui.caseOrderSelector.findData("work"))
    assert shownCases(office)[:2] == ["case-0002", "case-0003"]
    assert table.item(0, 3).text() == "8" and table.isColumnHidden(2) and not table.isColumnHidden(3)
    ui.caseOrderSelector.setCurrentIndex(ui.caseOrderSelector.findData("learn"))
    assert table.isColumnHidden(3)
    ui.caseFilterSelector.setCurrentIndex(ui.caseFilterSelector.findData("open"))

    from RadiologyCNNLib.CaseTable import CaseTable

    again = CaseTable(office.qt.QTableWidget(), office.qt.QComboBox(), office.qt.QComboBox())
    assert again.orderName == "learn"
    assert again._filter.itemData(again._filter.currentIndex) == "open"


def testRankingRunsInAWorkerOfItsOwn(office):
    office.click(office.ui.rankButton)
    command, fields = office.second.requests[-1]
    assert command == "rank_cases"
    assert [scan["case"] for scan in fields["scans"]] == ["case-0001", "case-0002", "case-0003"]
    assert office.ui.rankButton.text == "Cancel"
    office.second.progress.emit("job-1", 0.4, "Case 2 of 3", 5.0)
    assert "Case 2 of 3" in office.ui.rankLabel.text
    problem = {"case": "case-0002", "message": "This is no head CT."}
    office.second.result.emit("job-1", {"cases": [], "problems": [problem], "model": "test-1.0.0"})
    assert "no head CT" in office.ui.rankLabel.text
    assert office.ui.rankButton.text == "Rank the list"
    office.click(office.ui.rankButton)
    office.click(office.ui.rankButton)
    assert office.ui.rankButton.text == "Rank the list"


# Agreement


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


# Improve


def startImproving(room):
    room.click(room.parts.improveButton)
    return f"job-{len(room.second.requests)}"


def improvement(accepted, model="test-1.1.0") -> dict:
    log = [{"epoch": n, "train_loss": 1.0 / n, "held_out_dice": 0.5 + 0.1 * n, "seconds": 3.0} for n in (1, 2)]
    message = "Held-out Dice 0.70, before 0.55."
    return {"accepted": accepted, "message": message, "model": model, "log": log, "notes": ["One mask is missing."]}


def testBetterModelIsChosenAndTheOldOneStays(office, monkeypatch):
    from RadiologyCNNLib.ModelSelector import ModelChoice

    parts, inputs = office.parts, office.widget.inputs
    job = startImproving(office)
    command, fields = office.second.requests[-1]
    assert (command, fields["model"], fields["dataset"]) == ("improve", "test-1.0.0", str(office.dataset))
    assert parts.improveButton.text == "Cancel"
    stage = "Epoch 3 of 8, loss 0.412, held-out Dice 0.655 (before 0.553)"
    office.second.progress.emit(job, 0.4, stage, 130.0)
    assert parts.improveStageLabel.text.startswith(stage)
    assert parts.improveProgressBar.value == 40
    assert office.ui.segmentButton.text == "Segment", "Segment is not held up"

    old = inputs._choices[0]
    new = ModelChoice("test-1.1.0", "Test model 1.1.0", "", old.package)
    # The module by this name is another one where a test before this one has reloaded the panel.
    monkeypatch.setitem(inputs.refreshModels.__globals__, "modelChoices", lambda task: [old, new])
    office.second.result.emit(job, improvement(True))
    assert "0.70, before 0.55" in parts.improveLabel.text and "One mask is missing." in parts.improveLabel.text
    assert inputs.modelId == "test-1.1.0"
    assert office.widget.parameterNode.model == "test-1.1.0"
    assert office.ui.modelSelector.count == 2
    chart = office.slicer.util.getNodesByClass("vtkMRMLPlotChartNode")[0]
    series = [chart.GetNthPlotSeriesNode(n) for n in range(chart.GetNumberOfPlotSeriesNodes())]
    assert [one.GetName() for one in series] == ["Loss", "Held-out Dice"]
    assert office.slicer.util.arrayFromTableColumn(series[1].GetTableNode(), "y").tolist() == [0.6, 0.7]


def testWorseModelIsRefusedInASentenceAndCancelKeepsTheOld(office):
    parts = office.parts
    job = startImproving(office)
    office.second.result.emit(job, improvement(False, model=""))
    assert "before 0.55" in parts.improveLabel.text
    assert office.widget.inputs.modelId == "test-1.0.0"
    startImproving(office)
    office.click(parts.improveButton)
    assert "Cancelled" in parts.improveLabel.text
    assert parts.improveButton.text == "Improve the model"
    assert office.widget.inputs.modelId == "test-1.0.0"


def testPyTorchIsOfferedWhereImprovingNeedsIt(office, monkeypatch):
    """A computer without an NVIDIA GPU segments without PyTorch, and then has none to train with."""
    from panels.clinic import StandInInstaller

    from RadiologyCNNLib.Installer import InstallOutcome
    from RadiologyCNNLib.WorkerClient import WorkerError

    installer = StandInInstaller(InstallOutcome(True, ""), isReady=True)
    monkeypatch.setattr(office.widget, "installer", installer)
    job = startImproving(office)
    office.second.failed.emit(job, WorkerError("needs-torch", "Improving a model needs PyTorch.", "Install it."))
    assert "needs PyTorch" in office.parts.improveLabel.text
    assert installer.asked == [True]
    assert "PyTorch is installed" in office.ui.messageLabel.text


def testPartsAreUsableByNameAndKeyboard(office, repository):
    from panels.clinic import unnamedWidgets

    assert unnamedWidgets(office.parts, repository / "HemorrhageSeg/Resources/UI/HemorrhageSegDataset.ui") == []
