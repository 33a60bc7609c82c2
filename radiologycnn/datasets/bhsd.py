"""BHSD: 192 head CTs of the RSNA 2019 challenge with five types of bleed outlined (Wu 2023)."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

from radiologycnn.datasets.layout import Found, Scan, find_file, find_root, paired
from radiologycnn.errors import InputError

# Names hold RSNA's patient and study: some patients have several scans.
_NAME = re.compile(r"(ID_[0-9a-f]+)_ID_[0-9a-f]+", re.IGNORECASE)


class Bhsd:
    """``images`` and ``ground truths`` as in its zip file, or ``imagesTr``, ``labelsTr`` and so on by its JSON file."""

    key = "bhsd"
    title = "BHSD"
    reference = "https://doi.org/10.1007/978-3-031-45673-2_15"
    expected = "Give the unpacked label_192 folder: images/*.nii.gz and “ground truths”/*.nii.gz of the same names."
    # The authors' dataset.json.
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
            tests = [find_file(root, name) for name in ("imagesTs", "labelsTs")]
            if all(tests):
                parts.append(("test", *tests))
        scans, absent = [], {}
        for split, images, masks in parts:
            pairs, lonely = paired(self.key, images, masks)
            absent |= lonely
            scans += [self._scan(name, image, mask, split) for name, image, mask in pairs]
        return Found(_with_authors_test(scans, root), absent)

    def _scan(self, name: str, image: Path, mask: Path | None, split: str) -> Scan:
        matched = _NAME.fullmatch(name)
        return Scan(f"{self.key}-{name}", image, mask, f"{self.key}-{matched[1] if matched else name}", split)


def _with_authors_test(scans: list[Scan], root: Path) -> list[Scan]:
    """Test cases as ``dataset.json`` names them, and with them all other scans of their patients."""
    path = find_file(root, "dataset.json") or find_file(root.parent, "dataset.json")
    names = set()
    if path is not None:
        try:
            listed = json.loads(path.read_text(encoding="utf-8")).get("test", [])
            names = {Path(one["image"] if isinstance(one, dict) else one).name for one in listed}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                "damaged-file", f"{path} is not the JSON file of BHSD.", "Download it again, or remove it."
            ) from error
    tested = {scan.patient for scan in scans if scan.split == "test" or scan.image.name in names}
    return [replace(scan, split="test" if scan.patient in tested else "") for scan in scans]
