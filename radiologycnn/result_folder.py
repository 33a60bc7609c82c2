"""The folder that a result is written to."""

from __future__ import annotations

from pathlib import Path

from radiologycnn.errors import ResourceError


def make_result_folder(folder: str | Path) -> Path:
    """The folder, made with those above it where it is not there.

    Raises:
        ResourceError: ``cannot-write``, with the system's reason.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResourceError(
            "cannot-write",
            f"The folder {folder} cannot be made ({error.strerror or error}).",
            "Choose another folder for the results.",
        ) from error
    return folder
