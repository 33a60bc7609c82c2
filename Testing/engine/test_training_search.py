"""Grid search: every combination once, ranked by validation, resumable after ``kill -9``; settings as a file."""

import csv
import json
import math
import signal
import time
from pathlib import Path

import pytest
import torch
from engine.forked import command
from engine.head_folder import TINY_HEADS, write_head_folder
from typer.testing import CliRunner

from radiologycnn.cli import app
from radiologycnn.errors import InputError, RadiologyCNNError
from radiologycnn.networks.architectures import build_network
from radiologycnn.training.grid_search import grid_points, parse_grid, search
from radiologycnn.training.hemorrhage.run import HemorrhageTask
from radiologycnn.training.hemorrhage.settings import TrainingSettings, architecture_of
from radiologycnn.training.hemorrhage.trainer import SegmentationLoop
from radiologycnn.training.rotatorcuff.run import RotatorCuffTask
from radiologycnn.training.rotatorcuff.settings import TrainingSettings as TearSettings
from radiologycnn.training.settings_file import read_settings, write_settings
from radiologycnn.training.task import ModelName

SEARCHED = ["--search", "learning_rate=0.02,0.002", "--search", "dropout=0,0.3"]


@pytest.fixture(scope="module")
def heads(tmp_path_factory) -> Path:
    return write_head_folder(tmp_path_factory.mktemp("search") / "heads", ("a", "b", "c", "d"))


@pytest.fixture(scope="module")
def settings_file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("settings") / "tiny.json"
    path.write_text(json.dumps({"task": HemorrhageTask.name, "settings": {**TINY_HEADS, "epochs": 3}}))
    return path


def options(heads: Path, settings_file: Path, output: Path) -> list[str]:
    common = ["--data", str(heads), "--settings", str(settings_file), "--device", "cpu"]
    return ["train", "hemorrhage", "-o", str(output), *common, *SEARCHED]


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "results.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def without_time(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


