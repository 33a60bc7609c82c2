"""Submissions: a rater goes on at once, and the files of what was said are made afterwards, by any process."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from radiologycnn.annotation.dataset import AnnotationDataset
from radiologycnn.annotation.journal import JOURNAL_FOLDER, Entry, Journal
from radiologycnn.annotation.json_files import not_writable
from radiologycnn.annotation.manifest import refresh_manifest
from radiologycnn.annotation.records import IN_PROGRESS, NETWORK, Annotation, Case, Decision, Mask, utc_now
from radiologycnn.errors import InputError, RadiologyCNNError

_WORD, _REMARK, _NETWORK = "word", "remark", "network"


class Submissions(AnnotationDataset, ABC):
    """The part of AnnotationStore that takes words by its journal; the store writes them (``check_word``, ``decide``).

    What was submitted counts for this store from then on (:meth:`annotation`, :meth:`read_mask`), and for everybody
    as soon as it is settled: by another process that opens the folder as the same rater, or by :meth:`settle` here.
    """

    rater: str
    software: Mapping[str, str]
    journal: Journal
    _submitted: dict[str, tuple[str, Annotation]]  # case -> journal's file, word

    @abstractmethod
    def check_word(self, case_id: str, decision: Decision) -> Case: ...

    @abstractmethod
    def decide(
        self, case_id: str, decision: Decision, software: Mapping[str, str] | None = None, decided_at: str = ""
    ) -> Annotation: ...

    @abstractmethod
    def _say(self, word: Annotation) -> Annotation: ...

    def submit(self, case_id: str, decision: Decision) -> Annotation:
        """Say a word on a case as ``decide`` does, but leave its files to be made later; when this returns, it holds.

        Returns:
            The word; file and hash of its mask are not final.

        Raises:
            InputError, ResourceError: it could not be written; the word before still stands.
        """
        case = self.check_word(case_id, decision)
        about = {**decision.to_dict(), "software": dict(self.software), "decided_at": utc_now()}
        entry = self.journal.add(_WORD, case_id, about, decision.mask)
        word = self._word_of(entry, case)
        self._submitted[case_id] = (entry.file, word)
        return word

    def submit_remark(self, case_id: str, comment: str, seconds: float) -> Annotation:
        """Say another comment and another time on a case, as ``submit`` does; all else of the word stays as it is.

        Raises:
            InputError, ResourceError: it could not be written; the word before still stands.
        """
        before = self.annotation(case_id)
        if before is None:
            return self.submit(case_id, Decision(IN_PROGRESS, seconds=seconds, comment=comment))
        self.check_reachable()
        about = {"comment": comment, "seconds": round(float(seconds), 1), "decided_at": utc_now()}
        entry = self.journal.add(_REMARK, case_id, about)
        word = _with_remark(before, about)
        self._submitted[case_id] = (entry.file, word)
        return word

    def submit_network(
        self, case_id: str, mask: Mask, message: Mapping[str, Any], probability: np.ndarray | None = None
    ) -> str:
        """Keep the network's result as ``save_network`` does, later; returns its file, relative to the folder.

        A result that is kept already is not written again.

        Raises:
            InputError, ResourceError: it could not be written.
        """
        self.check_reachable()
        file = self.network_file(case_id, message)
        if (self.folder / file).is_file():
            self.journal.add(_NETWORK, case_id, {"file": file})
        else:
            self.journal.add(_NETWORK, case_id, {"message": dict(message)}, mask, probability)
        return file

    @property
    def has_submitted(self) -> bool:
        """Whether files of this rater's words are still to be made."""
        return bool(self.journal.files())

    def settle(self) -> list[dict[str, str]]:
        """Make the files of what was submitted, in order; what cannot be made stays submitted.

        Returns:
            {"case", "code", "message", "hint"} of each word that could not be settled; and, with the code
            MANIFEST_BEHIND and no case, of ``cases.csv`` where it lacks what raters have said; or of the folder, where
            it cannot be reached.
        """
        try:
            self.check_reachable()
        except InputError as error:
            return [_problem("", error)]
        try:
            problems = self._settle_entries()
        except OSError as error:
            problems = [_problem("", not_writable(self.folder, error))]
        behind = refresh_manifest(self)
        if behind is not None:
            problems.append(_problem("", behind))
        self.refresh_submitted()
        return problems

    def _settle_entries(self) -> list[dict[str, str]]:
        """As :meth:`settle`, of what lies in the journal. Raises OSError where that cannot be worked on at all."""
        problems: list[dict[str, str]] = []
        stuck: set[str] = set()
        with self.journal.alone() as is_alone:
            for file in self.journal.files() if is_alone else ():
                try:
                    entry = self.journal.read(file)
                except FileNotFoundError:
                    continue
                except InputError as error:
                    self.journal.set_aside(file)
                    problems.append(_problem("", error))
                    continue
                if entry.case in stuck:  # a later word must not be overtaken by an earlier one
                    continue
                try:
                    self._settle(entry)
                    self.journal.remove(entry)
                except (RadiologyCNNError, OSError) as error:
                    stuck.add(entry.case)
                    problems.append(_problem(entry.case, error))
        return problems

    def refresh_submitted(self) -> None:
        """Forget what has been settled meanwhile; take up what a process before this one has submitted."""
        known = {file: (case, word) for case, (file, word) in self._submitted.items()}
        self._submitted = {}
        for file in self.journal.files():
            if file in known:
                case, word = known[file]
                self._submitted[case] = (file, word)
                continue
            try:
                entry = self.journal.read(file)
                if entry.kind == _WORD:
                    self._submitted[entry.case] = (file, self._word_of(entry, self.case(entry.case)))
                elif entry.kind == _REMARK and (before := self.annotation(entry.case)) is not None:
                    self._submitted[entry.case] = (file, _with_remark(before, entry.about))
            except (FileNotFoundError, InputError):
                continue

    def annotation(self, case_id: str, rater: str | None = None) -> Annotation | None:
        """What a rater (None: this one) has said of a case last."""
        if rater in (None, self.rater) and case_id in self._submitted:
            return self._submitted[case_id][1]
        return self._settled_word(case_id, rater or self.rater)

    def read_mask(self, annotation: Annotation) -> Mask | None:
        """A rater's mask, also one that was only submitted; None where the word has none.

        Raises:
            InputError: the file is gone or damaged.
        """
        if not annotation.mask.startswith(f"{JOURNAL_FOLDER}/"):
            return super().read_mask(annotation)
        try:
            return self.journal.read(annotation.mask).mask
        except FileNotFoundError:  # settled meanwhile
            return super().read_mask(self._settled_word(annotation.case, annotation.rater) or annotation)

    def _settled_word(self, case_id: str, rater: str) -> Annotation | None:
        record = self.files.read(f"annotations/{rater}/{case_id}.json")
        return Annotation.from_dict(record) if record else None

    def _word_of(self, entry: Entry, case: Case) -> Annotation:
        about, mask = entry.about, entry.mask
        before = self.annotation(entry.case)
        return Annotation(
            entry.case, self.rater, about["status"], entry.file if mask is not None else "", "", "", about["model"],
            about["software"], about["edits"],
            int(np.count_nonzero(mask.crop)) * case.voxel_ml if mask is not None else None,
            about["seconds"], about["comment"], about["decided_at"], about.get("types", ""),
            before.as_history() if before else (),
        ).with_mask_of(before)  # fmt: skip

    def _settle(self, entry: Entry) -> None:
        about = dict(entry.about)
        if entry.kind == _WORD:
            when = {name: about.pop(name) for name in ("software", "decided_at")}
            self.decide(entry.case, Decision(mask=entry.mask, **about), **when)
        elif entry.kind == _REMARK:
            before = self._settled_word(entry.case, self.rater)
            if before is not None:  # else the word it belongs to was damaged, and its rater was told
                self._say(_with_remark(before, about))
        elif "message" in about and entry.mask is not None:
            self.save_network(entry.case, entry.mask, about["message"], entry.probability)
        else:
            self.show_mask(self.mask_file_of_network(about.get("file", "")), NETWORK, entry.case)


def _with_remark(word: Annotation, about: Mapping[str, Any]) -> Annotation:
    """A word with another comment and another time; told twice it is the same."""
    history = word.history if word.comment == about["comment"] else word.as_history()
    return replace(word, history=history, **about)


def _problem(case: str, error: Exception) -> dict[str, str]:
    code = error.code if isinstance(error, RadiologyCNNError) else "cannot-write"
    message = error.message if isinstance(error, RadiologyCNNError) else str(error)
    return {"case": case, "code": code, "message": message, "hint": getattr(error, "hint", "")}
