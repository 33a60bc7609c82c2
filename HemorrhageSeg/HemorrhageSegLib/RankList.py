"""The "Rank the list" button: the network reads the cases of the list in the background, to order them by."""

from slicer.i18n import tr as _

from HemorrhageSegLib.DatasetJobs import RANK
from RadiologyCNNLib.PanelTexts import messageHtml


class RankList:
    """Starts and stops the ranking and says how it goes.

    Args:
        ui: the panel's widgets.
        jobs: DatasetJobs.
        worklist: WorklistSection.
        inputs: InputsSection of the panel.
    """

    def __init__(self, ui, jobs, worklist, inputs) -> None:
        self.ui, self.jobs, self.worklist, self.inputs = ui, jobs, worklist, inputs
        self._stage = ""
        self._folder = None
        ui.rankButton.connect("clicked(bool)", self.onRankButton)
        jobs.listen(
            (RANK,), started=lambda _kind: self.update(), progressed=self._onProgress, finished=self._onFinished,
            failed=self._onFailed, cancelled=self._onCancelled,
        )  # fmt: skip
        self._say("")
        self.update()

    def update(self) -> None:
        store = self.worklist.cases.store
        folder = store.folder if store is not None else None
        if folder != self._folder:  # cases of two lists have the same names
            self._folder = folder
            self._say("")
        isRunning = self.jobs.isRunning(RANK)
        self.ui.rankButton.text = _("Cancel") if isRunning else _("Rank the list")
        self.ui.rankButton.enabled = isRunning or (self.worklist.cases.scans.hasFiles and not self.inputs.modelProblem)

    def _scans(self) -> list:
        cases = self.worklist.cases
        rows = cases.rows()
        return [{"case": row.id, "path": str(path)} for row in rows if (path := cases.scans.path(row.id)) is not None]

    def _say(self, message, hint="") -> None:
        self.ui.rankLabel.text = messageHtml(message, hint)
        self.ui.rankLabel.visible = bool(message)

    def onRankButton(self, clicked=False) -> None:
        if self.jobs.isRunning(RANK):
            self.ui.rankButton.enabled = False
            self.jobs.cancel(RANK)
            return
        self.ui.rankLabel.text = _("Starting…")
        self.ui.rankLabel.visible = True
        self._stage = ""
        self.jobs.request(
            RANK, dataset=str(self.worklist.cases.store.folder), scans=self._scans(),
            model=self.inputs.modelId or None, device=self.inputs.deviceId,
        )  # fmt: skip

    def _onProgress(self, kind, fraction, stage, remaining) -> None:
        self.ui.rankLabel.text = _("Ranking: {stage}").format(stage=stage)
        self.ui.rankLabel.visible = True
        if stage != self._stage:  # a case is done: its figures are in the dataset
            self._stage = stage
            self.worklist.showRows()

    def _onFinished(self, kind, message) -> None:
        problems = message["problems"]
        if problems:
            one = _("{case} could not be ranked: {message}")
            text = _("{count} cases could not be ranked, such as {case}: {message}") if len(problems) > 1 else one
            self._say(text.format(count=len(problems), case=problems[0]["case"], message=problems[0]["message"]))
        else:
            self._say("")
        self.worklist.showRows()
        self.update()

    def _onFailed(self, kind, error) -> None:
        self._say(error.message, error.hint)
        self.update()

    def _onCancelled(self, kind) -> None:
        self._say("")
        self.worklist.showRows()
        self.update()
