"""A reader study in a scene that holds other things: they stay out of the views, and come back as they were."""

import numpy as np
import pytest
from panels.study_clinic import CASES, classified, settings


def seen(clinic) -> set:
    """Names of what the slice views show, in all layers."""
    volumes = set()
    for composite in clinic.composites():
        volumes |= {composite.GetBackgroundVolumeID(), composite.GetForegroundVolumeID()}
    return {clinic.slicer.mrmlScene.GetNodeByID(one).GetName() for one in volumes if one}


def viewAxes(clinic, name):
    matrix = clinic.slicer.app.layoutManager().sliceWidget(name).mrmlSliceNode().GetSliceToRAS()
    return clinic.slicer.util.arrayFromVTKMatrix(matrix)[:3, :3]


def testAnEarlierResultStaysOutWhileMarksComeAndGo(clinic):
    clinic.locate()
    clinic.classify()
    clinic.ui.show3DCheckBox.checked = True
    clinic.startStudy()
    for button in ("markBoxButton", "markPointButton", "removeMarkButton"):
        clinic.click(getattr(clinic.study, button))
        assert seen(clinic) == {"Case 1"}
    clinic.read(2)
    assert seen(clinic) == {"Case 2"}
    displays = clinic.slicer.util.getNodesByClass("vtkMRMLVolumeRenderingDisplayNode")
    assert displays and not any(display.GetVisibility() for display in displays)
    clinic.click(clinic.study.endStudyButton)
    assert clinic.backgrounds() == {clinic.volume.GetID()}
    assert clinic.isOverlaid()
    assert any(display.GetVisibility() for display in displays)


@pytest.mark.parametrize("shape", [(4, 8, 8), (1, 4, 4)], ids=["map", "map of one slice"])
def testAStudyShowsTheMapAndLeavesNothingInTheScene(clinic, folder, shape):
    from radiologycnn.images import write_image

    settings(folder, show_region=True, show_map=True, allow_marks=True)
    for case in CASES:
        classified(folder, case, (0, 0, 0))
        array = np.linspace(0.0, 1.0, np.prod(shape), dtype=np.float32).reshape(shape)
        write_image(folder / "network" / case / "cam.nii.gz", array, np.diag([20.0, 20.0, 20.0, 1.0]))
    clinic.locate()
    before = clinic.nodeCount()
    clinic.startStudy()
    assert seen(clinic) == {"Case 1", "Case 1 map"}
    clinic.click(clinic.study.markBoxButton)
    unsaved = clinic.slicer.util.getNodesByClass("vtkMRMLMarkupsROINode")
    assert [node.GetSaveWithScene() for node in unsaved if node is not clinic.roi] == [0, 0]
    for _case in CASES:
        clinic.read(1)
    assert not clinic.section.isReading
    assert clinic.nodeCount() == before


def testALoadedSceneIsAPause(clinic, tmp_path):
    path = str(tmp_path / "other.mrb")
    clinic.widget.showInViews(clinic.volume)
    clinic.slicer.util.saveScene(path)
    clinic.startStudy()
    case = clinic.shownCase()
    clinic.slicer.util.loadScene(path)
    assert clinic.study.pauseButton.text == "Resume"
    clinic.click(clinic.study.pauseButton)
    assert (clinic.shownCase(), seen(clinic)) == (case, {"Case 1"})
    clinic.click(clinic.study.endStudyButton)
    assert seen(clinic) == {"Shoulder"}


def testACaseThatWasDeletedIsShownAgainAndTheViewsComeBack(clinic):
    clinic.widget.showInViews(clinic.volume)
    clinic.startStudy()
    case = clinic.shownCase()
    clinic.widget.exit()
    clinic.slicer.mrmlScene.RemoveNode(clinic.section.scene.volumeNode)
    clinic.widget.enter()
    clinic.click(clinic.study.pauseButton)
    assert (clinic.shownCase(), seen(clinic)) == (case, {"Case 1"})
    clinic.click(clinic.study.endStudyButton)
    assert seen(clinic) == {"Shoulder"}


def testAClosedScenesImagesDoNotComeBack(clinic):
    clinic.widget.showInViews(clinic.volume)
    clinic.startStudy()
    clinic.host.clear_scene()
    clinic.slicer.util.addVolumeFromArray(np.zeros((4, 4, 4), np.int16), name="Another")
    clinic.click(clinic.study.endStudyButton)
    assert seen(clinic) == set()


def testAStudyWaitsForARunningClassification(clinic):
    clinic.locate()
    job = clinic.start()
    clinic.startStudy()
    assert not clinic.section.isReading
    assert "running" in clinic.study.studyLabel.text
    clinic.answer(job)
    clinic.click(clinic.study.startStudyButton)
    assert seen(clinic) == {"Case 1"}


def testTheSearchForTheHumeralHeadWaitsForTheEnd(clinic):
    assert "Looking" in clinic.ui.regionStatusLabel.text
    clinic.startStudy()
    assert not clinic.widget.logic.isLocating(clinic.volume)
    searches = clinic.count("locate")
    clinic.read(1)
    assert clinic.count("locate") == searches
    clinic.click(clinic.study.endStudyButton)
    assert clinic.count("locate") == searches + 1
    assert "Looking" in clinic.ui.regionStatusLabel.text


def testAReaderWhoComesBackFromAnotherModuleSeesTheCaseAlone(clinic):
    clinic.locate()
    clinic.classify()
    clinic.ui.show3DCheckBox.checked = True
    clinic.ui.showRoiCheckBox.checked = True
    clinic.startStudy()
    axes = viewAxes(clinic, "Red").copy()
    displays = clinic.slicer.util.getNodesByClass("vtkMRMLVolumeRenderingDisplayNode")
    clinic.host.leave_module()
    clinic.slicer.util.selectModule(clinic.MODULE)
    assert seen(clinic) == set()  # still paused
    clinic.click(clinic.study.pauseButton)
    assert seen(clinic) == {"Case 1"}
    assert displays and not any(display.GetVisibility() for display in displays)
    assert not clinic.roi.GetDisplayNode().GetVisibility()
    assert np.allclose(viewAxes(clinic, "Red"), axes)
    clinic.click(clinic.study.endStudyButton)
    assert clinic.isOverlaid() and clinic.roi.GetDisplayNode().GetVisibility()
