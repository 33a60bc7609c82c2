"""What a person may expect of either panel: its button, its words, its models, and a scene that changes meanwhile."""

import json
import os

import pytest
from panels.clinic import StandInInstaller, unnamedWidgets


@pytest.fixture(params=["headClinic", "shoulderClinic"])
def clinic(request):
    opened = request.getfixturevalue(request.param)
    if request.param == "shoulderClinic":
        opened.locate()  # answers the search that choosing a scan has started
    return opened


# The button


def testCancelGivesTheButtonBackAndChangesNothing(clinic):
    before, text = clinic.nodeCount(), clinic.widget.runButton.text
    clinic.start()
    assert clinic.widget.runButton.text == "Cancel"
    clinic.click(clinic.widget.runButton)
    assert clinic.widget.runButton.text == text
    assert "Cancelled" in clinic.ui.messageLabel.text
    assert clinic.result is None
    assert clinic.nodeCount() == before
    assert clinic.run() is not None
    assert not clinic.ui.messageLabel.visible


def testShortcutRunsAndSurvivesTheChangeOfText(clinic):
    shortcut = clinic.qt.QKeySequence("Ctrl+Return")
    assert clinic.widget.runButton.shortcut == shortcut
    job = clinic.start()
    assert clinic.widget.runButton.shortcut == shortcut
    clinic.answer(job)
    assert clinic.widget.runButton.shortcut == shortcut


def testProgressIsShownInWords(clinic):
    job = clinic.start()
    clinic.client.progress.emit(job, 0.42, "Running the network", 12.3)
    assert clinic.ui.progressBar.value == 42
    assert clinic.ui.stageLabel.text == "Running the network · about 12 s left"
    clinic.answer(job)
    assert not clinic.ui.progressBar.visible


def testSecondRunUpdatesItsOwnNodes(clinic):
    clinic.run()
    ids = {node.GetID() for node in clinic.slicer.util.getNodesByClass("vtkMRMLNode")}
    clinic.run()
    assert {node.GetID() for node in clinic.slicer.util.getNodesByClass("vtkMRMLNode")} == ids


# What goes wrong


def testWorkerDeathIsSaidAndThePanelStaysUsable(clinic):
    job = clinic.start()
    folder = clinic.sent(clinic.TASK)[1]["output"]
    clinic.fail(job, "worker-died", "The background process ended.", "Try again.")
    assert "The background process ended." in clinic.ui.messageLabel.text
    assert "Try again." in clinic.ui.messageLabel.text
    assert "trace" not in clinic.ui.messageLabel.text
    assert not os.path.exists(folder)
    assert clinic.run() is not None


def testTemporaryFolderIsRemovedAfterTheResult(clinic):
    job = clinic.start()
    folder = clinic.sent(clinic.TASK)[1]["output"]
    assert os.path.isdir(folder)
    clinic.answer(job)
    assert not os.path.exists(folder)


def testRefusalByTheWorkerIsShownAsItsSentence(clinic):
    clinic.fail(clinic.start(), "not-suitable", "This is another kind of scan.", "Choose a suitable one.")
    assert "This is another kind of scan." in clinic.ui.messageLabel.text
    assert "Choose a suitable one." in clinic.ui.messageLabel.text
    assert clinic.result is None


def testWhatWasSaidOfOneScanIsNotSaidOfTheNext(clinic):
    clinic.fail(clinic.start(), "not-suitable", "This is another kind of scan.", "Choose a suitable one.")
    clinic.ui.inputVolumeSelector.nodeActivated.emit(clinic.addScan())
    assert not clinic.ui.messageLabel.visible


def testBrokenAnswerLeavesThePanelUsable(clinic):
    before, text = clinic.nodeCount(), clinic.widget.runButton.text
    clinic.client.result.emit(clinic.start(), {"labels": []})
    assert clinic.ui.messageLabel.visible
    assert clinic.widget.runButton.text == text
    assert clinic.result is None and clinic.nodeCount() == before
    assert clinic.run() is not None


# The scene


def testSceneCloseDuringAJobThenANewScan(clinic):
    text = clinic.widget.runButton.text
    job = clinic.start()
    clinic.slicer.mrmlScene.Clear(0)
    assert clinic.widget.runButton.text == text
    assert "scene was closed" in clinic.ui.messageLabel.text
    clinic.client.result.emit(job, {})
    assert clinic.result is None
    clinic.volume = clinic.addScan()
    clinic.useModel()
    assert clinic.run() is not None


def testOfSeveralScansTheOneOnTheScreenIsChosen(clinic):
    """As Slicer's DICOM reader leaves it: of all series of a study it shows the last one that was loaded."""
    slicer = clinic.slicer
    slicer.mrmlScene.Clear(0)
    _first, shown, _last = scans = [clinic.addScan() for _number in range(3)]
    clinic.ui.inputVolumeSelector.setCurrentNode(None)
    slicer.util.setSliceViewerLayers(background=shown)
    clinic.widget.enter()
    assert clinic.ui.inputVolumeSelector.currentNode() is shown
    clinic.ui.inputVolumeSelector.setCurrentNode(None)
    slicer.util.setSliceViewerLayers(background=None)
    clinic.widget.enter()
    assert clinic.ui.inputVolumeSelector.currentNode() is scans[0]


def testScanRemovedDuringAJobIsSaid(clinic):
    text = clinic.widget.runButton.text
    job = clinic.start()
    clinic.slicer.mrmlScene.RemoveNode(clinic.volume)
    clinic.answer(job)
    assert "removed" in clinic.ui.messageLabel.text
    assert clinic.widget.runButton.text == text


