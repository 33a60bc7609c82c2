"""Maps of a result, of either panel, are no scans: neither list offers them, also after the scene was loaded again."""

import numpy as np
import pytest


@pytest.fixture(params=["headClinic", "shoulderClinic"])
def clinic(request):
    opened = request.getfixturevalue(request.param)
    if request.param == "shoulderClinic":
        opened.locate()
    opened.run()
    return opened


def offered(clinic) -> list:
    selector = clinic.ui.inputVolumeSelector
    return [selector.nodeFromIndex(index).GetName() for index in range(selector.nodeCount())]


def testNoMapIsOfferedAsAScan(clinic, tmp_path):
    from RadiologyCNNLib import ResultMaps

    names = [clinic.volume.GetName()]
    assert offered(clinic) == names
    for attribute in (ResultMaps.PROBABILITY_ATTRIBUTE, ResultMaps.ACTIVATION_ATTRIBUTE):
        other = ResultMaps.addMap("vtkMRMLScalarVolumeNode", "Map of the other panel", attribute, clinic.volume)
        clinic.slicer.util.updateVolumeFromArray(other, clinic.slicer.util.arrayFromVolume(clinic.volume))
        assert "map of an earlier result" in clinic.widget.logic.inputProblem(other)
        assert offered(clinic) == names
    path = str(tmp_path / "scene.mrb")
    assert clinic.slicer.util.saveScene(path)
    clinic.host.clear_scene()
    clinic.slicer.util.loadScene(path)
    assert offered(clinic) == names
    maps = [node for node in clinic.slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") if ResultMaps.isMap(node)]
    assert len(maps) >= 3
    clinic.host.clear_scene()
    clinic.slicer.util.addVolumeFromArray(np.zeros((3, 4, 5)), name="First of the next scene")
    for number in range(4):  # with the identifiers of the maps of before
        clinic.slicer.util.addVolumeFromArray(np.zeros((3, 4, 5)), name=f"Scan {number}")
    assert len(offered(clinic)) == 5
