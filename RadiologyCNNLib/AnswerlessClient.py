"""AnswerlessClient: stands for a worker in the panels' self tests, which decide what it says and when."""

from RadiologyCNNLib.Signal import Signal


class AnswerlessClient:
    """Keeps the requests that it gets and never answers by itself; job n is called ``job-n``."""

    def __init__(self) -> None:
        self.state = "ready"
        self.pid = None
        self.requests = []
        self.progress, self.result, self.failed, self.cancelled = Signal(), Signal(), Signal(), Signal()

    def start(self) -> None:
        self.state = "ready"

    def request(self, cmd, **fields) -> str:
        self.requests.append((cmd, fields))
        return f"job-{len(self.requests)}"

    def cancel(self, job, mayKill=True) -> None:
        self.cancelled.emit(job)

    def stop(self) -> None:
        self.state = "stopped"

    def last(self, cmd) -> tuple[str, dict]:
        """Name and fields of the last request of a kind."""
        return next(
            (f"job-{number}", fields)
            for number, (kind, fields) in reversed(list(enumerate(self.requests, start=1)))
            if kind == cmd
        )
