"""What README says about data folders holds: its examples are read, and its columns are those that there are."""

import csv
import io
import re
from pathlib import Path

import numpy as np
import pytest
from engine.head_folder import write_scan
from typer.testing import CliRunner

from radiologycnn.cli import app
from radiologycnn.images import write_image
from radiologycnn.training.hemorrhage.run import HemorrhageTask
from radiologycnn.training.hemorrhage.settings import TrainingSettings
from radiologycnn.training.rotatorcuff.cases import load_case
from radiologycnn.training.rotatorcuff.run import RotatorCuffTask
from radiologycnn.training.rotatorcuff.settings import TrainingSettings as TearSettings


@pytest.fixture(scope="module")
def section(repository: Path) -> str:
    text = (repository / "README.md").read_text(encoding="utf-8")
    return text.split("### Data to train on\n", 1)[1].split("\n### ", 1)[0]


@pytest.fixture(scope="module")
def examples(section: str) -> list[str]:
    found = re.findall(r"```csv\n(.*?)```", section, re.DOTALL)
    assert len(found) == 2
    return found


def rows_of(example: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(example)))


def test_example_of_bleeds_is_read(examples: list[str], tmp_path) -> None:
    rows = rows_of(examples[0])
    for number, row in enumerate(rows):
        for column in ("image", "mask"):
            (tmp_path / row[column]).parent.mkdir(exist_ok=True)
        write_scan(tmp_path / row["image"], tmp_path / row["mask"], number, 0.0 if row["types"] == "none" else 22.0)
    (tmp_path / "cases.csv").write_text(examples[0])
    settings = TrainingSettings.from_preset(
        "default", {"grid_shape_ijk": (32, 32, 16), "coarse_epochs": 0, "validation_share": 0.3}
    )
    task = HemorrhageTask(settings, tmp_path, device="cpu")
    cases = task.prepare(tmp_path / "run")
    assert [path.stem for path in cases.found["test"]] == ["head-004"]
    assert {path.stem: task.stratum(path) for path in cases.found[""]} == {
        row["id"]: "no bleed" if row["types"] == "none" else "bleed" for row in rows if row["id"] != "head-004"
    }
    for seed in range(5):
        training, validation = cases.shared_out(0.3, seed)
        people = [{cases.patient(path) for path in part} for part in (training, validation)]
        assert not people[0] & people[1] and "p03" not in people[0] | people[1]


def test_example_of_shoulders_is_read(examples: list[str], tmp_path) -> None:
    rows = rows_of(examples[1])
    matrix = np.array([[1.5, 0, 0, -48], [0, 0, 4.0, -40], [0, -1.5, 0, 48], [0, 0, 0, 1.0]])
    for number, row in enumerate(rows):
        array = np.random.default_rng(number).normal(200, 40, (20, 64, 64)).clip(0).astype(np.int16)
        mask = np.zeros(array.shape, np.uint8)
        mask[8:11, 20:26, 30:36] = 1
        for column, voxels in (("image", array), ("mask", mask)):
            if row[column]:
                (tmp_path / row[column]).parent.mkdir(exist_ok=True)
                write_image(tmp_path / row[column], voxels, matrix)
    (tmp_path / "cases.csv").write_text(examples[1])
    task = RotatorCuffTask(TearSettings.from_preset("default", {"grid_size": 16}), tmp_path, device="cpu")
    cases = task.prepare(tmp_path / "run")
    assert [path.stem for path in cases.found["validation"]] == ["shoulder-004"]
    paths = {path.stem: path for found in cases.found.values() for path in found}
    assert [load_case(paths[row["id"]]).tear_class for row in rows] == [1, 0, 3, 4]
    assert load_case(paths["shoulder-001"]).mask is not None and load_case(paths["shoulder-003"]).mask is None
    assert cases.patients["shoulder-001"] == cases.patients["shoulder-002"] == "p01"


def test_every_column_of_the_examples_is_explained(section: str, examples: list[str]) -> None:
    explained = set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))
    named = set(re.findall(r"`(\w+)`", section))
    columns = {column for example in examples for column in rows_of(example)[0]}
    assert explained <= columns and columns <= named


def test_commands_of_the_section_exist(section: str) -> None:
    commands = re.findall(r"^(radiologycnn .*)$", section.replace("\\\n", ""), re.MULTILINE)
    assert len(commands) >= 6
    for command in commands:
        words = command.split("#")[0].split()[1:]
        verbs = [word for word in words[:2] if not word.startswith("-")]
        shown = CliRunner().invoke(app, [*verbs, "--help"], env={"COLUMNS": "200"})
        assert shown.exit_code == 0, command
        for option in (word for word in words if word.startswith("--")):
            assert option in shown.output, (command, option)


def test_simulated_folders_are_data_folders(tmp_path) -> None:
    (tmp_path / "coarse.json").write_text('{"scanner": {"coarse_mm": 4.0, "fine_mm": 4.0}}')
    for verb, options in (("head-ct", ["--config", str(tmp_path / "coarse.json")]), ("shoulder-mr", [])):
        done = CliRunner().invoke(app, ["simulate", verb, "-o", str(tmp_path / verb), "--matrix", "64", *options])
        assert done.exit_code == 0, done.output + str(done.exception)
    heads = HemorrhageTask(
        TrainingSettings.from_preset("default", {"grid_shape_ijk": (32, 32, 16), "coarse_epochs": 0}),
        tmp_path / "head-ct",
        device="cpu",
    )
    assert heads.simulated and heads.default_title() == "Hemorrhage, simulated scans"
    found = heads.prepare(tmp_path / "run").found[""]
    types = [row["types"] for row in rows_of((tmp_path / "head-ct" / "cases.csv").read_text())]
    assert [heads.stratum(path) == "no bleed" for path in found] == [kinds == "none" for kinds in types]
    shoulders = RotatorCuffTask(
        TearSettings.from_preset("default", {"grid_size": 16}), tmp_path / "shoulder-mr", device="cpu"
    )
    assert shoulders.simulated and shoulders.default_title() == "Rotator cuff, simulated shoulders"
    assert shoulders.describe_cases(1) == "1 simulated shoulder MRs of shoulder-mr"
    found = shoulders.prepare(tmp_path / "run").found[""]
    truth = rows_of((tmp_path / "shoulder-mr" / "truth.csv").read_text())
    assert [load_case(path).tear_class for path in found] == [int(row["tear_class"]) for row in truth]
    assert [(row["side"], row["centre"]) for row in rows_of((tmp_path / "shoulder-mr" / "cases.csv").read_text())] == [
        (row["side"], row["head_centre_lps_mm"]) for row in truth
    ]
