"""The RotatorCuffCNN panel and the views, as a person goes from scan to scan and from module to module."""

import numpy as np
import pytest


@pytest.fixture
def clinic(shoulderClinic):
    shoulderClinic.locate()
    shoulderClinic.classify()
    return shoulderClinic


def addLeft(clinic):
    """A scan of the other shoulder, chosen, with its box."""
    shoulder = clinic.syntheticShoulder(side="left", seed=7)
    pick(clinic, clinic.addShoulder(shoulder, "Left"))
    clinic.client.result.emit(clinic.sent("locate")[0], clinic.location(shoulder))
    return shoulder


def pick(clinic, volume) -> None:
    """Choose a scan in the panel's list as a person does, also one that is chosen already."""
    clinic.ui.inputVolumeSelector.setCurrentNode(volume)
    clinic.ui.inputVolumeSelector.nodeActivated.emit(volume)


def layers(clinic) -> set:
    """(background, foreground) of the slice views, by name."""
    nodes = [(c.GetBackgroundVolumeID(), c.GetForegroundVolumeID()) for c in clinic.composites()]
    named = [[clinic.slicer.mrmlScene.GetNodeByID(one or "") for one in pair] for pair in nodes]
    return {tuple(node.GetName() if node is not None else None for node in pair) for pair in named}


def addOther(clinic):
    """Another scan, which lies in the slice views now."""
    shoulder = clinic.shoulder
    volume = clinic.slicer.util.addVolumeFromArray(shoulder.array, ijkToRAS=shoulder.ijkToRas, name="T1")
    volume.CreateDefaultDisplayNodes()
    clinic.slicer.util.setSliceViewerLayers(background=volume, foreground=None, fit=True)
    return volume


def inSight(clinic, place) -> bool:
    """Whether a place (RAS, mm) is in the 3D view."""
    renderer = clinic.slicer.app.layoutManager().threeDWidget(0).threeDView().renderWindow().GetRenderers()
    renderer = renderer.GetFirstRenderer()
    renderer.SetWorldPoint(*place, 1.0)
    renderer.WorldToView()
    return bool(np.all(np.abs(renderer.GetViewPoint()[:2]) < 1))


@pytest.mark.parametrize("kind", ["vtkMRMLScalarVolumeNode", "vtkMRMLTableNode", "vtkMRMLMarkupsROINode"])
def testDeletingWhatIsNoneOfThePanelsLeavesTheViewsAlone(clinic, kind):
    addOther(clinic)
    stranger = clinic.slicer.mrmlScene.AddNewNodeByClass(kind)
    clinic.slicer.mrmlScene.RemoveNode(stranger)
    assert layers(clinic) == {("T1", None)}
    assert clinic.words.startswith("Medium tear")


def testChoosingTheScanAgainShowsItWithItsMapWhereItIsStrongest(clinic):
    addOther(clinic)
    pick(clinic, clinic.volume)
    assert layers(clinic) == {("Shoulder", "Shoulder CAM")}
    assert clinic.slicePosition("Red")[2] == pytest.approx(clinic.shoulder.tearRas[2], abs=5)


def testGoingBackToAScanShowsItsMapWhereItIsStrongest(clinic):
    shoulder = addLeft(clinic)
    clinic.answer(clinic.start(), shoulder=shoulder)
    pick(clinic, clinic.volume)
    assert layers(clinic) == {("Shoulder", "Shoulder CAM")}
    assert clinic.slicePosition("Red")[2] == pytest.approx(clinic.shoulder.tearRas[2], abs=5)
    assert clinic.slicePosition("Yellow")[0] == pytest.approx(clinic.shoulder.tearRas[0], abs=5)


def testAScanThatOnlyAHiddenViewShowsComesIntoTheOneThatIsSeen(clinic):
    manager = clinic.slicer.app.layoutManager()
    before = manager.layout
    try:
        manager.setLayout(clinic.slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView)
        clinic.host.process_events()
        other = clinic.slicer.util.addVolumeFromArray(clinic.shoulder.array, name="T1")
        red = manager.sliceWidget("Red").mrmlSliceCompositeNode()
        red.SetBackgroundVolumeID(other.GetID())
        pick(clinic, clinic.volume)
        assert red.GetBackgroundVolumeID() == clinic.volume.GetID()
    finally:
        manager.setLayout(before)
        clinic.host.process_events()


def testComingBackToThePanelTurnsTheViewsToTheScan(clinic):
    addOther(clinic)
    from RadiologyCNNLib import SliceViews

    SliceViews.turnBack()
    clinic.host.leave_module()
    clinic.slicer.util.selectModule("RotatorCuffCNN")
    assert layers(clinic) == {("Shoulder", "Shoulder CAM")}
    yellow = clinic.slicer.app.layoutManager().sliceWidget("Yellow").mrmlSliceNode().GetSliceToRAS()
    normal = [yellow.GetElement(row, 2) for row in range(3)]
    columns = clinic.shoulder.ijkToRas[:3, 0]
    assert abs(np.dot(normal, columns / np.linalg.norm(columns))) == pytest.approx(1, abs=1e-3)


