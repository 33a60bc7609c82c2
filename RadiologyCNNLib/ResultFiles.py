"""ResultFiles: exported files: where the person wants them, their names, and the sentence for one not written."""

import re
from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from radiologycnn.errors import RadiologyCNNError, ResourceError

_FOLDER_SETTING = "RadiologyCNN/ExportFolder"


def exportAs(title: str, suggestedName: str, fileTypes, write, showMessage) -> None:
    """Ask the person for a file, write it, and say what came of it.

    Args:
        title: of the dialog.
        suggestedName: file name to begin with, in the folder of the last export.
        fileTypes: {"words (*.ending)": ".ending"}; the first ending is added to a name that has none of them, and one
            in capitals is written small, as other programs look for it.
        write: function (path: Path) that writes the file, and may raise a ``RadiologyCNNError``.
        showMessage: function (message, hint) that tells the person.
    """
    suggested = str(_exportFolder() / suggestedName)
    chosen = qt.QFileDialog.getSaveFileName(slicer.util.mainWindow(), title, suggested, ";;".join(fileTypes))
    if not chosen:
        return
    endings = tuple(fileTypes.values())
    path = Path(str(chosen))
    typed = next((ending for ending in endings if path.name.lower().endswith(ending)), "")
    name = path.name[: len(path.name) - len(typed)] + (typed or endings[0])
    if name != path.name:
        path = path.with_name(name)
        # the dialog has asked about the name as it was typed
        question = _("{file} is there already. Replace it?").format(file=path.name)
        if path.exists() and not slicer.util.confirmOkCancelDisplay(question, title):
            return
    try:
        write(path)
    except RadiologyCNNError as error:
        showMessage(error.message, error.hint)
    else:
        qt.QSettings().setValue(_FOLDER_SETTING, str(path.parent))
        showMessage(_("Written: {file}").format(file=path.name), "")


def _exportFolder() -> Path:
    """Where the last export went; where there was none, Slicer's folder of the scene, at first the documents. A name
    alone would be put into the folder that Slicer was started in, often its own."""
    last = str(slicer.util.settingsValue(_FOLDER_SETTING, "") or "")
    return Path(last if last and Path(last).is_dir() else str(slicer.mrmlScene.GetRootDirectory()))


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