@pytest.fixture(scope="module")
def whole(heads, settings_file, tmp_path_factory) -> tuple[Path, str]:
    """A search that was not interrupted, and what it printed."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    done = CliRunner().invoke(app, options(heads, settings_file, folder))
    assert done.exit_code == 0, done.output + str(done.exception)
    return folder, done.output


def test_every_combination_has_a_row_and_the_best_is_first(whole) -> None:
    folder, output = whole
    rows = rows_of(folder)
    points = [(row["point"], row["learning_rate"], row["dropout"]) for row in rows]
    assert points == [("1", "0.02", "0"), ("2", "0.02", "0.3"), ("3", "0.002", "0"), ("4", "0.002", "0.3")]
    by_rank = sorted(rows, key=lambda row: int(row["rank"]))
    assert [row["rank"] for row in by_rank] == ["1", "2", "3", "4"]
    scores = [float(row["validation_dice"]) for row in by_rank]
    assert scores == sorted(scores, reverse=True)
    assert output.count("chance decides") == 1  # not once a point
    shown = [line.split() for line in output.splitlines() if line.strip()[:1].isdigit() and "%" not in line]
    assert [line[1] for line in shown] == [row["point"] for row in by_rank]
    assert not list(folder.rglob("checkpoint.pt"))  # a search of sixty points would fill the disk
    assert len(list(folder.rglob("log.csv"))) == 4
    assert all(float(row["seconds"]) > 0 for row in rows)


def test_best_settings_train_a_model(whole, heads, tmp_path) -> None:
    folder, _ = whole
    best = min(rows_of(folder), key=lambda row: int(row["rank"]))
    path = folder / "best-settings.json"
    read = read_settings(path, HemorrhageTask.name, TrainingSettings)
    assert (read.learning_rate, read.dropout) == (float(best["learning_rate"]), float(best["dropout"]))
    assert (read.grid_shape_ijk, read.base_filters, read.epochs) == ((32, 32, 16), 2, 3)
    # The same split and seed: training once more gives the figures of the search.
    done = CliRunner().invoke(
        app,
        ["train", "hemorrhage", "-o", str(tmp_path), "--data", str(heads), "--settings", str(path), "--device", "cpu"],
    )
    assert done.exit_code == 0, done.output + str(done.exception)
    with (tmp_path / "log.csv").open(newline="") as file:
        logged = {row["epoch"]: row for row in csv.DictReader(file)}[best["epoch"]]
    assert float(logged["validation_dice"]) == pytest.approx(float(best["validation_dice"]), abs=1e-5)


def test_killed_search_goes_on_at_the_point_that_was_cut(whole, heads, settings_file, tmp_path) -> None:
    folder = tmp_path / "run"
    words = options(heads, settings_file, folder)
    process = command(*words, said=tmp_path / "log")
    try:
        second = folder / "points" / "002" / "checkpoint.pt"
        until = time.monotonic() + 200
        while not second.exists() and process.exitcode is None and time.monotonic() < until:
            time.sleep(0.005)
    finally:
        process.kill()
        process.join()
    assert process.exitcode == -signal.SIGKILL
    done = without_time(rows_of(folder))
    assert 1 <= len(done) < 4, (tmp_path / "log").read_text()
    first = (folder / "points" / "001" / "log.csv").stat().st_mtime_ns
    again = CliRunner().invoke(app, [*words, "--resume"])
    assert again.exit_code == 0, again.output + str(again.exception)
    assert "Point 1 of 4" not in again.output and "Point 4 of 4" in again.output
    assert (folder / "points" / "001" / "log.csv").stat().st_mtime_ns == first
    assert without_time(rows_of(folder)) == without_time(rows_of(whole[0]))
    assert (folder / "best-settings.json").read_bytes() == (whole[0] / "best-settings.json").read_bytes()
    assert not [path for path in folder.rglob("*") if path.name.endswith(".part")]


def test_another_search_in_the_folder_is_refused(whole, heads, settings_file) -> None:
    folder, _ = whole
    task = HemorrhageTask(read_settings(settings_file, HemorrhageTask.name, TrainingSettings), heads, device="cpu")
    with pytest.raises(InputError, match="holds a run already"):
        search(task, folder, {"dropout": (0.0,)})
    with pytest.raises(InputError, match="dropout, learning_rate"):
        search(task, folder, {"dropout": (0.0,)}, resume=True)
    with pytest.raises(InputError, match="no run to go on with"):
        search(task, folder / "elsewhere", {"dropout": (0.0,)}, resume=True)


def test_grid_of_the_paper() -> None:
    paper = TrainingSettings.from_preset("paper", {})
    grid = parse_grid(["paper"], HemorrhageTask, paper)
    assert grid == {  # Arab 2020, Methods
        "depth": (3, 4, 5, 6),
        "learning_rate": (0.01, 0.005, 0.001, 0.0005, 0.0001),
        "dropout": (0.3, 0.4, 0.5),
    }
    points = grid_points(paper, grid)
    assert len(points) == 60 and points[-1].values == {"depth": 6, "learning_rate": 1e-4, "dropout": 0.5}
    # Table 5 of the paper, the outcome, is one of them, and what the preset has.
    assert paper in [point.settings for point in points]
    with pytest.raises(InputError, match="without a search"):
        parse_grid(["paper"], RotatorCuffTask, TearSettings())


def test_values_are_read_as_their_settings_kind() -> None:
    grid = parse_grid(
        ["grid-shape-ijk=64x64x32,128x128x64", "augment=true,false", "loss=dice", "epochs=2"],
        HemorrhageTask,
        TrainingSettings(),
    )
    assert grid == {
        "grid_shape_ijk": ((64, 64, 32), (128, 128, 64)),
        "augment": (True, False),
        "loss": ("dice",),
        "epochs": (2,),
    }


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["learning_rate"], "names no values"),
        (["lr=0.1"], "no setting “lr”"),
        (["seed=1,2"], "no setting “seed”"),
        (["epochs=many"], "epochs takes a whole number; it cannot be many"),
        (["epochs=1.5"], "epochs takes a whole number; it cannot be 1.5"),
        (["epochs=3,"], "value is missing"),
        (["grid_shape_ijk=64x64"], "grid_shape_ijk takes 3 whole numbers; it cannot be 64x64"),
        (["paper", "dropout=0"], "stands for itself"),
        (["dropout=0", "dropout=1"], "names no values"),
    ],
)
def test_mistakes_in_a_grid_are_named(texts: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        parse_grid(texts, HemorrhageTask, TrainingSettings())


def test_impossible_combination_is_known_before_the_first_hour() -> None:
    with pytest.raises(InputError, match=r"depth 7 cannot be trained: Each side of the grid is a multiple of 64\."):
        grid_points(TrainingSettings(grid_shape_ijk=(32, 32, 32), pixel_unshuffle=1), {"depth": (4, 7)})
    with pytest.raises(InputError, match=r"columns and rows are multiples of 64, its slices of 16\."):
        grid_points(TrainingSettings(grid_shape_ijk=(64, 32, 16), depth=4), {"pixel_unshuffle": (2, 4)})
    with pytest.raises(InputError, match=r"dropout 2 cannot be trained: The option dropout of cnn_ds is 2\.0"):
        grid_points(TrainingSettings(), {"dropout": (0.1, 2.0)})
    with pytest.raises(InputError, match=r"deepest level a single voxel.* Without coarse passes it fits"):
        grid_points(TrainingSettings(grid_shape_ijk=(32, 32, 16)), {"coarse_epochs": (0, 1)})
    with pytest.raises(InputError, match=r"depth 5 cannot be trained: .*single voxel: double a side\."):
        grid_points(TrainingSettings(grid_shape_ijk=(32, 32, 16), coarse_epochs=0), {"depth": (4, 5)})


def test_deeper_network_than_the_coarse_passes_can_halve_learns_without_them() -> None:
    with pytest.raises(InputError, match=r"columns and rows are multiples of 64, .* Without coarse passes it fits"):
        TrainingSettings.from_preset("default", {"depth": 5})
    deeper = TrainingSettings.from_preset("default", {"depth": 5, "coarse_epochs": 0})
    network = build_network(architecture_of(deeper))
    assert all(side % step == 0 for side, step in zip(deeper.grid_shape_ijk[::-1], network.options.size_multiples))


def test_point_that_diverged_is_last() -> None:
    from radiologycnn.training.grid_search import _ranked

    task = HemorrhageTask(TrainingSettings(), simulate=2, device="cpu")
    rows = [
        {"point": "1", "validation_loss": "nan", "validation_dice": "0.9"},
        {"point": "2", "validation_loss": "0.5", "validation_dice": "0.4"},
        {"point": "3", "validation_loss": "0.6", "validation_dice": "0.7"},
    ]
    assert [row["point"] for row in _ranked(task, rows)] == ["3", "2", "1"]


@pytest.mark.parametrize(
    ("problem", "said_of_point", "said_of_all"),
    [
        ("came apart", "come apart", "come apart"),
        ("out of memory", "not enough memory for this point", "not enough memory to train at any point"),
    ],
)
def test_a_point_that_cannot_be_trained_does_not_end_the_search(
    heads, tmp_path, monkeypatch, problem: str, said_of_point: str, said_of_all: str
) -> None:
    validate = SegmentationLoop.validate

    def fails(loop: SegmentationLoop) -> dict[str, float]:
        if loop.settings.learning_rate < 0.01:
            return validate(loop)
        if problem == "out of memory":
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
        return validate(loop) | {"validation_loss": math.nan}

    monkeypatch.setattr(SegmentationLoop, "validate", fails)
    tiny = {**TINY_HEADS, "grid_shape_ijk": (32, 32, 16), "epochs": 1, "depth": 3}
    task = HemorrhageTask(TrainingSettings.from_preset("default", tiny), heads, device="cpu")
    said = []
    grid = {"learning_rate": (0.02, 0.002)}
    rows = search(task, tmp_path / "run", grid, progress=lambda _, text: said.append(text))
    assert [(row["point"], row["rank"]) for row in rows] == [("2", "1"), ("1", "2")]
    assert "validation_dice" in rows[0] and "validation_dice" not in rows[1]
    assert "problem" not in rows[0] and rows[1]["problem"] == problem
    assert any(text.startswith("Point 1") and said_of_point in text for text in said)
    assert [row["point"] for row in search(task, tmp_path / "run", grid, resume=True)] == ["2", "1"]
    assert [row["validation_dice"] == "" for row in rows_of(tmp_path / "run")] == [True, False]
    with pytest.raises(RadiologyCNNError, match=said_of_all):
        search(task, tmp_path / "other", {"learning_rate": (0.02,)})
    assert not (tmp_path / "other" / "best-settings.json").exists()


def test_search_needs_validation_cases(tmp_path) -> None:
    settings = TearSettings.from_preset("paper", {"grid_size": 16, "base_filters": 4})
    with pytest.raises(InputError, match="needs validation cases"):
        search(RotatorCuffTask(settings, simulate=2, device="cpu"), tmp_path / "run", {"batch_size": (2,)})
    assert not (tmp_path / "run").exists()  # known before the first scan is made


def test_settings_file_gives_back_what_it_holds_and_the_command_line_goes_before_it(tmp_path) -> None:
    path = tmp_path / "settings.json"
    settings = TrainingSettings.from_preset("paper", {"depth": 5, "seed": 7})
    write_settings(path, HemorrhageTask.name, settings)
    assert read_settings(path, HemorrhageTask.name, TrainingSettings) == settings
    changed = read_settings(path, HemorrhageTask.name, TrainingSettings, {"epochs": 3, "seed": None})
    assert (changed.epochs, changed.seed, changed.preset) == (3, 7, "paper")
    path.write_text('{"settings": {"preset": "paper", "learning_rate": 1}}')
    with pytest.raises(InputError, match="between 0 and 1"):
        read_settings(path, HemorrhageTask.name, TrainingSettings)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no json", "no file of training settings"),
        ('{"learning_rate": 0.1}', "no file of training settings"),
        ('{"task": "rotator-cuff-classification", "settings": {}}', "are for rotator-cuff-classification"),
        ('{"settings": {"lr": 0.1}}', "Unknown training settings: lr"),
        ('{"settings": {"epochs": "ten"}}', 'epochs takes a whole number; it cannot be "ten"'),
        ('{"settings": {"dropout": 2}}', "dropout of cnn_ds is 2.0, not within 0.0 to 0.95"),
        ('{"settings": {"preset": "best"}}', "no training preset"),
        (None, "cannot be read"),
    ],
)
def test_mistakes_in_a_settings_file_are_named(tmp_path, text: str | None, said: str) -> None:
    path = tmp_path / "settings.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=said):
        read_settings(path, HemorrhageTask.name, TrainingSettings)


def test_search_may_begin_with_a_models_weights(heads, tmp_path) -> None:
    tiny = {**TINY_HEADS, "grid_shape_ijk": (32, 32, 16), "epochs": 1}
    task = HemorrhageTask(TrainingSettings.from_preset("default", {**tiny, "depth": 3}), heads, device="cpu")
    package = task.run(tmp_path / "first", ModelName("tiny"))
    slow = task.with_settings(TrainingSettings.from_preset("default", {**tiny, "depth": 3, "frozen": "features"}))
    rows = search(slow, tmp_path / "search", {"learning_rate": (1e-9, 1e-8)}, start_from=package.path)
    with (tmp_path / "first" / "log.csv").open(newline="") as file:
        learned = list(csv.DictReader(file))[-1]
    assert [float(row["validation_loss"]) for row in rows] == pytest.approx(
        [float(learned["validation_loss"])] * 2, rel=1e-3
    )
    with pytest.raises(InputError, match=r"another network \(depth 3 there, 4 here\)"):
        search(slow, tmp_path / "other", {"depth": (3, 4)}, start_from=package.path)
