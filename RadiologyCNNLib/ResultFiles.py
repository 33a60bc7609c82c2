"""ResultFiles: names of exported files, and the sentence for a file that could not be written."""

import re
from pathlib import Path

from slicer.i18n import tr as _

from radiologycnn.errors import ResourceError


def suggestedName(nodeName: str, suffix: str, otherwise: str = "result") -> str:
    """File name for a node: its name without what some file systems refuse; ``otherwise`` where nothing is left."""
    return (re.sub(r'[\\/:*?"<>|\x00-\x1f]+', "_", nodeName).strip(" .") or otherwise) + suffix


def notWritten(path, reason: str) -> ResourceError:
    """The error to raise for a file that could not be written."""
    return ResourceError(
        "not-written",
        _("{file} could not be written: {reason}.").format(file=Path(path).name, reason=reason),
        _("Choose another folder."),
    )
