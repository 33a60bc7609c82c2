"""The long jobs on a dataset of annotations, in a worker of their own, so that Segment stays quick meanwhile."""

import logging

from RadiologyCNNLib.Signal import Signal

AGREEMENT, CONSENSUS, RANK, IMPROVE = "agreement", "consensus", "rank_cases", "improve"


class DatasetJobs:
    """Asks a second worker, which is started at the first request; of each kind one job at a time.

    Signals, the first argument of each is the kind:
        started(kind), progressed(kind, fraction, stage, remaining_s or None), finished(kind, message: dict),
        failed(kind, error: WorkerError), cancelled(kind).

    Args:
        client: who talks to the worker; None for one with a process of its own.
    """

    def __init__(self, client=None) -> None:
        self.started = Signal("kind")
        self.progressed = Signal("kind", "fraction", "stage", "remaining_s")
        self.finished = Signal("kind", "message")
        self.failed = Signal("kind", "error")
        self.cancelled = Signal("kind")
        self._client = None
        self._kinds = {}  # job -> kind
        if client is not None:
            self.client = client

    @property
    def client(self):
        """The worker's client, made at first use."""
        if self._client is None:
            from RadiologyCNNLib.QtWorkerProcess import makeClient

            self.client = makeClient()
        return self._client

    @client.setter
    def client(self, client) -> None:
        self._client = client
        client.progress.connect(self._onProgress)
        client.result.connect(self._onResult)
        client.failed.connect(self._onFailed)
        client.cancelled.connect(self._onCancelled)

    def isRunning(self, kind: str = "") -> bool:
        """Whether a job of this kind, or any at all, is under way."""
        return kind in self._kinds.values() if kind else bool(self._kinds)

    def request(self, kind: str, **fields) -> None:
        """Start a job; one of the signals tells its end."""
        if not self.isRunning(kind):
            self._kinds[self.client.request(kind, **fields)] = kind
            self.started.emit(kind)

    def cancel(self, kind: str) -> None:
        """Ask the job of a kind to stop; ``cancelled`` follows within two seconds."""
        for job in [job for job, own in self._kinds.items() if own == kind]:
            self._client.cancel(job)

    def abandon(self) -> None:
        """Stop everything, and forget it: the panel goes away. What was kept so far is gone on from the next time."""
        jobs, self._kinds = self._kinds, {}
        for job in jobs:
            self._client.cancel(job)

    def _onProgress(self, job, fraction, stage, remaining) -> None:
        if job in self._kinds:
            self.progressed.emit(self._kinds[job], fraction, stage, remaining)

    def _onResult(self, job, message) -> None:
        if job in self._kinds:
            self.finished.emit(self._kinds.pop(job), message)

    def _onFailed(self, job, error) -> None:
        if job in self._kinds:
            if error.details:
                logging.error("RadiologyCNN worker: %s\n%s", error.code, error.details)
            self.failed.emit(self._kinds.pop(job), error)

    def _onCancelled(self, job) -> None:
        if job in self._kinds:
            self.cancelled.emit(self._kinds.pop(job))
