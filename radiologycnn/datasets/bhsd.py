"""BHSD: 192 head CTs of the RSNA 2019 challenge with five types of bleed outlined (Wu 2023).

Names, folders and values as its users report them: ``label_192/images`` and ``label_192/ground truths`` with files of
equal names, values 1 to 5 for EDH, IPH, IVH, SAH and SDH. A name is the DICOM patient and study of RSNA's scan, so that
the 192 scans are those of 191 people. They have a qform alone, 24 to 60 slices 2.5 to 6.5 mm apart (one has 48 slices
0.5 mm apart, which cannot be a head), and often a tilted gantry: see :mod:`radiologycnn.datasets.geometry`.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from radiologycnn.datasets.layout import Found, Layout, Scan, find_file, find_root, paired
from radiologycnn.errors import InputError

# Names hold RSNA's patient and study: some patients have several scans.
_NAME = re.compile(r"(ID_[0-9a-f]+)_ID_[0-9a-f]+", re.IGNORECASE)

_WORDS = {
    "edh": ("edh", "epidural", "extradural"),
    "iph": ("iph", "parenchymal", "intracerebral"),
    "ivh": ("ivh", "ventricular"),
    "sah": ("sah", "subarachnoid"),
    "sdh": ("sdh", "subdural"),
}


class Bhsd(Layout):
    """``images`` and ``ground truths`` as in its zip file, or nnU-Net's ``imagesTr``, ``labelsTr`` and so on."""

    key = "bhsd"
    title = "BHSD"
    reference = "https://doi.org/10.1007/978-3-031-45673-2_15"
    expected = "Give the unpacked label_192 folder: images/*.nii.gz and “ground truths”/*.nii.gz of the same names."
    mask_types = {1: "edh", 2: "iph", 3: "ivh", 4: "sah", 5: "sdh"}

    def find(self, source: Path) -> Found:
        """As :meth:`Layout.find`; nnU-Net's folders (imagesTr, labelsTr and those of the test) are known too."""
        try:
            root, (images, masks) = find_root(source, self, ("images", "ground truths"))
            parts = [("", images, masks)]
        except InputError as error:
            if error.code != "other-layout":
                raise
            try:
                root, (images, masks) = find_root(source, self, ("imagesTr", "labelsTr"))
            except InputError as other:
                raise (error if other.code == "other-layout" else other) from None
            parts = [("", images, masks)]
            test_images, test_masks = find_file(root, "imagesTs"), find_file(root, "labelsTs")
            if test_images and test_masks:
                parts.append(("test", test_images, test_masks))
        scans: list[Scan] = []
        absent: dict[str, str] = {}
        for split, images, masks in parts:
            pairs, lonely = paired(self.key, images, masks)
            absent |= lonely
            scans += [self._scan(name, image, mask, split) for name, image, mask in pairs]
        record = _record(root)
        _check_labels(record, self)
        return Found(_with_authors_test(scans, record), absent)

    def _scan(self, name: str, image: Path, mask: Path | None, split: str) -> Scan:
        matched = _NAME.fullmatch(name)
        return Scan(f"{self.key}-{name}", image, mask, f"{self.key}-{matched[1] if matched else name}", split)


def _record(root: Path) -> dict[str, Any]:
    """``dataset.json`` as the authors or nnU-Net's users lay it beside the folders; {} where there is none."""
    path = find_file(root, "dataset.json") or find_file(root.parent, "dataset.json")
    try:
        record = json.loads(path.read_text(encoding="utf-8")) if path else {}
        if not isinstance(record, dict):
            raise ValueError
    except ValueError as error:
        raise InputError(
            "damaged-file", f"{path} is not the JSON file of BHSD.", "Download it again, or remove it."
        ) from error
    return record


def _check_labels(record: dict[str, Any], layout: Bhsd) -> None:
    """Refuse masks whose values were changed, as for training on blood or none with nnU-Net.

    The file has names by value, or, from nnU-Net's second version on, values by name.
    """
    listed = record.get("labels")
    pairs = listed.items() if isinstance(listed, dict) else ()
    names = {str(value): str(name) for pair in pairs for value, name in (pair, pair[::-1]) if str(value).isdecimal()}
    known = {word: kind for kind, words in _WORDS.items() for word in words}
    for value, name in names.items():
        kind = next((known[word] for word in known if word in name.lower()), None)
        if (value != "0" and kind != layout.mask_types.get(int(value))) or (value == "0" and kind):
            raise InputError(
                "other-labels",
                f"By dataset.json the value {value} of the masks is “{name}”; in BHSD it is "
                f"“{layout.mask_types.get(int(value), 'nothing')}”.",
                "Give BHSD's own masks, or write a manifest of your own.",
            )


def _with_authors_test(scans: list[Scan], record: dict[str, Any]) -> list[Scan]:
    """Test cases as ``dataset.json`` names them, and with them all other scans of their patients."""
    try:
        listed = record.get("test") or []
        names = {Path(one["image"] if isinstance(one, dict) else one).name for one in listed}
    except (KeyError, TypeError) as error:
        raise InputError(
            "damaged-file", "dataset.json is not the JSON file of BHSD.", "Download it again, or remove it."
        ) from error
    tested = {scan.patient for scan in scans if scan.split == "test" or scan.image.name in names}
    return [replace(scan, split="test" if scan.patient in tested else "") for scan in scans]
