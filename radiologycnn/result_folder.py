"""The folder that a result is written to."""

from __future__ import annotations

import os
from pathlib import Path

from radiologycnn.errors import ResourceError

_OTHER_FOLDER = "Choose another folder for the results."


def check_result_folder(folder: str | Path) -> None:
    """Make sure, before long work and without making anything, that nothing else has the place of the folder.

    Raises:
        ResourceError: ``cannot-write``: a file has, or a link that leads nowhere.
    """
    folder = Path(folder)
    there = next((place for place in (folder, *folder.parents) if os.path.lexists(place)), None)
    if there is not None and not there.is_dir():
        what = "a file" if there.exists() else "a link that leads nowhere"
        raise ResourceError(
            "cannot-write", f"A folder is needed for the results, and {there} is {what}.", _OTHER_FOLDER
        )


def make_result_folder(folder: str | Path) -> Path:
    """The folder, made with those above it where it is not there.

    Raises:
        ResourceError: ``cannot-write``, with the system's reason.
    """
    folder = Path(folder)
    check_result_folder(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResourceError(
            "cannot-write",
            f"The folder {folder} cannot be made ({error.strerror or error}).",
            _OTHER_FOLDER,
        ) from error
    return folder
