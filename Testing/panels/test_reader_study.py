"""The reader study as a reader meets it: blinded cases, keys and buttons, clock, pause, marks, and the comparison."""

import csv
import json
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest
from panels.shoulder_clinic import ShoulderClinic

CASES = ("alpha", "bravo", "charlie", "delta")
SHAPE_KJI = (12, 40, 40)


class Clock:
    """Seconds that the test moves."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


class StudyClinic(ShoulderClinic):
    """The panel with a study in a folder; time stands still unless the test moves it."""

    def __init__(self, host, widget, folder: Path, monkeypatch) -> None:
        super().__init__(host, widget)
        self.folder = folder
        self.clock = Clock()
        self.section = widget.readerStudy
        self.study = self.section.ui
        from RotatorCuffCNNLib import ReaderStudySection

        from radiologycnn.readers.reading import Reading

        def reading(study, reader):
            return Reading(study, reader, self.clock, lambda: datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc))

        monkeypatch.setattr(ReaderStudySection, "Reading", reading)
        # the file dialog is the system's own: the test answers for it
        monkeypatch.setattr(self.qt.QFileDialog, "getExistingDirectory", lambda *arguments: str(folder))

    def open(self, reader="R01") -> None:
        if self.ui.readerStudyCollapsibleButton.collapsed:
            self.click(self.ui.readerStudyCollapsibleButton)
        self.click(self.study.studyFolderButton)
        self.study.readerEdit.text = reader

    def start(self, reader="R01") -> None:
        self.open(reader)
        self.click(self.study.startStudyButton)

    def press(self, key) -> None:
        """A key, wherever the keyboard is."""
        from PySide6 import QtTest

        self.host.window.activateWindow()
        self.host.process_events()
        target = self.qt.QApplication.focusWidget() or self.host.window
        QtTest.QTest.keyClick(target, getattr(self.qt.Qt, f"Key_{key}"))
        self.host.process_events()

    def read(self, key, seconds=10.0) -> None:
        """Look for some time, then answer with a key."""
        self.clock.seconds += seconds
        self.press(key)

    def rows(self, reader="R01") -> list:
        path = self.folder / "readers" / f"{reader}.csv"
        if not path.is_file():
            return []
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def backgrounds(self) -> set:
        return {composite.GetBackgroundVolumeID() for composite in self.composites()}

    def shownCase(self) -> str:
        """Which scan is shown, told by its voxels."""
        array = self.slicer.util.arrayFromVolume(self.section.scene.volumeNode)
        return CASES[int(array.max()) - 100]


@pytest.fixture
def folder(tmp_path):
    """A study of four scans; the brightest voxel says which one it is."""
    from radiologycnn.images import write_image

    folder = tmp_path / "Shoulder study"
    folder.mkdir()
    matrix = np.diag([2.0, 2.0, 4.0, 1.0])
    matrix[:3, 3] = (-40, -30, -20)
    for number, case in enumerate(CASES):
        array = np.zeros(SHAPE_KJI, np.int16)
        array[3:9, 10:30, 10:30] = 60
        array[6, 20, 20] = 100 + number
        write_image(folder / f"{case}.nii.gz", array, matrix)
    (folder / "truth.csv").write_text("case,tear_class\nalpha,None\nbravo,Partial\ncharlie,Small\ndelta,Medium\n")
    return folder


@pytest.fixture
def clinic(slicerHost, repository, folder, monkeypatch):
    widget = slicerHost.load_module(repository / "RotatorCuffCNN", select=False)
    clinic = StudyClinic(slicerHost, widget, folder, monkeypatch)
    from RadiologyCNNLib.RaterSetting import savedRater, saveRater

    before = savedRater()
    yield clinic
    saveRater(before)
    clinic.section.end()
    clinic.section.study = None
    clinic.section.results.sceneClosed()
    clinic.ui.readerStudyCollapsibleButton.collapsed = True
    clinic.study.readerEdit.text = ""
    slicerHost.clear_scene()
    clinic.slicer.modules.RotatorCuffCNNWidget.logic.client = None


def settings(folder, **values) -> None:
    (folder / "study.json").write_text(json.dumps(values))


# Before


def testTheSectionIsOutOfTheWayUntilItIsOpened(clinic):
    assert clinic.ui.readerStudyCollapsibleButton.collapsed
    clinic.open("")
    assert "4 cases" in clinic.study.studyLabel.text
    assert not clinic.study.startStudyButton.enabled
    clinic.study.readerEdit.text = "R01"
    assert clinic.study.startStudyButton.enabled
    clinic.study.readerEdit.text = "../R01"
    assert not clinic.study.startStudyButton.enabled
    assert "cannot be a reader id" in clinic.study.studyLabel.text


def testFolderWithoutScansIsRefusedInWords(clinic, folder, tmp_path, monkeypatch):
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setattr(clinic.qt.QFileDialog, "getExistingDirectory", lambda *arguments: str(empty))
    clinic.open()
    assert "There are no scans" in clinic.study.studyLabel.text
    assert not clinic.study.startStudyButton.enabled


# Reading


def testAWholeStudyByKeysAndButtons(clinic):
    clinic.start()
    assert clinic.study.caseLabel.text == "Case 1 of 4"
    order = []
    for number, seconds in enumerate((12.5, 3.0, 40.25, 7.0)):
        order.append(clinic.shownCase())
        clinic.clock.seconds += seconds
        if number == 2:
            clinic.click(clinic.study.answerButton4)
        else:
            clinic.press(number + 1)
    assert not clinic.section.isReading
    assert "All cases are answered" in clinic.study.studyLabel.text
    assert not clinic.study.startStudyButton.enabled
    rows = clinic.rows()
    assert clinic.slicer.util.settingsValue("RadiologyCNN/Rater", "") == "R01"
    assert [row["case"] for row in rows] == order
    assert sorted(order) == sorted(CASES)
    assert [row["tear_class"] for row in rows] == ["None", "Partial", "Large-to-Massive", "Medium"]
    assert [float(row["seconds"]) for row in rows] == [12.5, 3.0, 40.25, 7.0]
    assert rows[0]["timestamp"] == "2026-01-02T03:04:05+00:00"


def testTheReaderSeesTheCaseAndNothingElse(clinic):
    clinic.locate()
    clinic.classify()
    clinic.start()
    ui, scene = clinic.ui, clinic.slicer.mrmlScene
    assert clinic.study.answerButton0.isVisible()
    for widget in (ui.classifyButton, ui.inputsCollapsibleButton, ui.predictedLabel, ui.opacitySlider):
        assert not widget.isVisible()
    volume = clinic.section.scene.volumeNode
    assert volume.GetName() == "Case 1"
    assert clinic.backgrounds() == {volume.GetID()}
    assert {c.GetForegroundVolumeID() for c in clinic.composites()} == {None}
    names = [scene.GetNthNode(n).GetName() or "" for n in range(scene.GetNumberOfNodes())]
    files = [node.GetFileName() or "" for node in clinic.slicer.util.getNodesByClass("vtkMRMLStorageNode")]
    assert not [text for text in names + files if any(case in text for case in CASES)]
    visible = [d for d in clinic.slicer.util.getNodesByClass("vtkMRMLMarkupsDisplayNode") if d.GetVisibility()]
    assert not visible
    located = clinic.count("locate")
    clinic.read(1)
    clinic.widget.exit()
    clinic.widget.enter()
    assert clinic.count("locate") == located


def testWhatWasInTheViewsComesBack(clinic):
    clinic.locate()
    result = clinic.classify()
    clinic.start()
    clinic.read(3)
    clinic.click(clinic.study.endStudyButton)
    assert clinic.backgrounds() == {clinic.volume.GetID()}
    assert clinic.isOverlaid()
    assert result.classification is not None
    assert clinic.ui.classifyButton.isVisible()
    assert clinic.section.scene.volumeNode is None
    assert not [n for n in clinic.slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") if "Case" in n.GetName()]


def testADigitInATextFieldIsNoAnswer(clinic):
    clinic.start()
    field = clinic.qt.QLineEdit(clinic.study.readingFrame)
    field.show()
    field.setFocus()
    clinic.read(3)
    assert field.text == "3"
    assert clinic.rows() == []
    field.setParent(None)


def testAKeyPressedTwiceAnswersOneCase(clinic):
    clinic.start()
    clinic.read(2)
    clinic.read(2, seconds=0.2)
    assert len(clinic.rows()) == 1
    assert clinic.study.caseLabel.text == "Case 2 of 4"


def testKeysDoNothingBeforeAndAfterAStudy(clinic):
    clinic.open()
    clinic.study.studyFolderButton.setFocus()
    clinic.press(1)
    assert clinic.rows() == []


def testPauseHidesTheImagesAndStopsTheClock(clinic):
    clinic.start()
    clinic.clock.seconds += 5
    clinic.click(clinic.study.pauseButton)
    assert clinic.backgrounds() == {None}
    assert not clinic.study.answerButton0.enabled
    assert "paused" in clinic.study.clockLabel.text
    clinic.clock.seconds += 1000
    clinic.press(2)
    assert clinic.rows() == []
    clinic.click(clinic.study.pauseButton)
    assert clinic.backgrounds() == {clinic.section.scene.volumeNode.GetID()}
    clinic.read(2, seconds=4)
    assert (float(clinic.rows()[0]["seconds"]), clinic.rows()[0]["pauses"]) == (9.0, "1")


def testAnotherModuleOrAClosedSceneIsAPause(clinic):
    clinic.start()
    case = clinic.shownCase()
    clinic.clock.seconds += 5
    clinic.widget.exit()
    clinic.clock.seconds += 100
    assert clinic.backgrounds() == {None}
    clinic.widget.enter()
    clinic.click(clinic.study.pauseButton)
    clinic.clock.seconds += 5
    clinic.host.clear_scene()
    clinic.clock.seconds += 100
    clinic.click(clinic.study.pauseButton)
    assert clinic.shownCase() == case
    clinic.read(4, seconds=5)
    assert (float(clinic.rows()[0]["seconds"]), clinic.rows()[0]["pauses"]) == (15.0, "2")


def testGoingOnAnotherDayAfterEndAndAfterACrash(clinic):
    clinic.start()
    clinic.read(1)
    second = clinic.shownCase()
    clinic.clock.seconds += 6
    clinic.click(clinic.study.endStudyButton)
    assert clinic.study.startStudyButton.text == "Go on reading"
    clinic.click(clinic.study.startStudyButton)
    assert clinic.shownCase() == second
    clinic.clock.seconds += 6
    clinic.section.reading.save_state()
    clinic.section.reading = None  # the program has gone
    clinic.clock.seconds += 5000
    clinic.section.scene.end()
    clinic.section._rest.visible = True
    clinic.click(clinic.study.startStudyButton)
    assert clinic.shownCase() == second
    clinic.read(2, seconds=3)
    row = clinic.rows()[1]
    assert (row["case"], float(row["seconds"]), row["interruptions"]) == (second, 15.0, "1")


def testNoWayBackUnlessTheStudyAllowsIt(clinic, folder):
    clinic.start()
    assert not clinic.study.backButton.isVisible()
    clinic.click(clinic.study.endStudyButton)
    settings(folder, allow_back=True)
    clinic.click(clinic.study.startStudyButton)
    assert not clinic.study.backButton.enabled
    first = clinic.shownCase()
    clinic.read(1)
    clinic.click(clinic.study.backButton)
    assert clinic.shownCase() == first
    assert clinic.study.answerButton0.font.bold()
    clinic.read(5, seconds=2)
    assert [(row["case"], row["tear_class"]) for row in clinic.rows()] == [
        (first, "None"),
        (first, "Large-to-Massive"),
    ]
    assert clinic.study.caseLabel.text == "Case 2 of 4"


def testAScanThatCannotBeReadIsLeftOut(clinic, folder):
    (folder / "bravo.nii.gz").write_bytes(b"not an image")
    clinic.start()
    for _number in range(3):
        clinic.read(1)
    assert not clinic.section.isReading
    assert "1 could not" in clinic.study.studyLabel.text
    assert {row["case"] for row in clinic.rows()} == set(CASES) - {"bravo"}


def testADicomSeriesIsReadInTheOrderOfItsSlices(clinic, folder):
    from engine.dicom_phantom import ball, write_series

    for case in CASES:
        (folder / f"{case}.nii.gz").unlink()
    (folder / "truth.csv").unlink()
    centre = (12.0, 20.0, 18.0)
    positions = [(0.0, 0.0, 4.0 * number) for number in range(10)]
    write_series(folder / "patient", positions, ball(centre, 9.0), spacing=1.0, shape_ji=(40, 40), PatientName="Doe^J")
    clinic.start()
    volume = clinic.section.scene.volumeNode
    assert volume.GetName() == "Case 1"
    array = clinic.slicer.util.arrayFromVolume(volume)
    assert array.shape == (10, 40, 40)
    matrix = clinic.slicer.vtkMRMLSliceNode().GetSliceToRAS()  # any 4x4
    volume.GetIJKToRASMatrix(matrix)
    bright = np.argwhere(array > array.mean() + array.std())[:, ::-1].mean(axis=0)
    middle = clinic.slicer.util.arrayFromVTKMatrix(matrix) @ [*bright, 1.0]
    assert middle[:3] == pytest.approx((-centre[0], -centre[1], centre[2]), abs=1.0)
    names = [node.GetName() for node in clinic.slicer.util.getNodesByClass("vtkMRMLStorableNode")]
    assert not [name for name in names if "Doe" in name or "patient" in name]


def testAnAnswerThatCannotBeWrittenIsNotLost(clinic, folder, monkeypatch):
    import os

    clinic.start()
    fsync = os.fsync

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    clinic.read(2)
    assert "could not be written" in clinic.study.readingMessageLabel.text
    assert clinic.study.caseLabel.text == "Case 1 of 4"
    monkeypatch.setattr(os, "fsync", fsync)
    clinic.read(2)
    assert [row["tear_class"] for row in clinic.rows()] == ["Partial"]
    assert not clinic.study.readingMessageLabel.isVisible()


# The mark


def classified(folder, case, peakRas) -> None:
    """What ``radiologycnn classify`` leaves of a case, with this peak."""
    evidence = {
        "target": 3, "method": "cam", "score": 1.0, "peak_ras_mm": list(peakRas), "peak_value": 1.0,
        "threshold": 0.5, "extent_mm": [5, 5, 5], "volume_ml": 0.1,
    }  # fmt: skip
    roi = {
        "centre_lps_mm": [0, 10, 0], "edge_mm": 40, "directions_lps": np.eye(3).tolist(), "automatic": True,
        "confidence": 1,
    }  # fmt: skip
    classification = {
        "probabilities": [0, 0, 0, 1, 0], "predicted": 3, "tear_probability": 1.0, "repeats": None, "side": "right",
        "mirrored": False, "plane": "coronal", "weighting": "T2", "roi": roi, "evidence": [evidence],
    }  # fmt: skip
    home = folder / "network" / case
    home.mkdir(parents=True)
    (home / "classification.json").write_text(json.dumps({"classification": classification}))


def testABoxOnTheTearIsKeptAndTheMapsPeakIsCheckedAgainstIt(clinic, folder):
    from radiologycnn.readers.marks import TearMark

    for case in CASES:
        classified(folder, case, (-5.0, -12.0, 8.0))
    clinic.start()
    clinic.click(clinic.study.markBoxButton)
    box = clinic.section.scene.markNode
    assert box.GetDisplayNode().GetVisibility()
    box.SetCenterWorld(-4, -10, 6)
    box.SetSize(10, 12, 14)
    clinic.read(4)
    clinic.click(clinic.study.markBoxButton)
    clinic.section.scene.markNode.SetCenterWorld(5, -10, 6)
    clinic.section.scene.markNode.SetSize(10, 12, 14)
    clinic.read(4)
    clinic.click(clinic.study.markPointButton)
    clinic.section.scene.markNode.SetNthControlPointPositionWorld(0, -5, -12, 5)
    clinic.read(4)
    clinic.click(clinic.study.markPointButton)
    clinic.click(clinic.study.removeMarkButton)
    clinic.read(1)
    first, second, third, fourth = clinic.rows()
    mark = TearMark.from_text(first["mark"])
    assert mark.centre_lps_mm == pytest.approx((4, 10, 6))
    assert mark.size_mm == pytest.approx((10, 12, 14))
    assert (first["peak_inside"], first["peak_distance_mm"]) == ("yes", "0.00")
    assert (second["peak_inside"], second["peak_distance_mm"]) == ("no", "5.00")
    assert (third["peak_inside"], third["peak_distance_mm"]) == ("no", "3.00")
    assert (fourth["mark"], fourth["peak_distance_mm"]) == ("", "")


def testTheMarkIsDraggedInASliceView(clinic):
    clinic.start()
    clinic.click(clinic.study.markPointButton)
    before = np.array(clinic.section.scene.mark().centre_lps_mm)
    start = before * [-1, -1, 1]
    clinic.host.drag_in_slice("Red", start, start + [6, 4, 0])
    after = np.array(clinic.section.scene.mark().centre_lps_mm)
    assert after - before == pytest.approx([-6, -4, 0], abs=1.5)


def testBoxAndMapAreShownWhereTheStudySaysSo(clinic, folder):
    from radiologycnn.images import write_image

    settings(folder, show_region=True, show_map=True, allow_marks=False)
    for case in CASES:
        classified(folder, case, (0, 0, 0))
        write_image(folder / "network" / case / "cam.nii.gz", np.eye(8, dtype=np.float32)[None], np.eye(4))
    clinic.start()
    assert not clinic.study.markBoxButton.isVisible()
    (foreground,) = {c.GetForegroundVolumeID() for c in clinic.composites()}
    assert clinic.slicer.mrmlScene.GetNodeByID(foreground).GetName() == "Case 1 map"
    boxes = [
        d for d in clinic.slicer.util.getNodesByClass("vtkMRMLMarkupsROINode") if d.GetDisplayNode().GetVisibility()
    ]
    assert len(boxes) == 1
    clinic.click(clinic.study.pauseButton)
    assert not boxes[0].GetDisplayNode().GetVisibility()
    clinic.click(clinic.study.endStudyButton)
    assert not clinic.slicer.util.getNodesByClass("vtkMRMLMarkupsROINode")


# Comparison


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
        clinic.start(reader)
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
    clinic.start()
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
    curve = util.arrayFromTableColumn(series[0].GetTableNode(), "y")
    assert curve.tolist() == compared.record["roc"][0]["true_positive_rate"]
    readers = next(one for one in series if one.GetName() == "Readers")
    assert len(util.arrayFromTableColumn(readers.GetTableNode(), "x")) == 2
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
    clinic.start()
    clinic.read(1)
    clinic.click(clinic.study.endStudyButton)
    clinic.click(clinic.study.compareButton)
    assert not clinic.study.compareButton.enabled
    clinic.fail(clinic.sent("compare_readers")[0], "bad-groups", "groups.csv has no columns.", "Name them so.")
    assert "groups.csv has no columns." in clinic.study.comparisonLabel.text
    assert clinic.study.compareButton.enabled


def testAnswersAreExported(clinic, tmp_path, monkeypatch):
    clinic.start()
    clinic.read(2)
    clinic.read(3)
    clinic.click(clinic.study.endStudyButton)
    path = tmp_path / "out"
    monkeypatch.setattr(clinic.qt.QFileDialog, "getSaveFileName", lambda *arguments: str(path))
    clinic.click(clinic.study.exportAnswersButton)
    with (tmp_path / "out.csv").open(newline="") as file:
        assert [row["tear_class"] for row in csv.DictReader(file)] == ["Partial", "Small"]


def testEveryWidgetHasANameForScreenReaders(clinic, repository):
    from panels.clinic import unnamedWidgets

    file = repository / "RotatorCuffCNN" / "Resources" / "UI" / "RotatorCuffReaderStudy.ui"
    assert unnamedWidgets(clinic.study, file) == []
