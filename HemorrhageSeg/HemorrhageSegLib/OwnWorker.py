"""A worker process beside the one that segments, started when it is first needed."""


class OwnWorker:
    """Base of what asks such a process: its slots are ``_onResult``, ``_onFailed`` and ``_onCancelled``.

    Args:
        client: who talks to the process; None for one of its own, made at first use.
    """

    def __init__(self, client=None) -> None:
        self._client = None
        if client is not None:
            self.client = client

    @property
    def client(self):
        """The process's client, made at first use."""
        if self._client is None:
            from RadiologyCNNLib.QtWorkerProcess import makeClient

            self.client = makeClient()
        return self._client

    @client.setter
    def client(self, client) -> None:
        self._client = client
        self._connect(client)

    def _connect(self, client) -> None:
        """Hear of the jobs of a client that is used from now on."""
        client.result.connect(self._onResult)
        client.failed.connect(self._onFailed)
        client.cancelled.connect(self._onCancelled)

    def _stopProcess(self) -> None:
        """End the process, where one was started."""
        if self._client is not None:
            self._client.stop()
