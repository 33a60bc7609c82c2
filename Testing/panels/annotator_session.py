"""One annotator's session as a process of its own: opens the list, corrects, accepts by key, until it ends or is ended.

The worker that writes is a process of its own, as in Slicer; the network is not asked.
Prints a line before and after each accept. Run as: python annotator_session.py FOLDER
"""

import hashlib
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY / "Testing")]


def main(folder: Path) -> None:
    import numpy as np
    from host import SlicerHost

    host = SlicerHost(offscreen=True)
    widget = host.load_module(REPOSITORY / "HemorrhageSeg", select=False)
    from HemorrhageSegLib.SyntheticHead import syntheticHead
    from panels.annotation_room import SHAPE, AnnotationRoom

    room = AnnotationRoom(host, widget, folder)
    widget.installer.missing = lambda: []
    room.qt.QFileDialog.getExistingDirectory = lambda *arguments: str(folder)
    for number, name in enumerate(sorted(path.name for path in folder.glob("*.nii.gz"))):
        assert name == f"scan_{number}.nii.gz"
        head = syntheticHead(SHAPE, (3.6, 3.6, 10.0), (14.0 + 4 * number, 20.0, 22.0), seed=number)
        room.heads[f"case-{number + 1:04d}"] = head
    room.openList()
    print("STATES", *(f"{case}={state}" for case, state in room.states().items()), flush=True)
    room.openCase()
    while room.caseId and "All cases" not in room.ui.messageLabel.text:
        caseId = room.caseId
        if room.editor.activeEffect() is None:  # the brush stays in hand from case to case
            room.press("1")
        room.stroke(np.s_[6:9, 30:36, 30:36])
        room.press("Z")
        room.stroke(np.s_[6:9, 30:38, 30:36])
        print("ACCEPT", caseId, flush=True)
        drawn = hashlib.sha256(room.maskOf().tobytes()).hexdigest()
        asked = room.count("segment")
        room.press("A")
        print("ACCEPTED", caseId, room.states()[caseId], drawn, flush=True)
        room.answerIfAsked(asked)
    print("DONE", flush=True)
    host.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