def testThe3DViewLooksAtTheScanThatIsChosen(clinic):
    clinic.click(clinic.ui.show3DCheckBox)
    shoulder = addLeft(clinic)
    clinic.answer(clinic.start(), shoulder=shoulder)
    assert inSight(clinic, shoulder.tearRas) and not inSight(clinic, clinic.shoulder.tearRas)
    pick(clinic, clinic.volume)
    assert inSight(clinic, clinic.shoulder.tearRas)


def testThe3DViewStaysAsThePersonHasTurnedItWhereTheSameMapIsShownAgain(clinic):
    clinic.click(clinic.ui.show3DCheckBox)
    camera = clinic.slicer.util.getNodesByClass("vtkMRMLCameraNode")[0]
    camera.SetPosition(100, 600, 50)
    before = camera.GetPosition()
    for _time in range(2):
        clinic.click(clinic.ui.show3DCheckBox)
    assert camera.GetPosition() == before


def testA3DViewThatIsSwitchedOnLaterLooksAtTheScanThatIsChosen(clinic):
    clinic.click(clinic.ui.show3DCheckBox)
    shoulder = addLeft(clinic)
    clinic.answer(clinic.start(), shoulder=shoulder)
    clinic.click(clinic.ui.show3DCheckBox)
    pick(clinic, clinic.volume)
    clinic.click(clinic.ui.show3DCheckBox)
    assert inSight(clinic, clinic.shoulder.tearRas)


def load(clinic, shoulder=None, name="Loaded"):
    """A scan as Slicer's loading leaves it: in all slice views, without a foreground, chosen by nobody."""
    shoulder = shoulder or clinic.syntheticShoulder(side="left", seed=7)
    volume = clinic.slicer.util.addVolumeFromArray(shoulder.array, ijkToRAS=shoulder.ijkToRas, name=name)
    volume.CreateDefaultDisplayNodes()
    clinic.slicer.util.setSliceViewerLayers(background=volume, foreground=None, fit=True)
    return volume


def chosen(clinic):
    return clinic.ui.inputVolumeSelector.currentNode()


def testAScanThatIsLoadedIsTheOneThatThePanelSpeaksOf(clinic):
    clinic.click(clinic.ui.show3DCheckBox)
    volume = load(clinic)
    clinic.waitFor(lambda: chosen(clinic) is volume)
    assert clinic.words == "" and layers(clinic) == {("Loaded", None)}
    assert clinic.sent("locate")[1]["volume"]["ijk_to_lps"] is not None and clinic.roi is None
    displays = clinic.slicer.util.getNodesByClass("vtkMRMLVolumeRenderingDisplayNode")
    assert displays and not any(display.GetVisibility() for display in displays)
    pick(clinic, clinic.volume)
    assert clinic.words.startswith("Medium tear")


def testAScanThatIsLoadedInAnotherModuleIsChosenWhenThePanelIsShownAgain(clinic):
    clinic.host.leave_module()
    volume = load(clinic)
    clinic.host.process_events(0.1)
    assert chosen(clinic) is clinic.volume  # nothing changes behind the person's back
    clinic.slicer.util.selectModule("RotatorCuffCNN")
    assert chosen(clinic) is volume and layers(clinic) == {("Loaded", None)}


def testAnotherSeriesMayBeLookedAtUnderTheMap(clinic):
    series = load(clinic, clinic.shoulder, "Axial")
    clinic.waitFor(lambda: chosen(clinic) is series)
    pick(clinic, clinic.volume)
    clinic.host.process_events(0.1)
    clinic.slicer.util.setSliceViewerLayers(background=series)
    clinic.host.process_events(0.1)
    assert chosen(clinic) is clinic.volume and layers(clinic) == {("Axial", "Shoulder CAM")}


def testTheScanOfARunStaysChosenUntilItsEnd(clinic):
    job = clinic.start()
    volume = load(clinic)
    clinic.host.process_events(0.1)
    assert chosen(clinic) is clinic.volume
    clinic.client.cancel(job)
    clinic.waitFor(lambda: chosen(clinic) is volume)


def testASceneKeepsWhatWasChosenBesideAnotherSeriesOnTheScreen(clinic, tmp_path):
    series = load(clinic, clinic.shoulder, "Axial")
    clinic.waitFor(lambda: chosen(clinic) is series)
    pick(clinic, clinic.volume)
    clinic.host.process_events(0.1)
    clinic.slicer.util.setSliceViewerLayers(background=series)
    clinic.slicer.util.saveScene(str(tmp_path / "scene.mrb"))
    clinic.host.clear_scene()
    clinic.slicer.util.loadScene(str(tmp_path / "scene.mrb"))
    clinic.host.process_events(0.1)
    assert chosen(clinic).GetName() == "Shoulder" and clinic.words.startswith("Medium tear")
