"""The reader study as a reader meets it: blinded cases, keys and buttons, clock, pause and what comes back."""

import numpy as np
import pytest
from panels.study_clinic import CASES, settings

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


def testEveryWidgetHasANameForScreenReaders(clinic, repository):
    from panels.clinic import unnamedWidgets

    file = repository / "RotatorCuffCNN" / "Resources" / "UI" / "RotatorCuffReaderStudy.ui"
    assert unnamedWidgets(clinic.study, file) == []


# Reading


def testAWholeStudyByKeysAndButtons(clinic):
    clinic.startStudy()
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
    clinic.startStudy()
    ui, scene = clinic.ui, clinic.slicer.mrmlScene
    assert clinic.study.answerButton0.isVisible()
    for widget in (ui.classifyButton, ui.inputsCollapsibleButton, ui.predictedLabel, ui.opacitySlider):
        assert not widget.isVisible()
    volume = clinic.section.scene.volumeNode
    assert volume.GetName() == "Case 1"
    assert clinic.backgrounds() == {volume.GetID()}
    display = volume.GetDisplayNode()
    assert (display.GetWindowLevelMin(), display.GetWindowLevelMax()) == (0, 60), "a few bright voxels darken nothing"
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
    clinic.startStudy()
    clinic.read(3)
    clinic.click(clinic.study.endStudyButton)
    assert clinic.backgrounds() == {clinic.volume.GetID()}
    assert clinic.isOverlaid()
    assert result.classification is not None
    assert clinic.ui.classifyButton.isVisible()
    assert clinic.section.scene.volumeNode is None
    assert not [n for n in clinic.slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") if "Case" in n.GetName()]


def testADigitInATextFieldIsNoAnswer(clinic):
    clinic.startStudy()
    field = clinic.qt.QLineEdit(clinic.study.readingFrame)
    field.show()
    field.setFocus()
    clinic.read(3)
    assert field.text == "3"
    assert clinic.rows() == []
    field.setParent(None)


def testAKeyPressedTwiceAnswersOneCase(clinic):
    clinic.startStudy()
    clinic.read(2)
    clinic.read(2, seconds=0.2)
    assert len(clinic.rows()) == 1
    assert clinic.study.caseLabel.text == "Case 2 of 4"


def testKeysDoNothingBeforeAndAfterAStudy(clinic):
    clinic.open()
    clinic.study.studyFolderButton.setFocus()
    clinic.press(1)
    assert clinic.rows() == []
    clinic.click(clinic.study.startStudyButton)
    clinic.read(2)
    clinic.click(clinic.study.endStudyButton)
    clinic.press(1)
    assert [row["tear_class"] for row in clinic.rows()] == ["Partial"]


def testPauseHidesTheImagesAndStopsTheClock(clinic):
    clinic.startStudy()
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
    clinic.startStudy()
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
    clinic.startStudy()
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
    clinic.section._otherSections.visible = True
    clinic.click(clinic.study.startStudyButton)
    assert clinic.shownCase() == second
    clinic.read(2, seconds=3)
    row = clinic.rows()[1]
    assert (row["case"], float(row["seconds"]), row["interruptions"]) == (second, 15.0, "1")


def testNoWayBackUnlessTheStudyAllowsIt(clinic, folder):
    clinic.startStudy()
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
    clinic.startStudy()
    for _number in range(3):
        clinic.read(1)
    assert not clinic.section.isReading
    assert "1 could not" in clinic.study.studyLabel.text
    assert {row["case"] for row in clinic.rows()} == set(CASES) - {"bravo"}


def testAScanOf64BitsIsReadAsAnyOther(clinic, folder):
    import SimpleITK as sitk

    for case in CASES:
        path = str(folder / f"{case}.nii.gz")
        sitk.WriteImage(sitk.Cast(sitk.ReadImage(path), sitk.sitkInt64), path)
    clinic.startStudy()
    for _number in CASES:
        assert clinic.shownCase() == clinic.section.reading.case.name
        clinic.read(1)
    assert "All cases are answered" in clinic.study.studyLabel.text


def testCasesAreReadBeforeTheyAreWanted(clinic, folder):
    """Start and answers find the scan in memory: here its file cannot be read by then."""
    clinic.open()
    first = clinic.readAhead()
    (folder / f"{first}.nii.gz").write_bytes(b"")
    clinic.click(clinic.study.startStudyButton)
    assert clinic.shownCase() == first == clinic.section.reading.case.name
    second = clinic.readAhead()
    (folder / f"{second}.nii.gz").write_bytes(b"")
    clinic.read(2)
    assert clinic.shownCase() == second != first
    volume = clinic.section.scene.volumeNode
    assert volume.GetName() == "Case 2" and volume.GetStorageNode() is None and not volume.GetSaveWithScene()
    matrix = clinic.slicer.vtkMRMLSliceNode().GetSliceToRAS()  # any 4x4
    volume.GetIJKToRASMatrix(matrix)
    expected = np.diag([-2.0, -2.0, 4.0, 1.0])
    expected[:3, 3] = (40, 30, -20)
    assert np.allclose(clinic.slicer.util.arrayFromVTKMatrix(matrix), expected)
    clinic.read(3)  # the third one is not there yet: the panel reads it itself
    assert clinic.shownCase() == clinic.section.reading.case.name
    clinic.readAhead()
    clinic.click(clinic.study.endStudyButton)
    assert clinic.readAhead() == clinic.section.setup.first.name, "the case that the next start begins with"


def testACaseThatCannotBeReadAheadIsReadWhenItIsWanted(clinic):
    clinic.open()
    clinic.waitFor(lambda: clinic.section.nextCase.key)
    clinic.fail(clinic.sent("prepare_case")[0], "worker-died", "The background process ended unexpectedly.")
    clinic.click(clinic.study.startStudyButton)
    assert clinic.shownCase() == clinic.section.reading.case.name


def testADicomSeriesIsReadInTheOrderOfItsSlices(clinic, folder):
    from engine.dicom_phantom import ball, write_series

    for case in CASES:
        (folder / f"{case}.nii.gz").unlink()
    (folder / "truth.csv").unlink()
    centre = (12.0, 20.0, 18.0)
    positions = [(0.0, 0.0, 4.0 * number) for number in range(10)]
    write_series(folder / "patient", positions, ball(centre, 9.0), spacing=1.0, shape_ji=(40, 40), PatientName="Doe^J")
    clinic.startStudy()
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

    clinic.startStudy()
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
