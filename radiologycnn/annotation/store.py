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
    consensus/METHOD/CASE.json, .nii.gz one mask made of several raters', where one was asked for
    training.json                       whether training learns from the latest masks or from the consensus
    cases.csv                           the accepted ones, as ``radiologycnn train hemorrhage --data FOLDER`` reads them

A rater writes only below its own name, so two raters cannot overwrite each other. A mask is written first, under a name
that its content gives; then the word that refers to it, by renaming. Whatever ends the process, the word is the old one
or the new one, and its mask is there. ``masks`` and ``cases.csv`` only repeat the words, and are put right on opening.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from radiologycnn import __version__
from radiologycnn.annotation.case_ids import case_ids_of
from radiologycnn.annotation.dataset import DATASET_KIND, DATASET_NAME, AnnotationDataset
from radiologycnn.annotation.json_files import json_bytes, publish
from radiologycnn.annotation.manifest import write_manifest
from radiologycnn.annotation.predictions import Prediction
from radiologycnn.annotation.records import (
    ACCEPTED,
    DECISIONS,
    IN_PROGRESS,
    NETWORK,
    SCHEMA_VERSION,
    Annotation,
    Case,
    EditStatistics,
    Mask,
    rater_id,
)
from radiologycnn.errors import InputError
from radiologycnn.images.write import write_atomically, write_image


