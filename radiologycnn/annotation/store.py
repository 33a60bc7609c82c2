"""AnnotationStore: a dataset folder that several raters write at once and that no crash can damage.

What lies in the folder::

    dataset.json                        what the folder is
    cases/CASE.json                     one scan: fingerprint, geometry, image file
    images/CASE.nii                     its voxels and nothing else of it
    annotations/RATER/CASE.json         the rater's word: this file decides what counts
    versions/RATER/CASE.SHA256.nii.gz   every mask that was ever decided on; RATER is "network" for the network's
    masks/RATER/CASE.nii.gz             the accepted ones by name, as ``radiologycnn agreement FOLDER/masks`` reads them
    network/CASE.SHA256.npz             the network's result with its probability, to begin with
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
from radiologycnn.annotation.manifest import write_manifest
from radiologycnn.annotation.mask_file import mask_file_bytes
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

DATASET_NAME = "dataset.json"
_KIND = "radiologycnn-annotations"


class AnnotationStore:
    """One rater's hand on a dataset folder.

    Args:
        folder: made where it is not there yet.
        rater: who writes.
        software: versions of further programs to write down beside RadiologyCNN's, such as Slicer's.

    Raises:
        InputError: the rater's id is none, the folder holds something else, or it cannot be written.
    """

    def __init__(self, folder: str | os.PathLike[str], rater: str, software: Mapping[str, str] | None = None) -> None:
        self.folder = Path(folder)
        self.rater = rater_id(rater)
        self.software = {"radiologycnn": __version__, **(software or {})}
        self._cache: dict[Path, tuple[tuple[int, int, int], dict[str, Any]]] = {}
        self._open()
        self._put_right()

    def _open(self) -> None:
        try:
            for name in ("cases", "images", "network", f"annotations/{self.rater}", f"versions/{self.rater}"):
                (self.folder / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                "cannot-write",
                f"The folder {self.folder} cannot be written: {error.strerror or error}.",
                "Choose another folder for the annotations.",
            ) from error
        path = self.folder / DATASET_NAME
        if path.is_file():
            record = _read_json(path) or {}
            if record.get("kind") != _KIND or int(record.get("schema_version", 0)) > SCHEMA_VERSION:
                raise InputError(
                    "other-dataset",
                    f"{path} is not of a dataset that this version can read.",
                    "Choose another folder, or update RadiologyCNN.",
                )
        else:
            write_atomically(path, _json_bytes({"kind": _KIND, "schema_version": SCHEMA_VERSION, **self.software}))

    # Cases

    def cases(self) -> list[Case]:
        """All cases, by id."""
        return [Case.from_dict(record) for record in self._records("cases")]

    def case(self, case_id: str) -> Case:
        """One case.

        Raises:
            InputError: there is none of that id.
        """
        record = self._read(self.folder / "cases" / f"{case_id}.json")
        if record is None:
            raise InputError("no-such-case", f"There is no case {case_id}.", "Open the folder again.")
        return Case.from_dict(record)

    def add_sources(self, sources: Sequence[tuple[str, str]], keep_names: bool = False) -> dict[str, str]:
        """Give each scan a case, the one that it has where it is known already.

        Args:
            sources: (fingerprint, name) of each scan.
            keep_names: write the names down too, and make the ids of them; else ids are numbers.

        Returns:
            Case id by fingerprint.
        """
        known = self._ids_by_source()
        for fingerprint, name in sources:
            if fingerprint not in known:
                known[fingerprint] = self._claim(fingerprint, name if keep_names else "")
        return {fingerprint: known[fingerprint] for fingerprint, _name in sources}

    def _ids_by_source(self) -> dict[str, str]:
        known: dict[str, str] = {}
        for case in self.cases():
            known.setdefault(case.source, case.id)
        return known

    def _claim(self, fingerprint: str, name: str) -> str:
        """Make a case; where another rater has made one for the same scan meanwhile, the one that sorts first stays."""
        taken = {path.stem for path in (self.folder / "cases").glob("*.json")}
        number = 1 + max((int(one[5:]) for one in taken if one[:5] == "case-" and one[5:].isdigit()), default=0)
        stem = _plain_name(name)
        wanted = stem
        while True:
            case_id = wanted or f"case-{number:04d}"
            path = self.folder / "cases" / f"{case_id}.json"
            if _create(path, _json_bytes(Case(case_id, fingerprint, name).to_dict())):
                break
            number += 1
            wanted = f"{stem}-{number}" if stem else ""
        first = self._ids_by_source()[fingerprint]
        if first != case_id:
            path.unlink(missing_ok=True)
        return first

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

    def write_scan(self, case_id: str, array: np.ndarray, ijk_to_lps: np.ndarray) -> Case:
        """Keep a case's voxels and geometry, and nothing else of its scan; once, for all raters.

        Raises:
            InputError: the case has another grid.
        """
        case = self.check_grid(case_id, array.shape, ijk_to_lps)
        if case.image and (self.folder / case.image).is_file():
            return case
        matrix = np.asarray(ijk_to_lps, float)
        image = f"images/{case_id}.nii"
        write_image(self.folder / image, array, matrix)
        # image and grid in one record: two raters who open the case at once write the same
        case = replace(
            case, image=image, shape_kji=tuple(map(int, array.shape)), ijk_to_lps=tuple(map(tuple, matrix.tolist()))
        )
        self._write(self.folder / "cases" / f"{case_id}.json", case.to_dict())
        return case

    # The network

    def save_network(
        self, case_id: str, mask: Mask, message: Mapping[str, Any], probability: np.ndarray | None = None
    ) -> str:
        """Keep the network's result; returns the mask's file, relative to the folder.

        Args:
            message: the worker's answer, JSON-able; it comes back from :meth:`network_result`.
            probability: float32 crop.
        """
        case = self.case(case_id)
        file, _sha = self._write_version(NETWORK, case, mask)
        buffer = io.BytesIO()
        text = np.frombuffer(_json_bytes({**message, "mask_file": file}), np.uint8)
        np.savez(buffer, message=text, **({} if probability is None else {"probability": probability}))
        digest = hashlib.sha256(json.dumps(message.get("provenance", {}), sort_keys=True).encode()).hexdigest()[:12]
        write_atomically(self.folder / "network" / f"{case_id}.{digest}.npz", buffer.getvalue())
        self._publish(self.folder / file, self.folder / "masks" / NETWORK / f"{case_id}.nii.gz")
        return file

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

    # A rater's word

    def annotation(self, case_id: str, rater: str | None = None) -> Annotation | None:
        """What a rater (None: this one) has said of a case last."""
        record = self._read(self.folder / "annotations" / (rater or self.rater) / f"{case_id}.json")
        return Annotation.from_dict(record) if record else None

    def annotations(self) -> list[Annotation]:
        """The last words of all raters on all cases."""
        folders = sorted(p.name for p in (self.folder / "annotations").iterdir() if p.is_dir())
        return [Annotation.from_dict(r) for name in folders for r in self._records(f"annotations/{name}")]

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
            file, sha = self._write_version(self.rater, case, mask)
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
        return self._mask_of(path)

    def network_mask(self, file: str) -> Mask:
        """The network's mask by its file, as :meth:`save_network` gave it."""
        return self._mask_of(self.folder / file)

    @staticmethod
    def _mask_of(path: Path) -> Mask:
        from radiologycnn.images.nifti import read_nifti

        return Mask.of_whole(read_nifti(path).array)

    # Files

    def _write_version(self, rater: str, case: Case, mask: Mask) -> tuple[str, str]:
        """Write a mask under a name that its content gives; (file relative to the folder, sha256)."""
        if not case.shape_kji:
            raise InputError("no-geometry", f"{case.id} has no grid yet.", "Open the scan first.")
        content = mask_file_bytes(mask.crop, mask.offset_kji, case.shape_kji, np.array(case.ijk_to_lps))
        sha = hashlib.sha256(content).hexdigest()
        file = f"versions/{rater}/{case.id}.{sha[:16]}.nii.gz"
        path = self.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_bytes() != content:
            write_atomically(path, content)
        return file, sha

    def _say(self, word: Annotation) -> Annotation:
        """The one step that counts."""
        self._write(self.folder / "annotations" / self.rater / f"{word.case}.json", word.to_dict())
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
            self._publish(self.folder / word.mask, target)
        else:
            target.unlink(missing_ok=True)

    @staticmethod
    def _publish(source: Path, target: Path) -> None:
        if target.is_file() and os.path.samefile(source, target):
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
        temporary.unlink(missing_ok=True)
        try:
            os.link(source, temporary)
        except OSError:  # a file system without hard links
            write_atomically(target, source.read_bytes())
            return
        os.replace(temporary, target)
        temporary.unlink(missing_ok=True)  # renaming one name of a file over another one of it does nothing

    def _put_right(self) -> None:
        """After a crash: what only repeats this rater's words says what they say, and unfinished files are gone."""
        for name in (f"annotations/{self.rater}", f"versions/{self.rater}", f"masks/{self.rater}"):
            for path in (self.folder / name).glob(".*.part"):
                path.unlink(missing_ok=True)
        for record in self._records(f"annotations/{self.rater}"):
            word = Annotation.from_dict(record)
            if word.status != ACCEPTED or (self.folder / word.mask).is_file():
                self._show(word)
        write_manifest(self)

    def _write(self, path: Path, record: Mapping[str, Any]) -> None:
        write_atomically(path, _json_bytes(record))
        self._cache.pop(path, None)

    def _records(self, name: str) -> list[dict[str, Any]]:
        with contextlib.suppress(FileNotFoundError):
            with os.scandir(self.folder / name) as entries:
                files = sorted(entry.name for entry in entries if entry.name.endswith(".json"))
            found = (self._read(self.folder / name / file) for file in files if not file.startswith("."))
            return [record for record in found if record]
        return []

    def _read(self, path: Path) -> dict[str, Any] | None:
        """A JSON file, read again only where it has changed; None where there is none."""
        try:
            stat = path.stat()
        except OSError:
            return None
        key = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        if path not in self._cache or self._cache[path][0] != key:
            record = _read_json(path)
            if record is None:
                return None
            self._cache[path] = (key, record)
        return self._cache[path][1]


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def _json_bytes(record: Mapping[str, Any]) -> bytes:
    return (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode()


def _create(path: Path, content: bytes) -> bool:
    """Write a file, whole, unless one of that name is there; whether it was written."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        temporary.write_bytes(content)
        os.link(temporary, path)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links
        try:
            with path.open("xb") as file:
                file.write(content)
        except FileExistsError:
            return False
    finally:
        temporary.unlink(missing_ok=True)
    return True


def _plain_name(name: str) -> str:
    """A scan's relative path as a case id: letters, digits, - and _ only."""
    stem = name
    for ending in (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd", ".dcm"):
        if stem.lower().endswith(ending):
            stem = stem[: -len(ending)]
            break
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "-" for c in stem).strip("-")[:80]


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
