"""``radiologycnn segment`` of several scans: a folder each, notes each, and a bad one is no obstacle."""

import csv
import json
import threading
from contextlib import nullcontext

import numpy as np
import pytest
from engine.command_line.heads import write_head
from engine.hand_made import head_phantom

from radiologycnn.errors import InputError
from radiologycnn.hemorrhage.inference import HemorrhageSegmenter
from radiologycnn.images import write_image
from radiologycnn.scan_command import scan_names


def test_several_scans_have_a_folder_each_and_a_bad_one_is_no_obstacle(command, workplace):
    write_head(workplace / "second.nrrd")
    write_image(workplace / "empty.nii.gz", np.zeros((20, 30, 30), np.int16), np.eye(4))
    scans = ("head.nii.gz", "empty.nii.gz", "absent.nii.gz", "second.nrrd")
    finished = command("segment", *scans, "-o", "many", "-m", "hand-made", expect=1)
    assert "2 of 4 scans gave no result" in finished.stderr and "refused.csv" in finished.stderr
    assert finished.stdout.count("Note: Demonstration") == 1
    assert finished.stdout.count("mL in") == 2 and finished.stdout.count("no result") == 2
    out = workplace / "many"
    assert {path.name for path in out.iterdir()} == {"head", "second", "scans.csv", "refused.csv"}
    with (out / "scans.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["case"] for row in rows] == ["head", "second"]
    for row in rows:
        report = json.loads((out / row["case"] / "report.json").read_text("utf-8"))
        assert float(row["volume_ml"]) == report["measurements"]["total_volume_ml"]
        assert int(row["lesions"]) == len(report["measurements"]["lesions"])
        assert row["model"] == "hand-made-1.0.0" and "Not for patients" in row["notes"]
    with (out / "refused.csv").open(newline="", encoding="utf-8") as file:
        assert [(row["case"], row["code"]) for row in csv.DictReader(file)] == [
            ("empty", "constant-volume"),
            ("absent", "no-such-file"),
        ]
    command("segment", "head.nii.gz", "second.nrrd", "-o", "many", "-m", "hand-made", "-q")
    assert not (out / "refused.csv").exists(), "of an earlier run"


def test_of_several_scans_each_has_its_own_notes_below_its_line(command, workplace):
    volume, _ = head_phantom((26, 96, 96), np.diag([2.3, 2.6, 7.0]))
    write_image(workplace / "thick.nii.gz", volume.array, volume.ijk_to_lps)
    options = ("-m", "hand-made", "-d", "cpu")
    said = command("segment", "head.nii.gz", "thick.nii.gz", "-o", "notes", *options).stdout
    above, below = said.split("head: ")
    assert above.count("Note: ") == 2 and "Note: Demonstration" in above, "what both have in common"
    own, thick = below.split("thick: ")
    assert "Note: " not in own and "\n  Note: The slices are 7.0 mm apart" in thick
    said = command("segment", "absent.nii.gz", "thick.nii.gz", "-o", "notes", *options, expect=1).stdout
    above, thick = said.split("thick: ")
    assert "Note: " not in above and thick.count("\n  Note: ") == 3, "a single one's notes are its own"
    said = command("segment", "absent.nii.gz", "gone.nii.gz", "-o", "notes", *options, expect=1).stdout
    assert "Model: " not in said and said.count("no result. ") == 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("head.nii.gz", "./head.nii.gz"), "Two of the scans are called head"),
        (("head.nii.gz", "absent.nii.gz", "-m", "nonsense"), "no model nonsense"),
        (("head.nii.gz", "absent.nii.gz", "-m", "hand-made", "-d", "cuda:77"), "no device cuda:77"),
    ],
)
def test_what_no_scan_can_help_is_said_once_for_several(command, workplace, arguments, sentence):
    finished = command("segment", *arguments, "-o", "none", expect=1)
    assert finished.stderr.count("Error: ") == 1 and sentence in finished.stderr
    assert not (workplace / "none").exists()


def test_scans_of_equal_names_are_called_after_their_folders_too(command, workplace, tmp_path):
    for patient, series in (("p1", "DICOM"), ("p2", "DICOM"), ("p2", "1.2.840.1"), ("p2", "1.2.840.2")):
        (tmp_path / patient / series).mkdir(parents=True)
    cds = [tmp_path / "p1" / "DICOM", tmp_path / "p2" / "dicom", tmp_path / "other.nii.gz"]
    assert scan_names(map_to_text(cds)) == ["p1-DICOM", "p2-dicom", "other"]
    files = [tmp_path / "1.2.840.1", tmp_path / "1.2.840.2", tmp_path / "a.b.NII.GZ", tmp_path / "v1.2.dcm"]
    assert scan_names(map_to_text(files)) == ["1.2.840.1", "1.2.840.2", "a.b", "v1.2"]
    nested = [tmp_path / one / "s" / "DICOM" for one in "ab"]
    assert [name[-9:] for name in scan_names(map_to_text(nested))] == ["a-s-DICOM", "b-s-DICOM"]
    with pytest.raises(InputError, match="Two of the scans are called x"):
        scan_names(map_to_text([tmp_path / "x.nii", tmp_path / "x.nrrd", tmp_path / "y.nrrd"]))
    for patient in ("p1", "p2"):
        write_head(tmp_path / patient / "head.nrrd")
    command(
        "segment", tmp_path / "p1" / "head.nrrd", tmp_path / "p2" / "head.nrrd", "-o", "cds", "-m", "hand-made", "-q"
    )
    assert {path.name for path in (workplace / "cds").iterdir()} == {"p1-head", "p2-head", "scans.csv"}


def map_to_text(paths):
    return [str(path) for path in paths]


def test_stopped_between_two_scans_what_is_finished_stays(command, workplace, monkeypatch):
    write_head(workplace / "later.nrrd")
    segment, asked = HemorrhageSegmenter.segment, threading.Event()

    def then_ctrl_c(*arguments, **options):
        result = segment(*arguments, **options)
        asked.set()
        return result

    monkeypatch.setattr(HemorrhageSegmenter, "segment", then_ctrl_c)
    monkeypatch.setattr("radiologycnn.scan_command.stop_on_interrupt", lambda: nullcontext(asked.is_set))
    finished = command("segment", "head.nii.gz", "later.nrrd", "-o", "cut", "-m", "hand-made", expect=130)
    assert "Cancelled" in finished.stderr
    assert {path.name for path in (workplace / "cut").iterdir()} == {"head", "scans.csv"}