class AnnotationStore(AnnotationDataset):
    """One rater's hand on a dataset folder.

    Args:
        folder: made where it is not there yet.
        rater: who writes.
        software: versions of further programs to write down beside RadiologyCNN's, such as Slicer's.

    Raises:
        InputError: the rater's id is none, the folder holds something else, or it cannot be written.
    """

    def __init__(self, folder: str | os.PathLike[str], rater: str, software: Mapping[str, str] | None = None) -> None:
        self.rater = rater_id(rater)
        self.software = {"radiologycnn": __version__, **(software or {})}
        self._make(Path(folder))
        super().__init__(folder)
        self._put_right()

    def _make(self, folder: Path) -> None:
        try:
            for name in ("cases", "images", "network", f"annotations/{self.rater}", f"versions/{self.rater}"):
                (folder / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                "cannot-write",
                f"The folder {folder} cannot be written: {error.strerror or error}.",
                "Choose another folder for the annotations.",
            ) from error
        if not (folder / DATASET_NAME).is_file():
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
        return case_ids_of(self, sources, keep_names)

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
        case = self.check_grid(case_id, array.shape, ijk_to_lps)
        if case.image and (self.folder / case.image).is_file():
            return case
        matrix = np.asarray(ijk_to_lps, float)
        image = f"images/{case_id}.nii"
        if not (is_written and (self.folder / image).is_file()):
            write_image(self.folder / image, array, matrix)
        # image and grid in one record: two raters who open the case at once write the same
        case = replace(
            case, image=image, shape_kji=tuple(map(int, array.shape)), ijk_to_lps=tuple(map(tuple, matrix.tolist()))
        )
        self.files.write(f"cases/{case_id}.json", case.to_dict())
        return case

    # The network

    def save_network(
        self, case_id: str, mask: Mask, message: Mapping[str, Any], probability: np.ndarray | None = None
    ) -> str:
        """Keep the network's result, and what it expects; returns the mask's file, relative to the folder.

        Args:
            message: the worker's answer, JSON-able; it comes back from :meth:`network_result`.
            probability: float32 crop; with it and the message's ``threshold`` the case's prediction is kept too.
        """
        case = self.case(case_id)
        file, _sha = self.write_mask(f"versions/{NETWORK}", case, mask)
        buffer = io.BytesIO()
        text = np.frombuffer(json_bytes({**message, "mask_file": file}), np.uint8)
        np.savez(buffer, message=text, **({} if probability is None else {"probability": probability}))
        digest = hashlib.sha256(json.dumps(message.get("provenance", {}), sort_keys=True).encode()).hexdigest()[:12]
        write_atomically(self.folder / "network" / f"{case_id}.{digest}.npz", buffer.getvalue())
        publish(self.folder / file, self.folder / "masks" / NETWORK / f"{case_id}.nii.gz")
        if probability is not None and message.get("threshold"):
            sha = str((message.get("provenance") or {}).get("model_sha256", ""))
            model = {"id": str(message.get("model") or ""), "sha256": sha}
            self.save_prediction(Prediction.of(case_id, probability, message["threshold"], case.voxel_ml, model))
        return file

    # A rater's word

    def annotation(self, case_id: str, rater: str | None = None) -> Annotation | None:
        """What a rater (None: this one) has said of a case last."""
        record = self.files.read(f"annotations/{rater or self.rater}/{case_id}.json")
        return Annotation.from_dict(record) if record else None

    def begin(self, case_id: str) -> Annotation:
        """The rater has opened a case: in progress, unless there is a word on it already."""
        return self.annotation(case_id) or self._say(
            Annotation(case_id, self.rater, IN_PROGRESS, software=self.software, decided_at=_now())
        )

    def save_draft(self, case_id: str, mask: Mask, **about: Any) -> Annotation:
        """Keep a mask that is being worked on; an earlier draft goes. A decided case becomes one in progress again.

        Args: as :meth:`decide`.
        """
        return self.decide(case_id, IN_PROGRESS, mask, **about)

    def decide(
        self,
        case_id: str,
        status: str,
        mask: Mask | None,
        *,
        seconds: float = 0.0,
        comment: str = "",
        network: Mask | None = None,
        network_mask: str = "",
        model: Mapping[str, str] | None = None,
        changes: int = 0,
    ) -> Annotation:
        """Write the rater's word on a case, with its mask; when this returns, both are on the disk.

        Args:
            mask: None for none (rejected scans need none; an accepted case does).
            seconds: time spent on the case, over all sessions.
            network: the mask that the rater began with; ``network_mask`` is its file and ``model`` {"id", "sha256"}.
            changes: how often the mask was changed.

        Raises:
            InputError, ResourceError: it could not be written; the word before still stands.
        """
        if status not in (IN_PROGRESS, *DECISIONS) or (status == ACCEPTED and mask is None):
            raise ValueError(f"no decision: {status} with {'a' if mask is not None else 'no'} mask")
        case, before = self.case(case_id), self.annotation(case_id)
        if status == ACCEPTED and not case.image:
            raise InputError("no-image", f"The scan of {case_id} is not in the dataset yet.", "Open the case first.")
        file, sha, volume_ml, edits = "", "", None, {}
        if mask is not None:
            file, sha = self.write_mask(f"versions/{self.rater}", case, mask)
            volume_ml = int(np.count_nonzero(mask.crop)) * case.voxel_ml
            if network is not None:
                edits = asdict(EditStatistics.of(network, mask, case.voxel_ml, changes))
        history = before.as_history() if before else ()
        if before and before.status == status and (before.mask_sha256, before.comment) == (sha, comment):
            history = before.history  # said twice
        word = Annotation(
            case_id, self.rater, status, file, sha, network_mask, dict(model or {}), self.software, edits,
            volume_ml, round(float(seconds), 1), comment, _now(), history,
        )  # fmt: skip
        self._say(word)
        self._drop_draft(before, word)
        self._show(word)
        write_manifest(self)
        return word

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
        target = self.folder / "masks" / self.rater / f"{word.case}.nii.gz"
        if word.status == ACCEPTED:
            publish(self.folder / word.mask, target)
        else:
            target.unlink(missing_ok=True)

    def _put_right(self) -> None:
        """After a crash: what only repeats this rater's words says what they say, and unfinished files are gone."""
        for name in (f"annotations/{self.rater}", f"versions/{self.rater}", f"masks/{self.rater}"):
            for path in (self.folder / name).glob(".*.part"):
                path.unlink(missing_ok=True)
        for record in self.files.read_all(f"annotations/{self.rater}"):
            word = Annotation.from_dict(record)
            if word.status != ACCEPTED or (self.folder / word.mask).is_file():
                self._show(word)
        write_manifest(self)


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
