"""From a reader study's folder to its report: marks against maps, tables, the page, and the commands that make them."""

import csv
import json
import math
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from engine.compared_study import CASES, TRUTH, written_study
from engine.hand_made_shoulder import plain_scan, random_package

from radiologycnn.cli import main
from radiologycnn.errors import InputError
from radiologycnn.images import write_image
from radiologycnn.models.package import SIMULATED_NOTE
from radiologycnn.readers.comparison import compare
from radiologycnn.readers.comparison_page import comparison_page
from radiologycnn.readers.mark_checks import check_marks
from radiologycnn.readers.marks import TearMark
from radiologycnn.readers.members import Member
from radiologycnn.readers.network_run import classify_study
from radiologycnn.readers.outputs import write_comparison
from radiologycnn.readers.study import StudySettings, open_study, write_settings
from radiologycnn.rotatorcuff.tear_classes import TEAR_CLASSES


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Two readers with marks on the first three cases, a network with maps of two of them."""
    box = TearMark("box", (0.0, 0.0, 0.0), (6.0, 6.0, 6.0))
    point = TearMark("point", (0.0, 0.0, 0.0))
    marks = {"c00": box, "c01": box, "c02": point, "c03": box}
    tmp_path = tmp_path / "A <b>& study"
    tmp_path.mkdir()
    folder = written_study(tmp_path, {"R1": TRUTH, "R2": dict.fromkeys(CASES, 2)}, marks)
    matrix = np.diag([4.0, 4.0, 4.0, 1.0])
    matrix[:3, 3] = -20
    for case, peak in (("c00", (5, 5, 5)), ("c01", (5, 5, 8)), ("c02", (5, 6, 5))):
        raw = np.zeros((11, 11, 11), np.float32)
        raw[peak] = 1
        (folder / "network" / case).mkdir(parents=True)
        write_image(folder / "network" / case / "cam_raw.nii.gz", raw, matrix)
    (folder / "groups.csv").write_text("reader,group\nR1,Experts\nr2,Others\n")
    header = ",".join(f"p_{one.key}" for one in TEAR_CLASSES)
    rows = "".join(
        f"{case},{'0.8,0.05' if not value else '0.1,0.75'},0.05,0.05,0.05,0.02\n" for case, value in TRUTH.items()
    )
    (folder / "network" / "predictions.csv").write_text(f"case,{header},seconds\n{rows}")
    return folder


def test_marks_against_maps_with_their_chance(study: Path) -> None:
    """Voxels of 4 mm with centres at multiples of 4: one of 11^3 centres lies in a box of 6 mm."""
    found = check_marks(open_study(study), tolerance_mm=5.0)
    rows = {(row["reader"], row["case"]): row for row in found["rows"]}
    assert rows["R1", "c00"]["peak_inside"] is True
    assert rows["R1", "c00"]["chance_inside"] == pytest.approx(1 / 11**3)
    assert rows["R1", "c01"]["distance_mm"] == pytest.approx(12 - 3)
    assert not rows["R1", "c01"]["within_tolerance"]
    assert rows["R1", "c02"]["peak_inside"] is None
    assert rows["R1", "c02"]["distance_mm"] == pytest.approx(4, abs=0.01)
    assert rows["R1", "c02"]["chance_within_tolerance"] == pytest.approx(7 / 11**3)
    assert found["summary"]["All"]["tears"] == 4
    assert found["summary"]["R1"]["peak_in_tear"] == 0.5
    assert found["summary"]["R1"]["distance_mm_median"] == 4.5
    assert found["notes"] == [
        "2 marks are of cases without a map of the network; the command “radiologycnn readers network” makes the maps."
    ]


def test_marks_against_a_map_that_is_coarser_than_any_scan(study: Path) -> None:
    """As of four blocks: 4 x 4 x 4 voxels of 20 mm, and the peak's centre 10 mm from the box's middle on each axis."""
    matrix = np.diag([20.0, 20.0, 20.0, 1.0])
    matrix[:3, 3] = -30
    raw = np.zeros((4, 4, 4), np.float32)
    raw[2, 2, 2] = 1
    for case in ("c00", "c01", "c02"):
        write_image(study / "network" / case / "cam_raw.nii.gz", raw, matrix)
    rows = {(row["reader"], row["case"]): row for row in check_marks(open_study(study), tolerance_mm=20.0)["rows"]}
    assert rows["R1", "c00"]["peak_inside"] is False and rows["R1", "c00"]["within_tolerance"]
    assert rows["R1", "c00"]["distance_mm"] == pytest.approx(math.sqrt(3) * (10 - 3), abs=0.01)


def test_compare_writes_tables_record_and_a_page_that_needs_nothing(study: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    record = write_comparison(study, output)
    assert record["groups"] == {"Network": ["Network"], "Experts": ["R1"], "Others": ["R2"]}
    assert json.loads((output / "comparison.json").read_text())["members"][1]["top1"] == 1.0
    with (output / "readers.csv").open(newline="") as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    assert float(rows["R2"]["top1"]) == 5 / 30
    assert float(rows["R1"]["seconds"]) == 25.5
    assert float(rows["Network"]["seconds"]) == 0.02
    names = {path.name for path in output.iterdir()}
    assert names >= {"table2.csv", "table3.csv", "pairs.csv", "same_cases.csv", "roc.csv", "marks.csv", "report.html"}
    page = (output / "report.html").read_text(encoding="utf-8")
    assert "A &lt;b&gt;&amp; study" in page and "<b>& study" not in page
    assert not re.search(r"(src|href)=|https?://|<script", page)
    assert page.count('<svg class="chart"') == 4
    assert "Not for diagnosis" in page


def test_page_says_which_network_it_is_and_whether_readers_see_its_map(study: Path, tmp_path: Path) -> None:
    """A model of real scans, a table of an earlier version, and one that ``classify`` wrote."""
    older = study / "network" / "predictions.csv"
    heading, *rows = older.read_text().splitlines()
    newer, scans = tmp_path / "newer.csv", tmp_path / "scans.csv"
    newer.write_text("\n".join([f"{heading},model,simulated", *(f"{row},cuff-2.0.0,no" for row in rows)]))
    scans.write_text("\n".join([f"{heading},model,notes", *(f'{row},demo-1.0.0,"{SIMULATED_NOTE}"' for row in rows)]))
    write_settings(study, StudySettings(show_map=True))
    record = write_comparison(study, tmp_path / "out", [older, newer, scans])
    assert record["networks"] == [
        {"name": "Network", "model": "", "simulated": False},
        {"name": "newer", "model": "cuff-2.0.0", "simulated": False},
        {"name": "scans", "model": "demo-1.0.0", "simulated": True},
    ]
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "<p class='facts'>Network: its table does not name the model.</p>" in page
    assert "<p class='facts'>newer: model cuff-2.0.0.</p>" in page
    assert f"<p class='warning'>scans: model demo-1.0.0. {SIMULATED_NOTE}</p>" in page
    assert "an aided reading" in page


def test_page_of_one_group_has_no_tests() -> None:
    page = comparison_page(compare(TRUTH, [Member("R", "Readers", TRUTH, {})]) | {"marks": None}, "One")
    assert "Kruskal-Wallis)" not in page.split("How it is computed")[0]
    assert "Pairs of groups" not in page
    assert page.count('<svg class="chart"') == 3  # nobody has taken the time


def test_study_without_truth_says_what_to_do(study: Path, tmp_path: Path) -> None:
    (study / "truth.csv").unlink()
    with pytest.raises(InputError, match=r"truth\.csv"):
        write_comparison(study, tmp_path / "out")


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object, expect: int = 0) -> None:
    monkeypatch.setattr(sys, "argv", ["radiologycnn", "readers", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert (ended.value.code or 0) == expect


def test_commands_from_scans_to_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """New study, an outside reader, the network with real files, the comparison."""
    monkeypatch.setenv("RADIOLOGYCNN_MODELS", str(tmp_path / "models"))
    package = random_package(tmp_path / "random").path
    folder = tmp_path / "study"
    folder.mkdir()
    for number in range(2):
        volume = plain_scan(seed=number)
        write_image(folder / f"s{number}.nii.gz", volume.array, volume.ijk_to_lps)
    (folder / "broken.nii.gz").write_bytes(b"no image")
    earlier, own = (folder / "network" / "broken" / name for name in ("cam_raw.nii.gz", "remarks.txt"))
    earlier.parent.mkdir(parents=True)
    for path in (earlier, own):
        path.write_bytes(b"of another model")
    (folder / "truth.csv").write_text("id,tear_class\ns0,None\ns1,Small\n")
    (tmp_path / "R7.csv").write_text("case,tear_class,seconds\ns0,None,10\ns1,Medium,20\n")
    run(monkeypatch, "new", folder, "--title", "Two", "--seed", "5")
    said = capsys.readouterr().out
    assert "3 scans, the truth of 2" in said and "Note" not in said
    run(monkeypatch, "import", folder, tmp_path / "R7.csv")
    (tmp_path / "R8.csv").write_text("case,tear_class\ns0,None\n")
    run(monkeypatch, "import", folder, tmp_path / "R8.csv")
    said = capsys.readouterr().out
    assert "R7: 2 answers taken in." in said and "R8: 1 answer taken in." in said
    (folder / "readers" / "R8.csv").unlink()
    run(monkeypatch, "network", folder, "-m", package, "-d", "cpu", "-q")
    assert "Refused: broken" in capsys.readouterr().out
    assert own.exists() and not earlier.exists()
    assert (folder / "network" / "s1" / "cam_raw.nii.gz").is_file()
    run(monkeypatch, "status", folder)
    assert re.search(r"R7\s+2 answered", capsys.readouterr().out)
    run(monkeypatch, "compare", folder, "-o", tmp_path / "out")
    said = capsys.readouterr().out
    assert re.search(r"Diagnostic time \(s\)\s+\d+\.\d+\s+15\.0\s", said)
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Two" in page
    who = "Network: model random-1.0.0. Demonstration model, trained on simulated scans. Not for patients."
    assert who in said and f"<p class='warning'>{who}</p>" in page
    assert "Readers in this program do not see the network&#x27;s map." in page
    run(monkeypatch, "compare", tmp_path / "nowhere", "-o", tmp_path / "out", expect=1)
    assert "no folder" in capsys.readouterr().err


def test_network_that_can_read_no_scan_leaves_no_answers_of_another_one(study: Path) -> None:
    path, refused = classify_study(open_study(study), classifier=None)  # all files are empty
    assert len(refused) == len(CASES) and not path.exists()
    assert not list((study / "network").rglob("*.nii.gz"))
