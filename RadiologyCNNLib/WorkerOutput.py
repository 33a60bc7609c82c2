"""WorkerOutput: what the worker writes, put together from bytes: messages, and the last lines of its stderr."""

from collections import deque

from radiologycnn.errors import InputError
from radiologycnn.worker import protocol

#: So many of the worker's last stderr lines go into the details of an error.
KEPT_ERROR_LINES = 60


class WorkerOutput:
    """Both streams of one worker.

    Args:
        onMessage: function (message: dict), called with each message.
        onText: function (text), called with each line that is none.
    """

    def __init__(self, onMessage, onText):
        self._onMessage = onMessage
        self._onText = onText
        self._errorLines = deque(maxlen=KEPT_ERROR_LINES)
        self.clear()

    def clear(self):
        """Begin anew, for another worker."""
        self._rest = self._errorRest = b""
        self._errorLines.clear()

    def addBytes(self, data):
        """Take bytes of stdout: whole lines are messages, the rest waits for its end."""
        self._rest += bytes(data)
        while b"\n" in self._rest:
            # one at a time: whoever hears of a message may stop this worker and clear what it had written
            line, self._rest = self._rest.split(b"\n", 1)
            if not line.strip():
                continue
            try:
                message = protocol.decode(line)
            except InputError:
                self._onText(line.decode("utf-8", "replace"))
            else:
                self._onMessage(message)

    def addErrorBytes(self, data):
        """Take bytes of stderr: kept for the details of an error, and told as text."""
        *lines, self._errorRest = (self._errorRest + bytes(data)).split(b"\n")
        for line in lines:
            text = line.decode("utf-8", "replace").rstrip()
            if text:
                self._errorLines.append(text)
                self._onText(text)

    def end(self):
        """The worker writes no more: an unfinished line of stderr is a line."""
        if self._errorRest:
            self.addErrorBytes(b"\n")

    @property
    def errorText(self):
        """The last lines of stderr, as one text."""
        return "\n".join(self._errorLines)
