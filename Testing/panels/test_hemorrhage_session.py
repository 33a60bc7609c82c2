"""A whole annotator's session by clicks and keys, ended with kill -9 at different moments and started anew."""

import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

SESSION = Path(__file__).with_name("annotator_session.py")
SCANS = 4


def writeScans(folder, repository):
    """In a process of its own: the panel's packages are on no path here."""
    code = f"""
import sys; sys.path[:0] = ['Testing', 'HemorrhageSeg']
from pathlib import Path
import numpy as np
from HemorrhageSegLib.SyntheticHead import syntheticHead
from panels.annotation_room import SHAPE
from radiologycnn.images import write_image
for number in range({SCANS}):
    head = syntheticHead(SHAPE, (3.6, 3.6, 10.0), (14.0 + 4 * number, 20.0, 22.0), seed=number)
    matrix = np.diag([-1.0, -1.0, 1.0, 1.0]) @ head.ijkToRas
    write_image(Path({str(folder)!r}) / f"scan_{{number}}.nii.gz", head.array, matrix)
"""
    subprocess.run([sys.executable, "-c", code], cwd=repository, check=True, timeout=120)


def session(folder, killAfter=None, delay=0.0):
    """The lines of a session; with ``killAfter`` it is ended by force so long after the first line that begins so."""
    process = subprocess.Popen(
        [sys.executable, str(SESSION), str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    lines = []
    for line in process.stdout:
        lines.append(line.split())
        if killAfter and line.startswith(killAfter):
            time.sleep(delay)
            process.kill()
            killAfter = None
    errors = process.stderr.read()
    process.wait(60)
    return [words for words in lines if words], errors


def accepted(lines) -> dict:
    """case -> SHA-256 of the voxels that were on the screen, of the accepts that the panel has come back from."""
    return {words[1]: words[3] for words in lines if words[:1] == ["ACCEPTED"] and len(words) == 4}


@pytest.mark.slow
def testEveryAcceptedMaskIsThereAfterKillsAndRestarts(tmp_path, repository):
    folder = tmp_path / "scans"
    folder.mkdir()
    writeScans(folder, repository)
    known = {}
    for killAfter, delay in (("ACCEPT case-0001", 0.05), ("ACCEPTED", 0.0), (None, 0.0)):
        lines, errors = session(folder, killAfter, delay)
        assert lines, errors
        states = dict(word.split("=") for word in lines[0][1:])
        assert all(states[case] == "accepted" for case in known), (states, known)
        known |= accepted(lines)
    assert lines[-1] == ["DONE"], errors
    final, errors = session(folder, "STATES")
    states = dict(word.split("=") for word in final[0][1:])
    assert list(states.values()) == ["accepted"] * SCANS
    from radiologycnn.images import read_volume

    assert len(known) >= SCANS - 1, "of one accept the panel was killed before it could come back"
    for number in range(SCANS):
        mask = read_volume(folder / f"annotations/masks/ab/case-{number + 1:04d}.nii.gz").array != 0
        case = f"case-{number + 1:04d}"
        assert mask[6:9, 30:38, 30:36].all(), "the second stroke"
        assert known.get(case) in (None, hashlib.sha256(mask.tobytes()).hexdigest()), case
        word = json.loads((folder / f"annotations/annotations/ab/{case}.json").read_text())
        content = (folder / "annotations" / word["mask"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == word["mask_sha256"]
        assert np.count_nonzero(mask) > 3 * 8 * 6
