"""AnnotationDataset: an annotation folder as everybody reads it, whoever writes in it (see :mod:`..annotation.store`).

Training, consensus, agreement and the worker open a folder with this; only a rater's own hand is an AnnotationStore.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from radiologycnn.annotation.json_files import JsonFiles, json_bytes, publish, read_json
from radiologycnn.annotation.mask_file import mask_file_bytes
from radiologycnn.annotation.predictions import Prediction
from radiologycnn.annotation.records import ACCEPTED, NETWORK, SCHEMA_VERSION, Annotation, Case, Mask
from radiologycnn.annotation.training_masks import TrainingMasks
from radiologycnn.errors import InputError
from radiologycnn.images.write import write_atomically

DATASET_NAME = "dataset.json"
DATASET_KIND = "radiologycnn-annotations"
DATASET_FOLDERS = (
    "annotations", "cases", "consensus", "images", "improvement", "masks", "network", "pending", "versions"
)  # fmt: skip
"""What a dataset keeps its files in. The scans themselves may lie beside these: people keep both in one folder."""


class AnnotationDataset(TrainingMasks):
    """A dataset folder that is there.

    Raises:
        InputError: the folder holds no annotation dataset, or one of a newer version.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self.files = JsonFiles(self.folder)
        if not self.is_reachable:
            raise InputError(
                "no-dataset",
                f"{self.folder} is no annotation dataset: it has no {DATASET_NAME}.",
                "Choose the folder in which the panel keeps the annotations.",
            )
        check_dataset(self.folder)

    @property
    def is_reachable(self) -> bool:
        """Whether the folder is still there: its drive may have been taken away."""
        return is_dataset(self.folder)

    def check_reachable(self) -> None:
        """Raises InputError where the folder is not there any more."""
        check_reachable(self.folder)

    # Cases

    def cases(self) -> list[Case]:
        """All cases, by id."""
        return [Case.from_dict(record) for record in self.files.read_all("cases")]

    def case(self, case_id: str) -> Case:
        """One case.

        Raises:
            InputError: there is none of that id, or the folder cannot be reached.
        """
        record = self.files.read(f"cases/{case_id}.json")
        if record is None:
            self.check_reachable()
            raise InputError("no-such-case", f"There is no case {case_id}.", "Open the folder again.")
        return Case.from_dict(record)

    # The network

    def network_result(self, case_id: str, model_sha256: str = "") -> tuple[dict[str, Any], np.ndarray | None] | None:
        """The kept (message, probability) of the network, of a certain model where one is asked for; None without."""
        files = sorted((self.folder / "network").glob(f"{case_id}.*.npz"), key=lambda f: f.stat().st_mtime_ns)
        for path in reversed(files):
            with contextlib.suppress(OSError, ValueError, KeyError), np.load(path, allow_pickle=False) as arrays:
                message = json.loads(arrays["message"].tobytes())
                found = (message.get("provenance") or {}).get("model_sha256", "")
                if not model_sha256 or found == model_sha256:
                    return message, arrays["probability"] if "probability" in arrays else None
        return None

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
        write_atomically(self.folder / self.network_file(case_id, message), buffer.getvalue())
        self.show_mask(file, NETWORK, case_id)
        if probability is not None and message.get("threshold"):
            sha = str((message.get("provenance") or {}).get("model_sha256", ""))
            model = {"id": str(message.get("model") or ""), "sha256": sha}
            self.save_prediction(Prediction.of(case_id, probability, message["threshold"], case.voxel_ml, model))
        return file

    @staticmethod
    def network_file(case_id: str, message: Mapping[str, Any]) -> str:
        """Where a network's result is kept, by what it was made with; relative to the folder."""
        made_with = json.dumps(message.get("provenance", {}), sort_keys=True).encode()
        return f"network/{case_id}.{hashlib.sha256(made_with).hexdigest()[:12]}.npz"

    def mask_file_of_network(self, file: str) -> str:
        """The mask's file of a kept result by that of the result, both relative to the folder; "" without one."""
        with contextlib.suppress(OSError, ValueError, KeyError), np.load(self.folder / file) as arrays:
            return str(json.loads(arrays["message"].tobytes())["mask_file"])
        return ""

    def network_mask(self, file: str) -> Mask:
        """The network's mask by its file, as :meth:`save_network` gave it."""
        return mask_of(self.folder / file)

    def prediction(self, case_id: str) -> Prediction | None:
        """What the network that ran last expects of a case; None where none has run."""
        record = self.files.read(f"network/{case_id}.json")
        return Prediction.from_dict(record) if record else None

    def predictions(self) -> dict[str, Prediction]:
        """Of all cases that a network has run on."""
        found = (Prediction.from_dict(record) for record in self.files.read_all("network"))
        return {prediction.case: prediction for prediction in found}

    def save_prediction(self, prediction: Prediction) -> None:
        """Keep what a network expects of a case, in place of what was known before."""
        (self.folder / "network").mkdir(exist_ok=True)
        self.files.write(f"network/{prediction.case}.json", prediction.to_dict())

    # The raters' words

    def annotations(self) -> list[Annotation]:
        """The last words of all raters on all cases."""
        folders = sorted(p.name for p in (self.folder / "annotations").iterdir() if p.is_dir())
        return [Annotation.from_dict(r) for name in folders for r in self.files.read_all(f"annotations/{name}")]

    def accepted(self) -> dict[str, list[Annotation]]:
        """Accepted words by case, of each rater one, the latest last."""
        found: dict[str, list[Annotation]] = {}
        for word in self.annotations():
            if word.status == ACCEPTED and word.mask:
                found.setdefault(word.case, []).append(word)
        return {case: sorted(words, key=lambda w: (w.decided_at, w.rater)) for case, words in sorted(found.items())}

    def read_mask(self, annotation: Annotation) -> Mask | None:
        """A rater's mask; None where the word has none.

        Raises:
            InputError: the file is gone or damaged.
        """
        if not annotation.mask:
            return None
        path = self.folder / annotation.mask
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != annotation.mask_sha256:
            raise InputError(
                "mask-damaged",
                f"The mask of {annotation.case} by {annotation.rater} is missing or was changed.",
                f"Restore {path.name} from a backup, or correct the case again.",
            )
        return mask_of(path)

    # Masks

    def write_mask(self, folder: str, case: Case, mask: Mask) -> tuple[str, str]:
        """Write a mask under a name that its content gives; (file relative to the dataset, sha256)."""
        if not case.shape_kji:
            raise InputError("no-geometry", f"{case.id} has no grid yet.", "Open the scan first.")
        content = mask_file_bytes(mask.crop, mask.offset_kji, case.shape_kji, np.array(case.ijk_to_lps))
        sha = hashlib.sha256(content).hexdigest()
        file = f"{folder}/{case.id}.{sha[:16]}.nii.gz"
        path = self.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_bytes() != content:
            write_atomically(path, content)
        return file, sha

    def show_mask(self, file: str, rater: str, case_id: str) -> None:
        """Let a mask be seen in ``masks``; "" for none, which changes nothing."""
        if file:
            publish(self.folder / file, self.shown_mask(rater, case_id))

    def shown_mask(self, rater: str, case_id: str) -> Path:
        """Where a rater's mask of a case is seen."""
        return self.folder / "masks" / rater / f"{case_id}.nii.gz"


def is_dataset(folder: Path) -> bool:
    """Whether a folder can be read and holds a dataset."""
    return os.path.isfile(folder / DATASET_NAME)  # not Path.is_file, which raises where a server has gone away


def check_reachable(folder: Path) -> None:
    """Raises InputError where a dataset that was there is not: nothing is begun in its place, as below a drive that is
    not connected any more."""
    if not is_dataset(folder):
        raise InputError(
            "dataset-gone",
            f"The folder {folder} cannot be reached.",
            "Connect its drive again, or put the folder back, then try again.",
        )


def check_dataset(folder: Path) -> None:
    """Raises InputError where a folder's dataset is of another kind or a newer version."""
    path = folder / DATASET_NAME
    record = read_json(path) or {}
    if record.get("kind") != DATASET_KIND or int(record.get("schema_version", 0)) > SCHEMA_VERSION:
        raise InputError(
            "other-dataset",
            f"{path} is not of a dataset that this version can read.",
            "Choose another folder, or update RadiologyCNN.",
        )


def mask_of(path: Path) -> Mask:
    """The mask in a file, cropped."""
    from radiologycnn.images.nifti import read_nifti

    return Mask.of_whole(read_nifti(path).array)
