"""WorkerListener: base of whatever asks a worker process: its client comes at first use and can be replaced."""


class WorkerListener:
    """Hears a client's signals by the slots ``_onResult``, ``_onFailed``, ``_onCancelled`` and ``_onProgress``.

    A subclass says with :meth:`_makeClient` whose process it is.

    Args:
        client: who talks to the process; None for the one that is made at first use.
    """

    HEARD = ("result", "failed", "cancelled")  #: signals of the client that have a slot

    def __init__(self, client=None) -> None:
        self._client = None
        if client is not None:
            self.client = client

    def _makeClient(self):
        raise NotImplementedError

    def _leaveClient(self) -> None:
        """Another client (or None) is about to take the place of the present one: forget its jobs."""

    @property
    def client(self):
        """Who talks to the process, made and connected at first use."""
        if self._client is None:
            self.client = self._makeClient()
        return self._client

    @client.setter
    def client(self, client) -> None:
        """Talk to another client from now on; None to leave the present one."""
        if self._client is not None:
            self._leaveClient()
        for signalName in self.HEARD:
            slot = getattr(self, f"_on{signalName.capitalize()}")
            if self._client is not None:
                getattr(self._client, signalName).disconnect(slot)
            if client is not None:
                getattr(client, signalName).connect(slot)
        self._client = client
