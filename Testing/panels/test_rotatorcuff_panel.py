"""The RotatorCuffCNN panel as a person uses it, in the stand-in desktop; the worker's answers are made up here."""

from xml.etree import ElementTree

import numpy as np
import pytest
from panels.clinic import StandInInstaller


@pytest.fixture
def clinic(shoulderClinic):
    return shoulderClinic


# Classification


def testClickClassifiesAndSaysTheClassInWords(clinic):
    clinic.locate()
    clinic.classify()
    ui = clinic.ui
    assert ui.predictedLabel.text.replace("\xa0", " ") == "Medium tear (1-3 cm)"
    assert "94.0 %" in ui.tearLabel.text
    assert [getattr(ui, f"classLabel{n}").text for n in range(5)] == [
        "None", "Partial", "Small", "Medium", "Large-to-Massive",
    ]  # fmt: skip
    assert [getattr(ui, f"classBar{n}").value for n in range(5)] == [60, 90, 170, 580, 100]
    assert ui.percentLabel3.text == "58.0 %"
    assert [getattr(ui, f"classLabel{n}").font.bold() for n in range(5)] == [False, False, False, True, False]
    assert ui.classBar3.accessibleName == "Medium 58.0 %"
    assert "self-test-1.0.0" in ui.notesLabel.text
    assert ui.classifyButton.text == "Classify"
    assert not ui.messageLabel.visible, ui.messageLabel.text


def testRequestHoldsWhatIsSet(clinic):
    clinic.locate()
    clinic.choose(clinic.ui.sideSelector, "Left")
    clinic.choose(clinic.ui.repeatsSelector, "Monte Carlo dropout")
    clinic.ui.repeatCountSpinBox.value = 12
    clinic.start()
    fields = clinic.sent("classify")[1]
    assert fields["side"] == "left"
    assert fields["repeats"] == {"method": "mc_dropout", "count": 12}
    assert fields["model"] == "test-1.0.0"
    assert fields["device"] == "auto"


def testWithoutRepeatsNoneAreAskedFor(clinic):
    assert not clinic.ui.repeatCountSpinBox.enabled
    clinic.start()
    assert clinic.sent("classify")[1]["repeats"] is None
    assert clinic.sent("classify")[1]["side"] is None


def testRepeatsAreShownAsQuartiles(clinic):
    repeats = {
        "method": "tta",
        "count": 60,
        "class_quartiles": [[0.01, 0.02, 0.03], [0.1, 0.2, 0.3], [0.1, 0.2, 0.3], [0.5, 0.58, 0.66], [0, 0, 0.1]],
        "tear_quartiles": [0.9, 0.94, 0.97],
        "predicted_counts": [1, 2, 5, 50, 2],
    }
    clinic.classify(classification={"repeats": repeats})
    assert clinic.ui.percentLabel3.text == "58.0 % (50.0–66.0)"
    assert "(90.0–97.0)" in clinic.ui.tearLabel.text
    assert "60 runs with test-time augmentation" in clinic.ui.repeatsLabel.text
    assert "50 of them" in clinic.ui.repeatsLabel.text
    clinic.classify()
    assert not clinic.ui.repeatsLabel.visible


def testExpectedTimeIsThatOfTheSameNumberOfRuns(clinic):
    clinic.classify()
    assert "Takes about" in clinic.ui.stageLabel.text
    clinic.choose(clinic.ui.repeatsSelector, "Test-time augmentation")
    clinic.ui.repeatCountSpinBox.value = 37
    assert "first run" in clinic.ui.stageLabel.text


def testExpectedTimeForgetsASlowStart(clinic):
    expected, key = clinic.widget.expectedTime, ("a model", "a device")
    for seconds, told in ((9, "9 s"), (2, "2 s"), (30, "9 s"), (2, "2 s"), (200, "9 s"), (2, "2 s")):
        expected.remember(*key, seconds)
        assert f"about {told} on" in expected.text(*key)
    for nonsense in ("7.5", "nonsense"):
        clinic.host.app.userSettings().setValue(expected._key(*key), nonsense)
        assert "first run" in expected.text(*key)


def testAnotherScanGetsItsOwnResultAndItsOwnOverlay(clinic):
    first = clinic.classify().camNode
    other = clinic.syntheticShoulder(side="left")
    clinic.addShoulder(other, "Other")
    assert clinic.ui.predictedLabel.text == ""
    assert all(c.GetForegroundVolumeID() != first.GetID() for c in clinic.composites())
    second = clinic.classify(shoulder=other).camNode
    assert second is not first
    assert clinic.isOverlaid()
    clinic.ui.inputVolumeSelector.setCurrentNode(clinic.volume)
    assert clinic.result.camNode is first
    assert clinic.isOverlaid()


