"""AnnotationStore: a dataset folder that several raters write at once and that no crash can damage.

What lies in the folder::

    dataset.json                        what the folder is
    cases/CASE.json                     one scan: fingerprint, geometry, image file
    images/CASE.nii                     its voxels and nothing else of it
    annotations/RATER/CASE.json         the rater's word: this file decides what counts
    versions/RATER/CASE.SHA256.nii.gz   every mask that was ever decided on; RATER is "network" for the network's
    masks/RATER/CASE.nii.gz             the accepted ones by name, as ``radiologycnn agreement FOLDER/masks`` reads them
    network/CASE.SHA256.npz             the network's result with its probability, to begin with
    network/CASE.json                   what it expects of the case: volume, uncertainty
    pending/RATER/NUMBER.entry          what a rater has said last, until the files above are made of it
    consensus/METHOD/CASE.json, .nii.gz one mask made of several raters', where one was asked for
    training.json                       whether training learns from the latest masks or from the consensus
    cases.csv                           the accepted ones, as ``radiologycnn train hemorrhage --data FOLDER`` reads them
    filled_in.json                      what people have filled in there of cases that are not accepted at the moment

A rater writes only below its own name, so two raters cannot overwrite each other. A mask is written first, under a name
that its content gives; then the word that refers to it, by renaming. Whatever ends the process, the word is the old one
or the new one, and its mask is there. ``masks`` and ``cases.csv`` only repeat the words, and are put right on opening.
``decide`` does all of it at once; ``submit`` writes one small file, of which it is done later (see :mod:`.journal`).
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from radiologycnn import __version__
from radiologycnn.annotation.case_ids import case_ids_of
from radiologycnn.annotation.dataset import DATASET_KIND, DATASET_NAME, check_reachable, is_dataset
from radiologycnn.annotation.file_lock import file_lock
from radiologycnn.annotation.former_ids import words_left_behind
from radiologycnn.annotation.journal import JOURNAL_FOLDER, Journal, lock_of
from radiologycnn.annotation.json_files import json_bytes, not_writable
from radiologycnn.annotation.manifest import refresh_manifest
from radiologycnn.annotation.records import (
    ACCEPTED,
    IN_PROGRESS,
    SCHEMA_VERSION,
    Annotation,
    Case,
    Decision,
    rater_id,
    utc_now,
)
from radiologycnn.annotation.scan_folder import ScanFile
from radiologycnn.annotation.submission import Submissions
from radiologycnn.errors import InputError
from radiologycnn.images.write import write_atomically, write_nifti_in_parts

ABANDONED_S = 3600.0
"""So long nobody writes a part of a scan."""


class AnnotationStore(Submissions):
    """One rater's hand on a dataset folder.

    Attributes:
        problems: what :meth:`settle` could not settle when the folder was opened, and what :meth:`add_scans` tells of.

    Args:
        folder: made where it is not there yet and no store of it is open.
        rater: who writes.
        software: versions of further programs to write down beside RadiologyCNN's, such as Slicer's.
        opens: put right what a process before this one has left; False beside a store of the same rater that is open.

    Raises:
        InputError: the rater's id is none, the folder holds something else, or it cannot be written.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        rater: str,
        software: Mapping[str, str] | None = None,
        opens: bool = True,
    ) -> None:
        self.rater = rater_id(rater, _known_raters(Path(folder)))
        self.software = {"radiologycnn": __version__, **(software or {})}
        if not opens:
            check_reachable(Path(folder))
        self._make(Path(folder))
        super().__init__(folder)
        self.journal = Journal(self.folder, self.rater)
        self._submitted: dict[str, tuple[str, Annotation]] = {}
        self.problems: list[dict[str, str]] = []
        if opens:
            self._put_right()

    def _make(self, folder: Path) -> None:
        try:
            for name in ("cases", "images", "network", f"annotations/{self.rater}", f"versions/{self.rater}"):
                (folder / name).mkdir(parents=True, exist_ok=True)
            with file_lock(lock_of(folder, self.rater)):  # that the folders are there does not say that files can be
                pass
        except OSError as error:
            raise not_writable(folder, error) from error
        if not is_dataset(folder):
            record = {"kind": DATASET_KIND, "schema_version": SCHEMA_VERSION, **self.software}
            write_atomically(folder / DATASET_NAME, json_bytes(record))

    # Cases

    def add_sources(self, sources: Sequence[tuple[str, str]], keep_names: bool = False) -> dict[str, str]:
        """Give each scan a case, the one that it has where it is known already.

        Args:
            sources: (fingerprint, name) of each scan.
            keep_names: write the names down too, and make the ids of them; else ids are numbers.

        Returns:
            Case id by fingerprint.
        """
        return case_ids_of(self, sources, keep_names, {})

    def add_scans(self, scans: Sequence[ScanFile], keep_names: bool = False) -> dict[str, str]:
        """As :meth:`add_sources`, for the scans of a folder, which an earlier version may have known otherwise.

        Where it cannot be told what this rater's earlier words are of, :attr:`problems` tells so.
        """
        former = {scan.fingerprint: scan.former for scan in scans if scan.former}
        ids = case_ids_of(self, [(scan.fingerprint, scan.name) for scan in scans], keep_names, former)
        self.problems += words_left_behind(self, former)
        return ids

    def check_grid(self, case_id: str, shape_kji: Sequence[int], ijk_to_lps: np.ndarray) -> Case:
        """Make sure that a scan lies on the grid on which its case was first opened.

        Raises:
            InputError: it does not.
        """
        case = self.case(case_id)
        if case.shape_kji and not (
            case.shape_kji == tuple(shape_kji) and np.allclose(case.ijk_to_lps, ijk_to_lps, atol=0.01)
        ):
            raise InputError(
                "other-grid",
                f"{case_id} has another grid than when it was first opened, so masks would not fit.",
                "Load the scan as before (orientation, gantry tilt), or make a new dataset.",
            )
        return case

    def write_scan(self, case_id: str, array: np.ndarray, ijk_to_lps: np.ndarray, is_written: bool = False) -> Case:
        """Keep a case's voxels and geometry, and nothing else of its scan; once, for all raters.

        Args:
            is_written: the worker has written these voxels to ``images/CASE.nii`` already.

        Raises:
            InputError: the case has another grid.
        """
        for _part in self.write_scan_in_parts(case_id, array, ijk_to_lps, is_written):
            pass
        return self.case(case_id)

    def write_scan_in_parts(
        self, case_id: str, array: np.ndarray, ijk_to_lps: np.ndarray, is_written: bool = False
    ) -> Iterator[None]:
        """As :meth:`write_scan`, for a panel that answers in between; the case holds its scan only at the end.

        Raises:
            InputError, ResourceError: while it is gone through, a wrong grid first of all.
        """
        case = self.check_grid(case_id, array.shape, ijk_to_lps)
        if case.image and (self.folder / case.image).is_file():
            return
        matrix = np.asarray(ijk_to_lps, float)
        image = f"images/{case_id}.nii"
        if not (is_written and (self.folder / image).is_file()):
            yield from write_nifti_in_parts(self.folder / image, array, matrix)
        # image and grid in one record: two raters who open the case at once write the same
        case = replace(
            case, image=image, shape_kji=tuple(map(int, array.shape)), ijk_to_lps=tuple(map(tuple, matrix.tolist()))
        )
        self.files.write(f"cases/{case_id}.json", case.to_dict())

    # A rater's word

    def begin(self, case_id: str) -> Annotation:
        """The rater has opened a case: in progress, unless there is a word on it already."""
        return self.annotation(case_id) or self._say(
            Annotation(case_id, self.rater, IN_PROGRESS, software=self.software, decided_at=utc_now())
        )

    def decide(
        self, case_id: str, decision: Decision, software: Mapping[str, str] | None = None, decided_at: str = ""
    ) -> Annotation:
        """Write the rater's word on a case, with its mask; when this returns, both are on the disk.

        An earlier draft goes; a word without a mask of its own takes over that of the word before. A draft on a
        decided case makes it one in progress again. Where ``cases.csv`` cannot be brought up to date the word holds all
        the same; :meth:`settle` does it later, and tells of it.

        Args:
            software, decided_at: of when it was said, where that was not now and here.

        Raises:
            InputError, ResourceError: it could not be written; the word before still stands.
        """
        case, before, mask = self.check_word(case_id, decision), self._settled_word(case_id, self.rater), decision.mask
        file, sha, volume_ml = "", "", None
        if mask is not None:
            file, sha = self.write_mask(f"versions/{self.rater}", case, mask)
            volume_ml = int(np.count_nonzero(mask.crop)) * case.voxel_ml
        about = decision.to_dict()
        network_mask = self.mask_file_of_network(about.pop("network"))
        word = Annotation(
            case_id, self.rater, mask=file, mask_sha256=sha, network_mask=network_mask, volume_ml=volume_ml,
            software=dict(software or self.software), decided_at=decided_at or utc_now(), **about,
        ).with_mask_of(before)  # fmt: skip
        if before:
            said, now = ((one.status, one.mask_sha256, one.comment) for one in (before, word))
            word = replace(word, history=before.history if said == now else before.as_history())  # perhaps said twice
        self._say(word)
        self._drop_draft(before, word)
        self._show(word)
        refresh_manifest(self)
        return word

    def check_word(self, case_id: str, decision: Decision) -> Case:
        """The case that such a word can be said on.

        Raises:
            InputError: there is no such case, or its scan is not in the dataset.
        """
        case = self.case(case_id)
        if decision.status == ACCEPTED and not case.image:
            raise InputError("no-image", f"The scan of {case_id} is not in the dataset yet.", "Open the case first.")
        return case

    # Files

    def _say(self, word: Annotation) -> Annotation:
        """The one step that counts."""
        self.files.write(f"annotations/{self.rater}/{word.case}.json", word.to_dict())
        return word

    def _drop_draft(self, before: Annotation | None, now: Annotation) -> None:
        if before is None or before.status != IN_PROGRESS or not before.mask:
            return
        kept = {now.mask, *(one.get("mask") for one in now.history)}
        if before.mask not in kept:
            with contextlib.suppress(OSError):
                (self.folder / before.mask).unlink(missing_ok=True)

    def _show(self, word: Annotation) -> None:
        """Bring ``masks`` in line with a word of this rater."""
        if word.status == ACCEPTED:
            self.show_mask(word.mask, self.rater, word.case)
        else:
            self.shown_mask(self.rater, word.case).unlink(missing_ok=True)

    def _put_right(self) -> None:
        """After a crash: what was submitted is settled, what only repeats this rater's words says what they say, and
        unfinished files are gone."""
        self.journal.clean()
        for name in (f"annotations/{self.rater}", f"versions/{self.rater}", f"masks/{self.rater}"):
            for path in (self.folder / name).glob(".*.part"):
                path.unlink(missing_ok=True)
        for path in (self.folder / "images").glob(".*.part"):  # perhaps another rater's, who is writing it now
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > ABANDONED_S:
                    path.unlink()
        for record in self.files.read_all(f"annotations/{self.rater}"):
            word = Annotation.from_dict(record)
            if word.status != ACCEPTED or (self.folder / word.mask).is_file():
                self._show(word)
        self.problems = self.settle()


def _known_raters(folder: Path) -> set[str]:
    """Who has annotated here already."""
    return {
        path.name for name in ("annotations", JOURNAL_FOLDER) for path in (folder / name).glob("*") if path.is_dir()
    }
