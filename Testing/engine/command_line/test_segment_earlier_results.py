"""What ``radiologycnn segment`` does with the results of earlier runs in the folder that it writes to."""

import csv
import errno
from pathlib import Path

from engine.command_line.heads import write_head
from engine.improvable import untrained_model_of_types


def test_a_rerun_leaves_nothing_of_an_earlier_model(command, workplace, tmp_path, monkeypatch):
    typed, out = untrained_model_of_types(tmp_path), workplace / "again"
    out.mkdir()
    for name in ("probability.txt", "probability-left.nii.gz"):
        (out / name).write_bytes(b"not of this program")
    own = {path.name for path in out.iterdir()}
    one = {"mask.nii.gz", "mask.seg.nrrd", "probability.nii.gz", "lesions.csv", "report.json"}
    several = one - {"probability.nii.gz"} | {f"probability-{value}.nii.gz" for value in range(1, 6)}
    for model, files in ((typed, several), ("hand-made", one), (typed, several)):
        command("segment", "head.nii.gz", "-o", out, "-m", model, "-d", "cpu", "-q")
        assert {path.name for path in out.iterdir()} == files | own
    (out / "source_slices.npz").write_bytes(b"of a tilted scan")

    def held(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", held)
        said = command("segment", "head.nii.gz", "-o", out, "-m", "hand-made", "-q", expect=1).stderr
    assert "of an earlier run cannot be removed" in said and "holds files of an earlier run" in said
    command("segment", "head.nii.gz", "-o", out, "-m", "hand-made", "-q")
    assert {path.name for path in out.iterdir()} == one | own


def test_a_scan_that_is_refused_now_keeps_no_earlier_result(command, workplace, monkeypatch):
    for name in ("left", "right"):
        write_head(workplace / f"{name}.nii.gz")
    scans = ("head.nii.gz", "left.nii.gz", "right.nii.gz")
    command("segment", *scans, "-o", "rerun", "-m", "hand-made", "-q")
    out = workplace / "rerun"
    (out / "left" / "remarks.txt").write_text("mine")
    for name in ("left", "right"):
        (workplace / f"{name}.nii.gz").write_bytes(b"damaged on the way")
    before, unlink = sorted(path.name for path in (out / "left").iterdir()), Path.unlink

    def held(path, missing_ok=False):
        if path.parent.name == "left":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        unlink(path, missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", held)
        finished = command("segment", *scans, "-o", "rerun", "-m", "hand-made", expect=1)
    assert finished.stdout.count("result was removed") == 1 == finished.stdout.count("still in its folder: Permission")
    assert sorted(path.name for path in (out / "left").iterdir()) == before
    assert not (out / "right").exists() and (out / "head" / "mask.nii.gz").exists()
    command("segment", *scans, "-o", "rerun", "-m", "hand-made", "-q", expect=1)
    assert [path.name for path in (out / "left").iterdir()] == ["remarks.txt"]
    with (out / "refused.csv").open(newline="", encoding="utf-8") as file:
        problems = {row["case"]: row["problem"] for row in csv.DictReader(file)}
    assert "result was removed" in problems["left"] and "result was" not in problems["right"]


def test_a_single_scan_that_is_refused_empties_no_folder(command, workplace):
    command("segment", "head.nii.gz", "-o", "single", "-m", "hand-made", "-q")
    before = {path.name: path.read_bytes() for path in (workplace / "single").iterdir()}
    finished = command("segment", "hed.nii.gz", "-o", "single", "-m", "hand-made", "-q", expect=1)
    assert "Note: single holds files of an earlier run." in finished.stderr
    assert {path.name: path.read_bytes() for path in (workplace / "single").iterdir()} == before
