"""``radiologycnn classify``: files, exit codes, sentences."""

import csv
import json
import sys

import numpy as np
import pytest
from engine.hand_made import head_phantom
from engine.hand_made_shoulder import plain_scan, random_package

from radiologycnn.cli import main
from radiologycnn.evaluation.class_files import read_class_table
from radiologycnn.images import write_image
from radiologycnn.rotatorcuff.inference import RotatorCuffClassifier


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder with a shoulder, a head and a model; its commands see no other models."""
    folder = tmp_path_factory.mktemp("workplace")
    volume = plain_scan()
    write_image(folder / "shoulder.nii.gz", volume.array, volume.ijk_to_lps)
    head, _ = head_phantom((40, 96, 96), np.diag([2.3, 2.6, 4.5]))
    noisy = head.array + np.random.default_rng(1).normal(0, 6, head.array.shape)
    write_image(folder / "head-ct.nii.gz", np.round(noisy).astype(np.int16), head.ijk_to_lps)
    random_package(folder / "random")
    sagittal = volume.ijk_to_lps.copy()
    sagittal[:3, :3] = [[0, -1, 0], [1, 0, 0], [0, 0, 1]] @ sagittal[:3, :3]
    sagittal[:3, 3] += (volume.ijk_to_lps - sagittal)[:3, :3] @ ((np.array(volume.array.shape[::-1]) - 1) / 2)
    write_image(folder / "sagittal.nii.gz", volume.array, sagittal)
    return folder


@pytest.fixture
def command(workplace, monkeypatch, capsys):
    """Runs the command in this process, which has torch loaded already; exit code and what was said."""
    monkeypatch.setenv("RADIOLOGYCNN_MODELS", str(workplace / "models"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(workplace)

    def run(*arguments, expect=0):
        monkeypatch.setattr(sys, "argv", ["radiologycnn", "classify", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert (ended.value.code or 0) == expect, said.err
        return said

    return run


def test_classify_writes_everything_and_says_it_in_words(command, workplace):
    centre = "140.5,-10,40"
    finished = command(
        "shoulder.nii.gz", "-o", "out", "-m", "./random", "--side", "right", "--roi-centre", centre, "--roi-edge", "85",
        "--repeats", "3", "--repeat-method", "tta", "--target", "tear_versus_none",
    )  # fmt: skip
    record = json.loads((workplace / "out" / "classification.json").read_text("utf-8"))
    assert {path.name for path in (workplace / "out").iterdir()} == {*record["files"], "classification.json"}
    answer = record["classification"]
    assert answer["roi"]["centre_lps_mm"] == [-140.5, 10, 40] and answer["roi"]["edge_mm"] == 85
    assert (answer["side"], answer["mirrored"]) == ("right", False)
    assert answer["repeats"]["count"] == 3
    assert record["maps"]["written_target"] == "tear_versus_none"
    assert record["answer"] in finished.out
    assert "Not for patients" in finished.out and "not a measurement of the tear" in finished.out
    assert "Running the network" in finished.err


def test_an_answer_not_to_be_relied_on_says_so_first_wherever_it_stands(command, workplace):
    caution = "Not an oblique-coronal series: do not rely on this answer."
    options = ("-m", "./random", "--side", "right")
    assert command("sagittal.nii.gz", "-o", "doubtful", *options).out.startswith(f"Caution: {caution}\n")
    folder = workplace / "doubtful"
    assert json.loads((folder / "classification.json").read_text("utf-8"))["caution"] == caution
    with (folder / "classification.csv").open(newline="", encoding="utf-8") as file:
        assert ["caution", caution, "", "", "", ""] in csv.reader(file)
    page = (folder / "report.html").read_text("utf-8")
    assert page.index(f'<p class="warning">{caution}</p>') < page.index("class='verdict'")
    said = command("shoulder.nii.gz", "sagittal.nii.gz", "-o", "both", *options, "--roi-edge", "85").out
    assert "sagittal: " in said and said.count("Caution: Not an oblique") == 1
    assert said.index("sagittal: ") < said.index(f"\n  Caution: {caution}\n  Note: This is a sagittal series")
    with (workplace / "both" / "scans.csv").open(newline="", encoding="utf-8") as file:
        assert {row["case"]: row["caution"] for row in csv.DictReader(file)}["sagittal"] == caution


def test_quiet_says_nothing(command, workplace):
    finished = command("shoulder.nii.gz", "-o", "quiet", "-m", "./random", "--quiet", "--block", "1")
    assert finished.out == finished.err == ""
    record = json.loads((workplace / "quiet" / "classification.json").read_text("utf-8"))
    assert record["maps"]["methods"] == ["grad_cam"] and record["maps"]["shape_ijk"] == [16, 16, 16]
    assert record["classification"]["roi"]["automatic"] is True


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("absent.nii.gz", "-m", "./random"), "absent.nii.gz"),
        (("shoulder.nii.gz", "-m", "nonsense"), "no model nonsense"),
        (("head-ct.nii.gz", "-m", "./random"), "CT"),
        (("shoulder.nii.gz", "-m", "./random", "--side", "up"), "left or right"),
        (("shoulder.nii.gz", "-m", "./random", "--roi-centre", "500,0,0"), "outside the image"),
        (("shoulder.nii.gz", "-m", "./random", "--repeats", "1"), "repeats"),
    ],
)
def test_a_refusal_is_a_sentence_and_exit_code_1(command, workplace, arguments, sentence):
    finished = command(*arguments, "-o", "x", expect=1)
    assert "Error: " in finished.err
    assert sentence in finished.err
    assert not (workplace / "x").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--target", "huge"), "no target 'huge'"),
        (("--method", "saliency"), "Use one of cam, grad_cam"),
        (("--method", "cam", "--block", "1"), "Use one of grad_cam"),
    ],
)
def test_a_map_that_cannot_be_is_refused_before_the_work(command, workplace, monkeypatch, arguments, sentence):
    monkeypatch.setattr(RotatorCuffClassifier, "classify", None)
    for scans in (("shoulder.nii.gz",), ("shoulder.nii.gz", "head-ct.nii.gz")):
        assert sentence in command(*scans, "-o", "x", "-m", "./random", *arguments, expect=1).err
    assert not (workplace / "x").exists()


def test_wrong_usage_is_exit_code_2(command):
    command("shoulder.nii.gz", expect=2)
    assert "three numbers" in command("shoulder.nii.gz", "-o", "x", "--roi-centre", "1,2", expect=2).err


def test_table_of_several_scans_is_what_evaluate_reads(command, workplace):
    volume = plain_scan()
    write_image(workplace / "other.nrrd", volume.array, volume.ijk_to_lps)
    options = ("-m", "./random", "--side", "left", "-q")
    command("shoulder.nii.gz", "head-ct.nii.gz", "other.nrrd", "-o", "many", *options, expect=1)
    table = read_class_table(workplace / "many" / "scans.csv")
    assert list(table.classes) == ["shoulder", "other"]
    for case, tear_class in table.classes.items():
        record = json.loads((workplace / "many" / case / "classification.json").read_text("utf-8"))
        assert list(table.probabilities[case]) == record["classification"]["probabilities"]
        assert tear_class == record["classification"]["predicted"]
    assert "head-ct" in (workplace / "many" / "refused.csv").read_text("utf-8")
    plain = head_phantom((40, 96, 96), np.diag([2.3, 2.6, 4.5]))[0]
    write_image(workplace / "other.nrrd", plain.array, plain.ijk_to_lps)  # another scan of that name
    command("shoulder.nii.gz", "other.nrrd", "-o", "many", *options, expect=1)
    assert not (workplace / "many" / "other").exists(), "it has no result now"
    said = command("shoulder.nii.gz", "other.nrrd", "-o", "x", *options, "--roi-centre", "1,2,3", expect=2)
    assert "one at a time" in said.err
