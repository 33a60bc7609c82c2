"""A worker process beside the one that segments, started when it is first needed."""

from RadiologyCNNLib.WorkerListener import WorkerListener


class OwnWorker(WorkerListener):
    """Base of what asks such a process."""

    def _makeClient(self):
        from RadiologyCNNLib.QtWorkerProcess import makeClient

        return makeClient()

    def _stopProcess(self) -> None:
        """End the process, where one was started."""
        if self._client is not None:
            self._client.stop()