def testScanMovedDuringAJobIsSaid(clinic):
    job = clinic.start()
    clinic.volume.SetOrigin(10, 0, 0)
    clinic.answer(job)
    assert "moved" in clinic.ui.messageLabel.text
    assert clinic.result is None


def testReloadKeepsTheResult(clinic):
    clinic.run()
    words = clinic.words
    clinic.widget.onReload()
    widget = getattr(clinic.slicer.modules, f"{clinic.MODULE}Widget")
    assert widget is not clinic.widget
    clinic.ui = widget.ui
    assert words and clinic.words == words


def testResultRecordNamesNoPathOfThisComputer(clinic):
    record = json.dumps(clinic.run().record)
    assert clinic.slicer.app.temporaryPath not in record
    assert "/tmp" not in record


# Models, devices and what is not installed


def testModelThatCannotBeUsedIsExplained(clinic):
    clinic.useModel(problem="its weights are damaged")
    assert not clinic.widget.runButton.enabled
    assert "damaged" in clinic.ui.stageLabel.text


def testModelIsInstalledFromAFileAndRefusalsAreSaid(clinic, monkeypatch):
    clinic.ui.modelCollapsibleButton.collapsed = False
    monkeypatch.setattr(clinic.qt.QFileDialog, "getOpenFileName", lambda *arguments: "/models/new.zip")
    clinic.click(clinic.ui.installModelButton)
    job, fields = clinic.sent("install_model")
    assert fields["source"] == "/models/new.zip"
    assert not clinic.ui.installModelButton.enabled
    clinic.fail(job, "bad-model", "The model is damaged.", "Download it again.")
    assert "The model is damaged." in clinic.ui.messageLabel.text
    clinic.click(clinic.ui.installModelButton)
    clinic.client.result.emit(clinic.sent("install_model")[0], {"model": {"id": "new-1.0.0"}})
    assert "new-1.0.0" in clinic.ui.messageLabel.text
    assert clinic.ui.installModelButton.enabled


def testNameOfTheDemonstrationModelFitsIntoTheListOfANarrowPanel(clinic):
    clinic.ui.modelCollapsibleButton.collapsed = False
    clinic.widget.inputs.refreshModels("")
    clinic.widget.parent.resize(430, 900)
    clinic.host.process_events()
    selector = clinic.ui.modelSelector
    version = clinic.widget.inputs._choices[selector.currentIndex].package.version
    assert version and selector.currentText.endswith(version)
    assert selector.fontMetrics().horizontalAdvance(selector.currentText) < selector.width - 30


def testDevicesAreListedByName(clinic):
    clinic.widget.onDevicesListed([{"id": "cuda:0", "name": "Big GPU"}, {"id": "cpu", "name": "Some CPU"}])
    texts = [clinic.ui.deviceSelector.itemText(n) for n in range(clinic.ui.deviceSelector.count)]
    assert texts == ["Automatic (Big GPU)", "Big GPU", "Some CPU"]
    clinic.ui.deviceSelector.setCurrentIndex(2)
    clinic.client.cancel(clinic.start())
    assert clinic.sent(clinic.TASK)[1]["device"] == "cpu"


def testPyTorchIsOfferedWhereOnlyItCanDoTheJob(clinic, monkeypatch):
    from RadiologyCNNLib.Installer import InstallOutcome

    installer = StandInInstaller(None, isReady=True)
    monkeypatch.setattr(clinic.widget, "installer", installer)
    for outcome, words in (
        (InstallOutcome(False, "Nothing was installed.", wasDeclined=True), "needs PyTorch"),
        (InstallOutcome(False, "The disk is full."), "The disk is full"),
        (InstallOutcome(True, ""), "What was missing is installed"),
    ):
        installer.outcome, listed = outcome, clinic.count("devices")
        clinic.fail(clinic.start(), "needs-torch", "The model needs PyTorch.", "Install PyTorch.")
        assert words in clinic.ui.messageLabel.text
        assert clinic.count("devices") == listed + outcome.isReady  # a GPU can be chosen at once
    assert installer.asked == [True] * 3


def testMissingPackagesAreOfferedNotForcedAndRefusalIsExplained(clinic, monkeypatch):
    from RadiologyCNNLib.Installer import InstallOutcome

    failed = InstallOutcome(False, "The installation failed: No space left", "Free some gigabytes, then try again.")
    installer = StandInInstaller(failed, isReady=False)
    monkeypatch.setattr(clinic.widget, "installer", installer)
    clinic.widget.enter()
    clinic.useModel()
    assert clinic.ui.installFrame.visible
    assert clinic.ui.installLabel.text.endswith("not installed yet: torch.")
    clinic.click(clinic.widget.runButton)
    assert "No space left" in clinic.ui.messageLabel.text
    assert not clinic.widget.logic.isRunning
    installer.outcome, installer.isReady = InstallOutcome(True, ""), True
    clinic.click(clinic.ui.installButton)
    assert not clinic.ui.installFrame.visible
    assert clinic.run() is not None


# Said at all times


def testNoticeAndBannerAreShown(clinic):
    assert "Research use only" in clinic.ui.researchUseLabel.text
    assert clinic.ui.researchUseLabel.visible
    assert clinic.ui.demonstrationBanner.visible
    assert clinic.ui.demonstrationBanner.text == "Demonstration model, trained on simulated scans. Not for patients."


def testEverythingThatCanBeUsedHasANameForScreenReadersAndAToolTip(clinic, repository):
    assert unnamedWidgets(clinic.ui, repository / clinic.MODULE / f"Resources/UI/{clinic.MODULE}.ui") == []
