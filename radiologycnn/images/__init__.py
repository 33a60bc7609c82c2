"""Reading, placing, resampling, checking and writing of images."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from radiologycnn.images.volume import Volume

if TYPE_CHECKING:
    from radiologycnn.images.dicom_series import Series
    from radiologycnn.images.read import list_series, read_map, read_volume
    from radiologycnn.images.write import write_image, write_segmentation_nrrd

__all__ = ["Series", "Volume", "list_series", "read_map", "read_volume", "write_image", "write_segmentation_nrrd"]

# Looked up on first use, so that whoever needs only Volume does not load SimpleITK and pydicom.
_HOMES = {
    "Series": "dicom_series",
    "list_series": "read",
    "read_map": "read",
    "read_volume": "read",
    "write_image": "write",
    "write_segmentation_nrrd": "write",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"radiologycnn.images.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
