"""A model improved from the HemorrhageSeg panel: a better one is chosen, a worse one refused in a sentence."""


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
    assert "What was missing is installed" in office.ui.messageLabel.text
