"""INSTANCE 2022: 100 head CTs of a challenge with the bleed outlined, its type not stated (Li 2023).

As its users report it: ``train_2`` (or ``train``) with ``data/001.nii.gz`` to ``100.nii.gz``, 24 to 40 slices of 4.4 to
10 mm, and ``label`` with files of the same names, 0 and 1; ``evaluation`` with 101 to 130 has no masks and is not read.
"""

from __future__ import annotations

from pathlib import Path

from radiologycnn.datasets.layout import Found, Layout, Scan, find_root, paired


class Instance(Layout):
    """``data`` and ``label`` with files of the same names, of the training part; the others come without masks."""

    key = "instance"
    title = "INSTANCE 2022"
    reference = "https://doi.org/10.48550/arXiv.2301.03281"
    expected = "Give the unpacked training folder (train_2 or train): data/001.nii.gz and label/001.nii.gz and so on."
    mask_types = None

    def find(self, source: Path) -> Found:
        """As :meth:`Layout.find`; each scan counts as another patient's."""
        _root, (images, masks) = find_root(source, self, ("data", "label"))
        pairs, absent = paired(self.key, images, masks)
        scans = [Scan(f"{self.key}-{name}", image, mask, f"{self.key}-{name}") for name, image, mask in pairs]
        return Found(scans, absent)
