"""CT-ICH of PhysioNet 1.3.1: 75 head CTs after injury, half of them without a bleed, types by slice (Hssayeni 2020).

As its readme and its users report it: ``ct_scans/049.nii`` to ``130.nii`` in Hounsfield units, without 059 to 065;
masks of the same names, 0 and about 255 (16 bits with a scale in the header, so that 0 is read as nearly 0); a table
with a line a slice, which begins with a byte order mark; another with a line a patient, under a heading of two lines.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from radiologycnn.datasets.layout import TYPES, Found, Layout, Scan, find_file, find_root, paired
from radiologycnn.errors import InputError
from radiologycnn.evaluation.table_files import read_table

DIAGNOSES_NAME = "hemorrhage_diagnosis_raw_ct.csv"
DEMOGRAPHICS_NAME = "patient_demographics.csv"
_COLUMNS = {
    "iph": "Intraparenchymal",
    "ivh": "Intraventricular",
    "sdh": "Subdural",
    "edh": "Epidural",
    "sah": "Subarachnoid",
}
_PATIENT, _SLICE = "PatientNumber", "SliceNumber"
_OLD_FOLDER = "Patients_CT"
_FRACTURE = "Fracture_Yes_No"


class CtIch(Layout):
    """``ct_scans`` and ``masks`` with a file a patient, and a table with a line a slice."""

    key = "ct-ich"
    title = "CT-ICH"
    reference = "https://physionet.org/content/ct-ich/1.3.1/"
    expected = (
        f"Give the unpacked folder of version 1.3.1: ct_scans/049.nii, masks/049.nii and so on, and {DIAGNOSES_NAME}."
    )
    mask_types = None  # 0 and 255

    def find(self, source: Path) -> Found:
        """As :meth:`Layout.find`; bleed types, fractures and people come from the data set's tables."""
        try:
            root, (images, masks) = find_root(source, self, ("ct_scans", "masks"))
        except InputError as error:
            if error.code != "other-layout" or not any(source.rglob(_OLD_FOLDER)):
                raise
            raise InputError(
                "older-version",
                f"{source} is an older version of CT-ICH: its slices are windowed pictures without Hounsfield units.",
                self.expected,
            ) from error
        table = find_file(root, DIAGNOSES_NAME)
        if table is None:
            raise InputError("other-layout", f"There is no {DIAGNOSES_NAME} in {root}.", self.expected)
        types, fractures, slices = _read_diagnoses(table)
        people = _read_demographics(find_file(root, DEMOGRAPHICS_NAME))
        pairs, absent = paired(self.key, images, masks)
        scans, seen = [], set()
        for name, image, mask in pairs:
            number = int(name) if name.isdecimal() else -1  # which is in no table
            seen.add(number)
            more = {**people.get(number, {}), "fracture": fractures.get(number, "")}
            case = f"{self.key}-{name}"
            scans.append(Scan(case, image, mask, case, "", types.get(number), slices.get(number, 0), more))
        for number in sorted((types.keys() | people.keys()) - seen):
            absent.setdefault(f"{self.key}-{number:03d}", f"A table names this patient, but {images.name} has no scan.")
        return Found(scans, absent)


def _read_diagnoses(path: Path) -> tuple[dict[int, tuple[str, ...]], dict[int, str], dict[int, int]]:
    """By patient: types of bleed in any slice, "yes" or "no" for a fracture, and how many slices the table has."""
    heading, rows = read_table(path)
    missing = [name for name in (_PATIENT, _SLICE, *_COLUMNS.values()) if not rows or name.lower() not in heading]
    if missing:
        raise InputError(
            "other-layout",
            f"{path.name} has no column {', '.join(missing)}.",
            "Give the file as it comes with version 1.3.1.",
        )
    found: dict[int, set[str]] = {}
    fractures: dict[int, bool] = {}
    slices: Counter[int] = Counter()
    for row in rows:
        try:
            number = int(float(row[_PATIENT.lower()]))
            kinds = {kind for kind, name in _COLUMNS.items() if _is_one(row[name.lower()])}
            found.setdefault(number, set()).update(kinds)
            fractures[number] = fractures.get(number, False) or _is_one(row.get(_FRACTURE.lower(), ""))
        except ValueError as error:
            raise InputError(
                "damaged-file", f"{path.name}, line {row.line}: a number cannot be read.", "Download the file again."
            ) from error
        slices[number] += 1
    types = {number: tuple(kind for kind in TYPES if kind in kinds) for number, kinds in found.items()}
    return types, {number: "yes" if one else "no" for number, one in fractures.items()}, dict(slices)


def _read_demographics(path: Path | None) -> dict[int, dict[str, str]]:
    """Age in years and sex by patient. Below the heading stand further ones, which name types, and means."""
    if path is None:
        return {}
    heading, rows = read_table(path)
    begins = {"patient": "patient", "age": "age", "sex": "gender"}
    columns = {key: next((n for n in heading if n.startswith(begin)), None) for key, begin in begins.items()}
    known = [key for key in ("age", "sex") if columns[key]]
    numbered = [row for row in rows if row.get(columns["patient"], "").isdecimal()]
    return {int(row[columns["patient"]]): {key: row[columns[key]] for key in known} for row in numbered}


def _is_one(text: str) -> bool:
    return bool(text) and float(text) != 0
