"""The panel's "Improve the model" part: fine-tuning on the accepted masks in the background, and what came of it."""

from slicer.i18n import tr as _

from HemorrhageSegLib.DatasetJobs import IMPROVE
from radiologycnn.annotation.records import ACCEPTED
from radiologycnn.networks.installed import NEEDS_TORCH
from RadiologyCNNLib import SceneFigures
from RadiologyCNNLib.ExpectedTime import durationText
from RadiologyCNNLib.PanelTexts import messageHtml


class ImproveSection:
    """Starts and stops the training, shows how it goes, and puts a better model into the list.

    Args:
        ui: the widgets of HemorrhageSegDataset.ui.
        jobs: DatasetJobs.
        worklist: WorklistSection, whose dataset is learnt from.
        inputs: InputsSection of the panel.
        modelImproved: function (model id) that lists the models anew and chooses that one.
        offerTorch: function () that offers to install PyTorch.
    """

    def __init__(self, ui, jobs, worklist, inputs, modelImproved, offerTorch) -> None:
        self.ui, self.jobs, self.worklist, self.inputs = ui, jobs, worklist, inputs
        self._modelImproved, self._offerTorch = modelImproved, offerTorch
        self._chart = None
        ui.improveCollapsibleButton.connect("contentsCollapsed(bool)", lambda _collapsed: self.update())
        ui.improveButton.connect("clicked(bool)", self.onImproveButton)
        ui.showTrainingButton.connect("clicked(bool)", self.onShowTrainingButton)
        jobs.listen(
            (IMPROVE,), started=self._onStarted, progressed=self._onProgress, finished=self._onFinished,
            failed=self._onFailed, cancelled=self._onCancelled,
        )  # fmt: skip
        self._say("")
        self.update()

    def update(self) -> None:
        """Show what there is to learn from."""
        ui, store = self.ui, self.worklist.cases.store
        isRunning = self.jobs.isRunning(IMPROVE)
        ui.improveButton.text = _("Cancel") if isRunning else _("Improve the model")
        ui.improveButton.enabled = isRunning or (store is not None and not self.inputs.modelProblem)
        ui.improveProgressBar.visible = ui.improveStageLabel.visible = isRunning
        ui.showTrainingButton.visible = self._chart is not None and SceneFigures.canShowCharts()
        if store is None:
            ui.learnFromLabel.text = _("Open a case list first.")
        elif not isRunning and not ui.improveCollapsibleButton.collapsed and store.is_reachable:  # it reads all words
            count = len({word.case for word in store.annotations() if word.status == ACCEPTED})
            text = _("{model} learns from the accepted cases, {count} so far; some of them are held out to test it.")
            ui.learnFromLabel.text = text.format(model=self.inputs.modelId or _("The model"), count=count)

    def _say(self, message, hint="") -> None:
        self.ui.improveLabel.text = messageHtml(message, hint)
        self.ui.improveLabel.visible = bool(message)

    def onImproveButton(self, clicked=False) -> None:
        store = self.worklist.cases.store
        if self.jobs.isRunning(IMPROVE):
            self.ui.improveStageLabel.text = _("Stopping…")
            self.ui.improveButton.enabled = False
            self.jobs.cancel(IMPROVE)
        elif store is not None:
            self._say("")
            self.jobs.request(
                IMPROVE, dataset=str(store.folder), model=self.inputs.modelId or None, device=self.inputs.deviceId
            )

    def _onStarted(self, kind) -> None:
        self.ui.improveProgressBar.value = 0
        self.ui.improveStageLabel.text = _("Starting…")
        self.update()

    def _onProgress(self, kind, fraction, stage, remaining) -> None:
        if not self.ui.improveButton.enabled:
            return  # it is being stopped, and says so
        text = stage
        if remaining is not None and remaining >= 1:
            text = _("{stage} · about {time} left").format(stage=stage, time=durationText(remaining))
        self.ui.improveProgressBar.value = round(100 * fraction)
        self.ui.improveStageLabel.text = text

    def _onFinished(self, kind, message) -> None:
        self._chart = _trainingChart(message["log"]) if message["log"] else None
        self._say(message["message"], " ".join(message["notes"]))
        if message["accepted"]:
            self._modelImproved(message["model"])
        self.update()

    def _onFailed(self, kind, error) -> None:
        self._say(error.message, error.hint)
        self.update()
        if error.code == NEEDS_TORCH:
            self._offerTorch(toTrain=True)

    def _onCancelled(self, kind) -> None:
        self._say(_("Cancelled. The model is as it was."), _("The next start goes on from here."))
        self.update()

    def onShowTrainingButton(self, clicked=False) -> None:
        if self._chart is not None:
            SceneFigures.showChart(self._chart)

    def sceneClosed(self) -> None:
        """The chart went with the scene."""
        self._chart = None
        self.update()


def _trainingChart(log: list):
    """Loss and held-out Dice by epoch."""
    nodes = SceneFigures.SceneFigures(
        "HemorrhageSeg.TrainingTable", "HemorrhageSeg.TrainingPlot", _("Training: {name}")
    )
    series = []
    for number, (key, name) in enumerate((("train_loss", _("Loss")), ("held_out_dice", _("Held-out Dice")))):
        rows = [(row["epoch"], row[key]) for row in log if row.get(key) is not None]
        if rows:
            series.append(nodes.series(key, name, rows, number, isLine=True))
    return nodes.chart("training", _("Loss and held-out Dice"), _("Epoch"), "", series)
