"""The RotatorCuffCNN panel as a person uses it, in the stand-in desktop; the worker's answers are made up here."""

import os
from xml.etree import ElementTree

import numpy as np
import pytest
from panels.clinic import unnamedWidgets


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
    clinic.startClassification()
    fields = clinic.sent("classify")[1]
    assert fields["side"] == "left"
    assert fields["repeats"] == {"method": "mc_dropout", "count": 12}
    assert fields["model"] == "test-1.0.0"
    assert fields["device"] == "auto"


def testWithoutRepeatsNoneAreAskedFor(clinic):
    assert not clinic.ui.repeatCountSpinBox.enabled
    clinic.startClassification()
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


def testCancelGivesTheButtonBackAndChangesNothing(clinic):
    clinic.locate()
    before = clinic.nodeCount()
    clinic.startClassification()
    assert clinic.ui.classifyButton.text == "Cancel"
    clinic.click(clinic.ui.classifyButton)
    assert clinic.ui.classifyButton.text == "Classify"
    assert "Cancelled" in clinic.ui.messageLabel.text
    assert clinic.result is None
    assert clinic.nodeCount() == before
    assert clinic.classify() is not None


def testProgressIsShownInWords(clinic):
    job = clinic.startClassification()
    clinic.client.progress.emit(job, 0.42, "Running the network", 12.3)
    assert clinic.ui.progressBar.value == 42
    assert clinic.ui.stageLabel.text == "Running the network · about 12 s left"
    clinic.answer(job)
    assert not clinic.ui.progressBar.visible


def testExpectedTimeIsThatOfTheSameNumberOfRuns(clinic):
    clinic.classify()
    assert "Takes about" in clinic.ui.stageLabel.text
    clinic.choose(clinic.ui.repeatsSelector, "Test-time augmentation")
    clinic.ui.repeatCountSpinBox.value = 37
    assert "first run" in clinic.ui.stageLabel.text


def testSecondRunUpdatesItsOwnNodes(clinic):
    clinic.locate()
    camNode = clinic.classify().camNode
    before = clinic.nodeCount()
    assert clinic.classify().camNode is camNode
    assert clinic.nodeCount() == before


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


def testWorkerDeathIsSaidAndThePanelStaysUsable(clinic):
    job = clinic.startClassification()
    folder = clinic.sent("classify")[1]["output"]
    clinic.fail(job, "worker-died", "The background process ended.", "Try again.")
    assert "The background process ended." in clinic.ui.messageLabel.text
    assert "Try again." in clinic.ui.messageLabel.text
    assert "trace" not in clinic.ui.messageLabel.text
    assert not os.path.exists(folder)
    assert clinic.classify() is not None


def testBrokenAnswersLeaveNoHalfResultBehind(clinic):
    clinic.locate()
    before = clinic.nodeCount()
    clinic.client.result.emit(clinic.startClassification(), {})
    assert clinic.ui.messageLabel.visible
    assert clinic.ui.classifyButton.text == "Classify"
    clinic.answer(clinic.startClassification(), maps=np.zeros((1, 2, 3, 4, 5), np.float32))
    assert clinic.ui.messageLabel.visible
    assert clinic.result is None
    assert clinic.nodeCount() == before


# What cannot be classified


@pytest.mark.parametrize("kind", ["single slice", "empty", "activation map", "CT", "label map"])
def testUnusableInputIsExplained(clinic, kind):
    scene = clinic.slicer.mrmlScene
    if kind == "single slice":
        node = clinic.slicer.util.addVolumeFromArray(np.zeros((1, 64, 64), np.int16))
    elif kind == "empty":
        node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Empty")
    elif kind == "activation map":
        node = clinic.classify().camNode
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


def testRefusalByTheWorkerIsShownAsItsSentence(clinic):
    clinic.fail(clinic.startClassification(), "not-a-shoulder", "This is an axial series.", "Choose a coronal one.")
    assert "This is an axial series." in clinic.ui.messageLabel.text
    assert "Choose a coronal one." in clinic.ui.messageLabel.text
    assert clinic.result is None


def testModelThatCannotBeUsedIsExplained(clinic):
    clinic.useModel(problem="its weights are damaged")
    assert not clinic.ui.classifyButton.enabled
    assert "damaged" in clinic.ui.stageLabel.text


def testMissingPackagesAreOfferedAndNothingIsSent(clinic):
    class Installer:
        isReady = False

        def missing(self):
            return ["torch>=2.2"]

    before = clinic.widget.installer
    clinic.widget.installer = Installer()
    try:
        clinic.slicer.mrmlScene.Clear(0)
        clinic.addShoulder(clinic.shoulder, "Another")
        clinic.widget.enter()
        assert clinic.ui.installFrame.visible
        assert "torch>=2.2" in clinic.ui.installLabel.text
        assert clinic.count("locate") == 1
    finally:
        clinic.widget.installer = before


# The panel itself


def testNoticeAndBannerAreShown(clinic):
    assert "Research use only" in clinic.ui.researchUseLabel.text
    assert clinic.ui.researchUseLabel.visible
    assert clinic.ui.demonstrationBanner.visible
    assert clinic.ui.demonstrationBanner.text == "Demonstration model, trained on simulated scans. Not for patients."


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


def testEverythingThatCanBeUsedHasANameAToolTipAndAPlaceInTheTabOrder(clinic, repository):
    uiFile = repository / "RotatorCuffCNN/Resources/UI/RotatorCuffCNN.ui"
    assert unnamedWidgets(clinic.ui, uiFile) == []
    tree = ElementTree.parse(uiFile)
    usable = {
        element.get("name")
        for element in tree.iter("widget")
        if element.get("class").endswith(("Button", "ComboBox", "CheckBox", "SliderWidget", "SpinBox", "TableView"))
        and not element.get("class").startswith("ctkCollapsible")
    }
    assert {element.text for element in tree.iter("tabstop")} == usable - {"installButton"}


def testShortcutClassifiesAndSurvivesTheChangeOfText(clinic):
    shortcut = clinic.qt.QKeySequence("Ctrl+Return")
    assert clinic.ui.classifyButton.shortcut == shortcut
    job = clinic.startClassification()
    assert clinic.ui.classifyButton.shortcut == shortcut
    clinic.answer(job)
    assert clinic.ui.classifyButton.shortcut == shortcut


def testBothPanelsWorkSideBySide(clinic, slicerHost, repository):
    """Jobs of one panel are none of the other's, though both talk to one worker."""
    head = slicerHost.load_module(repository / "HemorrhageSeg", select=False)
    head.logic.client = clinic.client
    try:
        clinic.locate()
        job = clinic.startClassification()
        assert not head.logic.isRunning
        clinic.answer(job)
        assert clinic.result is not None
        assert not head.ui.messageLabel.text
    finally:
        head.logic.client = None
