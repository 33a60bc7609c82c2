"""WorkerError: why a job of the worker failed, in words."""

from dataclasses import dataclass


@dataclass(frozen=True)
class WorkerError:
    """Message and hint are for the person, details for the log."""

    code: str
    message: str
    hint: str = ""
    details: str = ""

    @classmethod
    def ofMessage(cls, message):
        """What the worker's own ``error`` message says."""
        return cls(*(str(message.get(name) or "") for name in ("code", "message", "hint", "details")))

    @classmethod
    def ofDeath(cls, code, wasReady, errorText):
        """The process ended, with this exit code and these last lines, though nobody asked for it."""
        if wasReady:
            hint = (
                "It may have run out of memory, or been ended from outside. "
                "Close other programs or choose the CPU as device, then try again."
            )
        else:
            hint = "The details hold the reason; the worker's Python may lack a package."
        details = f"Exit code {code}.\n{errorText}".strip()
        return cls("worker-died", "The background process ended unexpectedly.", hint, details)

    @classmethod
    def ofStart(cls, reason):
        """The program could not be started at all."""
        hint = "Check the setting RadiologyCNN/WorkerPython, or reinstall the extension."
        return cls("worker-not-started", "The background process could not be started.", hint, str(reason))
