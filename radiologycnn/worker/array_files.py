"""Arrays as ``.npy`` files between two processes that share a disk, with a full disk said so."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import numpy as np

from radiologycnn.errors import DISK_FULL, InputError, ResourceError


def disk_full_error(path: str | os.PathLike[str]) -> ResourceError:
    """The sentence for a disk that is full, which names the folder to be cleared."""
    folder = Path(path).parent
    return ResourceError(
        "disk-full", f"The disk is full: {folder} has no room left.", "Free some space there, then try again."
    )


def write_array(path: str | os.PathLike[str], array: np.ndarray) -> Path:
    """Write an array as ``.npy`` in C order; nothing is left behind where that fails.

    ``np.save`` is not used because it loses the operating system's reason ("N requested and M written").

    Raises:
        ResourceError: code ``disk-full``.
    """
    path = Path(path)
    array = np.ascontiguousarray(array)
    try:
        with open(path, "wb") as file:
            np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(array))
            file.write(array.reshape(-1).view(np.uint8).data)
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink()
        if error.errno in DISK_FULL:
            raise disk_full_error(path) from error
        raise
    return path


def read_array(path: str | os.PathLike[str]) -> np.ndarray:
    """Memory-map an ``.npy`` file, read-only; never unpickles.

    Raises:
        InputError: code ``missing-array`` or ``bad-array``.
    """
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        raise InputError(
            "missing-array", "The temporary file with the volume's voxels is gone.", "Start the job again."
        ) from error
    except (ValueError, EOFError, OSError) as error:
        raise InputError(
            "bad-array", "The temporary file with the volume's voxels cannot be read.", "Start the job again."
        ) from error
