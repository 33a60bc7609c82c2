"""Has the files of an annotator's words made by a process of its own, so that the panel never waits for them."""

import logging

from slicer.i18n import tr as _

from HemorrhageSegLib.OwnWorker import OwnWorker
from RadiologyCNNLib.Signal import Signal

SETTLE = "settle_annotations"


class AnnotationWriter(OwnWorker):
    """Settles what a store has taken (AnnotationStore.submit): in the background, or here where that fails.

    What was submitted is safe already: with each end of a job, of this process or of the computer, the next one goes
    on from there.

    Signals:
        settled(store, problems: list of {"case", "code", "message", "hint"}): what a store has taken is settled as far
            as it can be; problems tell of words that are kept, but whose files could not be made yet, or of the
            folder's table without a case.

    Args:
        client: who talks to the process; None for one of its own.
    """

    def __init__(self, client=None) -> None:
        self.settled = Signal("store", "problems")
        self._job = ""
        self._store = None  # of the job under way
        self._waiting = None  # store that was given more to settle meanwhile
        super().__init__(client)

    def _leaveClient(self) -> None:
        self._job, self._waiting = "", None

    def start(self) -> None:
        """Start the process now, so that the first word finds it ready; returns at once."""
        self.client.start()

    def settle(self, store) -> None:
        """Have a store's submissions settled; returns at once, ``settled`` follows."""
        if self._job:
            self._waiting = store
            return
        self._store = store
        self._job = self.client.request(SETTLE, dataset=str(store.folder), rater=store.rater)

    def finish(self, store) -> None:
        """Settle what is left now, in this process: somebody else is about to read the folder, or the panel goes."""
        if store is not None and store.has_submitted:
            self._tell(store, store.settle())

    def stop(self) -> None:
        """The panel goes away."""
        self._job = ""
        self._stopProcess()

    def _onResult(self, job, message) -> None:
        if job == self._job:
            self._store.refresh_submitted()
            self._end(message["problems"])

    def _onFailed(self, job, error) -> None:
        if job == self._job:
            logging.warning("HemorrhageSeg: annotations are written by this process: %s", error.message)
            self._end(self._store.settle())

    def _onCancelled(self, job) -> None:
        if job == self._job:
            self._end([])

    def _end(self, problems) -> None:
        store, waiting = self._store, self._waiting
        self._job, self._waiting, self._store = "", None, None
        if waiting is not None:
            self.settle(waiting)
        self._tell(store, problems)

    def _tell(self, store, problems) -> None:
        for problem in problems:
            logging.warning("HemorrhageSeg: %s: %s", problem["case"] or problem["code"], problem["message"])
        self.settled.emit(store, problems)


def problemText(problem) -> tuple:
    """(message, hint) for the annotator."""
    if not problem["case"]:  # of the folder's table, or of a word that nobody can read any more: it says all there is
        return problem["message"], problem["hint"]
    text = _("{case} is kept, but its files could not be written yet: {message}")
    hint = _("It is tried again with the next case, and when the list is opened.")
    return text.format(case=problem["case"], message=problem["message"]), f"{problem['hint']} {hint}".strip()