def testMapsOfAnotherShapeLeaveNoHalfResultBehind(clinic):
    clinic.locate()
    before = clinic.nodeCount()
    clinic.answer(clinic.start(), maps=np.zeros((1, 2, 3, 4, 5), np.float32))
    assert clinic.ui.messageLabel.visible
    assert clinic.result is None
    assert clinic.nodeCount() == before


# What cannot be classified


@pytest.mark.parametrize("kind", ["single slice", "empty", "CT", "label map"])
def testUnusableInputIsExplained(clinic, kind):
    scene = clinic.slicer.mrmlScene
    if kind == "single slice":
        node = clinic.slicer.util.addVolumeFromArray(np.zeros((1, 64, 64), np.int16))
    elif kind == "empty":
        node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Empty")
    elif kind == "CT":
        node = clinic.slicer.util.addVolumeFromArray(np.zeros((8, 64, 64), np.int16))
        unit = clinic.slicer.vtkCodedEntry()
        unit.SetValueSchemeMeaning("[hnsf'U]", "UCUM", "Hounsfield unit")
        node.SetVoxelValueUnits(unit)
    else:
        node = clinic.slicer.util.addVolumeFromArray(
            np.zeros((8, 64, 64), np.uint8), nodeClassName="vtkMRMLLabelMapVolumeNode"
        )
        assert "label map" in clinic.widget.logic.inputProblem(node)
        return
    searches = clinic.count("locate")
    clinic.ui.inputVolumeSelector.setCurrentNode(node)
    words = "no image" if kind == "empty" else kind
    assert not clinic.ui.classifyButton.enabled
    assert words in clinic.ui.stageLabel.text
    assert words in clinic.ui.classifyButton.toolTip
    assert clinic.count("locate") == searches


def testActivationMapIsNotOfferedAndNotClassified(clinic):
    node = clinic.classify().camNode
    clinic.ui.inputVolumeSelector.setCurrentNode(node)
    assert clinic.ui.inputVolumeSelector.currentNode() is not node
    assert "map of an earlier result" in clinic.widget.logic.inputProblem(node)


def testWithoutItsPackagesNothingIsSearched(clinic, monkeypatch):
    installer = StandInInstaller(None, isReady=False)
    monkeypatch.setattr(clinic.widget, "installer", installer)
    clinic.slicer.mrmlScene.Clear(0)
    clinic.addShoulder(clinic.shoulder, "Another")
    clinic.widget.enter()
    assert clinic.ui.installFrame.visible
    assert clinic.count("locate") == 1


# The panel itself


def testAPanelWithAResultFitsOnALaptopScreen(clinic):
    clinic.locate(notes=["This is a proton density series."], confidence=0.45)
    clinic.classify(notes=["The cube reaches beyond the image."])
    clinic.ui.modelCollapsibleButton.collapsed = True  # as it is at first
    clinic.host.process_events(0.2)
    panel = clinic.ui.researchUseLabel.parent()
    assert panel.heightForWidth(460) <= 850


def testAModelThatCannotBeUsedOpensItsSectionOnce(clinic):
    section = clinic.ui.modelCollapsibleButton
    section.collapsed = True
    clinic.useModel(problem="its weights are damaged")
    assert not section.collapsed
    section.collapsed = True
    clinic.widget._updateButtons()
    assert section.collapsed


def testEverythingThatCanBeUsedHasAPlaceInTheTabOrder(repository):
    tree = ElementTree.parse(repository / "RotatorCuffCNN/Resources/UI/RotatorCuffCNN.ui")
    usable = {
        element.get("name")
        for element in tree.iter("widget")
        if element.get("class").endswith(("Button", "ComboBox", "CheckBox", "SliderWidget", "SpinBox", "TableView"))
        and not element.get("class").startswith("ctkCollapsible")
    }
    assert {element.text for element in tree.iter("tabstop")} == usable - {"installButton"}


def testBothPanelsWorkSideBySide(clinic, slicerHost, repository):
    """Jobs of one panel are none of the other's, though both talk to one worker."""
    head = slicerHost.load_module(repository / "HemorrhageSeg", select=False)
    head.logic.client = clinic.client
    try:
        clinic.locate()
        job = clinic.start()
        assert not head.logic.isRunning
        clinic.answer(job)
        assert clinic.result is not None
        assert not head.ui.messageLabel.text
    finally:
        head.logic.client = None
