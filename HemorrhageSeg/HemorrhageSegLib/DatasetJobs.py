"""The long jobs on a dataset of annotations, in a worker of their own, so that Segment stays quick meanwhile."""

import logging

from HemorrhageSegLib.OwnWorker import OwnWorker
from RadiologyCNNLib.Signal import Signal

AGREEMENT, CONSENSUS, RANK, IMPROVE = "agreement", "consensus", "rank_cases", "improve"


class DatasetJobs(OwnWorker):
    """Asks a second worker, which is started at the first request; of each kind one job at a time.

    Args:
        beforeStart: called before a job is asked for, so that the dataset holds all that was decided.
        client: who talks to the worker; None for one with a process of its own.
    """

    HEARD = ("progress", *OwnWorker.HEARD)

    def __init__(self, beforeStart=lambda: None, client=None) -> None:
        self._signals = {
            "started": Signal("kind"),
            "progressed": Signal("kind", "fraction", "stage", "remaining_s"),
            "finished": Signal("kind", "message"),
            "failed": Signal("kind", "error"),
            "cancelled": Signal("kind"),
        }
        self._beforeStart = beforeStart
        self._kinds = {}  # job -> kind
        self._datasets = {}  # kind -> folder of the dataset that its last job works on
        super().__init__(client)

    def listen(self, kinds, **functions) -> None:
        """Hear of the jobs of some kinds, and of no others.

        Args:
            kinds: of the job.
            functions: any of ``started(kind)``, ``progressed(kind, fraction, stage, remaining_s or None)``,
                ``finished(kind, message: dict)``, ``failed(kind, error: WorkerError)`` and ``cancelled(kind)``; each
                job ends in one of the last three.
        """
        for name, function in functions.items():
            self._signals[name].connect(_ofKinds(kinds, function))

    def _tell(self, name, *arguments) -> None:
        self._signals[name].emit(*arguments)

    def isRunning(self, kind: str = "") -> bool:
        """Whether a job of this kind, or any at all, is under way."""
        return kind in self._kinds.values() if kind else bool(self._kinds)

    def request(self, kind: str, **fields) -> None:
        """Start a job, unless one of its kind is under way; who listens is told of its end."""
        if not self.isRunning(kind):
            self._beforeStart()
            self._kinds[self.client.request(kind, **fields)] = kind
            self._datasets[kind] = fields.get("dataset")
            self._tell("started", kind)

    def cancel(self, kind: str) -> None:
        """Ask the job of a kind to stop; ``cancelled`` follows within two seconds."""
        for job in [job for job, own in self._kinds.items() if own == kind]:
            self._client.cancel(job)

    def leaveOthers(self, dataset: str) -> None:
        """Another dataset is open: what is shown of the one before it would be taken for its own. Who listens is told
        that such jobs are cancelled. Training goes on: what comes of it is a model."""
        for job, kind in list(self._kinds.items()):
            if kind != IMPROVE and self._datasets[kind] != dataset:
                del self._kinds[job]
                self._client.cancel(job, mayKill=False)
                self._tell("cancelled", kind)

    def abandon(self) -> None:
        """End the process and forget its jobs: the panel goes away. What was kept so far is gone on from next time."""
        self._kinds = {}
        self._stopProcess()

    def _onProgress(self, job, fraction, stage, remaining) -> None:
        if job in self._kinds:
            self._tell("progressed", self._kinds[job], fraction, stage, remaining)

    def _onResult(self, job, message) -> None:
        if job in self._kinds:
            self._tell("finished", self._kinds.pop(job), message)

    def _onFailed(self, job, error) -> None:
        if job in self._kinds:
            if error.details:
                logging.error("RadiologyCNN worker: %s\n%s", error.code, error.details)
            self._tell("failed", self._kinds.pop(job), error)

    def _onCancelled(self, job) -> None:
        if job in self._kinds:
            self._tell("cancelled", self._kinds.pop(job))


def _ofKinds(kinds, function):
    def tell(kind, *arguments):
        if kind in kinds:
            function(kind, *arguments)

    return tell
