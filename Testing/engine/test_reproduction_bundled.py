"""Finished models on unseen simulated scans: chosen seed and number of cases, no training, a report to keep."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from engine.hand_made import description
from typer.testing import CliRunner

from radiologycnn.cli import app
from radiologycnn.errors import InputError
from radiologycnn.hemorrhage.labels import BLEED_TYPES
from radiologycnn.images import write_image
from radiologycnn.models.catalog import bundled_model
from radiologycnn.models.weights import save_package
from radiologycnn.networks.architectures import build_network
from radiologycnn.reproduction.arab2020_types import lesion_types, type_figures
from radiologycnn.reproduction.settings import ReproductionSettings
from radiologycnn.reproduction.workspace import test_seed as seed_of_test_scans


def run(paper: str, output: Path, report: Path, *more: object) -> None:
    words = ["reproduce", paper, "--quick", "--models", "bundled", "--device", "cpu", "--seed", "31"]
    result = CliRunner().invoke(app, [*words, "-o", str(output), "--report", str(report), *map(str, more)])
    if isinstance(result.exception, InputError):
        raise result.exception
    assert result.exit_code == 0, result.output


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def check_small(report: Path, model: str) -> str:
    names = {path.name for path in report.iterdir()}
    assert names == {"report.md", "report.html", "tables.csv", "cases.csv"}
    assert sum(path.stat().st_size for path in report.iterdir()) < 2_000_000
    text = (report / "report.md").read_text(encoding="utf-8")
    assert (
        "No network was trained" in text and model in text and f"simulated test scans: {seed_of_test_scans(31)}" in text
    )
    return text


def test_head_model_beside_a_threshold(tmp_path, monkeypatch) -> None:
    output, report = tmp_path / "run", tmp_path / "report"
    run("arab2020", output, report, "--cases", "2")
    model = bundled_model("hemorrhage-segmentation")
    text = check_small(report, model.id)
    assert "## Table 3." in text and "| Main type" in text and "Threshold + largest component: Dice" in text
    cases = rows_of(report / "cases.csv")
    assert [row["method"] for row in cases] == ["cnn_ds"] * 2 + ["threshold"] * 2
    # The figures of the table are those of the cases with a bleed.
    table = {row["what"]: row["run"] for row in rows_of(report / "tables.csv")}
    for name, title in (("cnn_ds", "CNN-DS: Dice"), ("threshold", "Threshold + largest component: Dice")):
        dice = [float(row["dice"]) for row in cases if row["method"] == name and float(row["reference_ml"])]
        assert float(table[title].split(" ")[0]) == pytest.approx(np.mean(dice), abs=0.0051)
    assert not list((output / "methods").rglob("*.pt")) and not (output / "data" / "learning").exists()
    # Told anew from what is kept, by a program whose simulator has changed since: no network, and nothing changes.
    settings = output / "data" / "test" / "simulation.json"
    settings.write_text(settings.read_text().replace('"simulator": "', '"simulator": "0.'))
    masks = {path: path.stat().st_mtime_ns for path in (output / "masks").rglob("*.nii.gz")}
    before = (report / "cases.csv").read_bytes()
    with monkeypatch.context() as without:
        without.setattr("radiologycnn.reproduction.arab2020_run.make_segmenter", None)
        run("arab2020", output, report, "--cases", "2")
    assert "Simulator: version 0." in (report / "report.md").read_text(encoding="utf-8")
    assert {path: path.stat().st_mtime_ns for path in masks} == masks
    assert (report / "cases.csv").read_bytes() == before
    # The rest of a run is not tested with another model than its beginning.
    fit = output / "steps" / "fit-cnn_ds.json"
    fit.write_text(fit.read_text().replace(model.weights_sha256, "0" * 64))
    next((output / "masks" / "cnn_ds").glob("*.nii.gz")).unlink()
    with pytest.raises(InputError, match=f"began with the model {model.id}"):
        run("arab2020", output, report, "--cases", "2")


def test_shoulder_model_by_class_and_confounder(few_resamples, tmp_path) -> None:
    output, report = tmp_path / "run", tmp_path / "report"
    run("shim2020", output, report, "--cases", "2", "--repeats", "2")
    text = check_small(report, bundled_model("rotator-cuff-classification").id)
    assert "Always" in text and "At the model's threshold: accuracy" in text
    cases = rows_of(report / "cases.csv")
    truths = [json.loads(path.read_text()) for path in sorted((output / "data" / "test").glob("shoulder-mr-*.json"))]
    assert [row["side"] for row in cases] == [truth["side"] for truth in truths]
    table = {row["what"]: row["run"] for row in rows_of(report / "tables.csv") if "right answers" in row["table"]}
    for side in {row["side"] for row in cases}:
        own = [row for row in cases if row["side"] == side]
        right = sum(row["true_class"] == row["predicted"] for row in own)
        assert table[f"{side.capitalize()} shoulder"].split(" · ")[1] == f"{100 * right / len(own):.0f}"


def test_what_must_be_trained_is_refused() -> None:
    with pytest.raises(InputError, match="must be trained: forest"):
        ReproductionSettings.of("arab2020", models="bundled", methods=("cnn_ds", "forest"))
    with pytest.raises(InputError, match="A model was named"):
        ReproductionSettings.of("arab2020", model="hemorrhage-demo")
    assert ReproductionSettings.of("arab2020", models="bundled").methods == ("cnn_ds", "threshold")


def test_any_model_can_be_named() -> None:
    own = bundled_model("hemorrhage-segmentation")
    assert bundled_model("hemorrhage-segmentation", str(own.path)).weights_sha256 == own.weights_sha256
    with pytest.raises(InputError, match="not for rotator-cuff-classification"):
        bundled_model("rotator-cuff-classification", own.id)


def test_runs_of_older_versions_without_a_model_go_on() -> None:
    settings = ReproductionSettings.of("arab2020", "quick")
    record = json.loads(json.dumps(settings.to_dict()))
    del record["model"]
    assert settings.differing(record) == []
    assert ReproductionSettings.of("arab2020", "quick", models="bundled", model="x").differing(record)


def test_a_model_of_types_has_a_table_of_each(tmp_path) -> None:
    architecture = {"name": "cnn_ds", "parameters": {"base_filters": 2, "depth": 2, "out_labels": 5}}
    labels = [label.to_dict() for label in BLEED_TYPES.values()]
    network = build_network(architecture).state_dict()
    record = description(name="five", labels=labels, architecture=architecture, preprocessing={})
    model = save_package(tmp_path / "five-1.0.0", network, record)
    run("arab2020", tmp_path / "run", tmp_path / "report", "--cases", "2", "--methods", "cnn_ds", "--model", model.path)
    table = {row["what"]: row for row in rows_of(tmp_path / "run" / "tables" / "by-type.csv")}
    held = {title.split(":")[0] for title in table}
    assert held and held <= {label.name for label in BLEED_TYPES.values()}
    for name in held & {title.split(":")[0] for title in table if title.endswith("(mL)")}:
        assert {f"{name}: {what}" for what in ("Dice", "precision", "recall", "volume (mL)")} <= table.keys()
    assert "CNN-DS by type of bleed" in (tmp_path / "report" / "report.md").read_text(encoding="utf-8")


def test_lesions_are_counted_by_the_type_that_most_of_them_has(tmp_path) -> None:
    truth, found = np.zeros((2, 8, 20, 20), np.uint8)
    truth[1:4, 2:8, 2:8], found[1:4, 2:8, 2:6], found[1:4, 2:8, 6:8] = 1, 1, 3  # mostly right
    truth[1:4, 12:18, 2:8], found[1:4, 12:18, 2:8] = 1, 2
    truth[1:4, 2:8, 12:18] = 4  # not found
    truth[6, 18, 18] = 5  # too small to count
    assert lesion_types(found, truth, 0.01) == [("iph", "iph"), ("iph", "ivh"), ("edh", "none")]
    paths = [tmp_path / "found.nii.gz", tmp_path / "truth.nii.gz"]
    for path, mask in zip(paths, (found, truth)):
        write_image(path, mask, np.diag([2.0, 2.0, 2.5, 1.0]))  # voxels of 0.01 mL
    figures = type_figures([("a", *paths)])
    assert figures["lesions"] == {"iph": {"iph": 1, "ivh": 1}, "ivh": {}, "sdh": {}, "edh": {"none": 1}, "sah": {}}
    iph = next(row for row in figures["rows"] if row["type"] == "iph")
    assert iph["recall"] == pytest.approx(72 / 216) and iph["precision"] == 1.0
    write_image(paths[1], 9 * truth, np.diag([2.0, 2.0, 2.5, 1.0]))
    assert type_figures([("a", *paths)]) is None
