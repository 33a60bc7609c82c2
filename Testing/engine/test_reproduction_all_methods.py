"""Every method of both papers once through the command: a quick run as small as its options allow, up to its report."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from engine.reproduced_folder import check_report, contents
from typer.testing import CliRunner

from radiologycnn.cli import app
from radiologycnn.models.package import WEIGHTS_NAME
from radiologycnn.reproduction.settings import ARAB_METHODS, OPTIONAL_ARAB_METHODS, SHIM_METHODS

SMALLEST = ("--quick", "--training", "2", "--validation", "1", "--test", "2", "--epochs", "1", "--device", "cpu")
#: The papers' own tables, and where each method has its figures.
ARAB_TABLES = (
    "table-1-demographics", "table-2-agreement", "table-3-methods", "table-4-ablation", "table-5-hyper-parameters",
    "text-figures", "tests-between-methods", "beyond-overlap",
)  # fmt: skip
SHIM_TABLES = (
    "table-1-classes", "table-2-binary", "table-3a-groups", "table-3b-top1", "table-3c-top1-within-one",
    "table-3d-sensitivity", "table-3e-specificity", "table-3f-seconds", "one-run", "confusion", "against-readers",
    "networks", "localization", "text-readers-binary", "by-shoulder",
)  # fmt: skip
SHIM_FIGURES = ("figure-4-groups", "figure-5-maps", "figure-confusion", "figure-recall", "figure-calibration")


def reproduced(paper: str, folder: Path, *more: str) -> dict[str, dict[str, str]]:
    """This run's column of every table, by table and row."""
    done = CliRunner().invoke(app, ["reproduce", paper, *SMALLEST, *more, "-o", str(folder)], catch_exceptions=False)
    assert done.exit_code == 0 and "report.html" in done.output
    assert (folder / "report.html").stat().st_size > 10_000
    tables = {}
    for path in (folder / "tables").glob("*.csv"):
        with path.open(newline="", encoding="utf-8") as file:
            tables[path.stem] = {row[0]: row[2] for row in list(csv.reader(file))[1:]}
    return tables


def title_of(folder: Path, method: str) -> str:
    return json.loads((folder / "steps" / f"fit-{method}.json").read_text(encoding="utf-8"))["value"]["title"]


def is_number(text: str) -> bool:
    return re.match(r"[-+]?\d", text) is not None


@pytest.mark.slow
def test_arab_compares_every_method(tmp_path) -> None:
    pytest.importorskip("monai", reason="MONAI, whose DynUNet is a peer, is not installed")
    methods = (*ARAB_METHODS, *OPTIONAL_ARAB_METHODS)
    tables = reproduced("arab2020", tmp_path, "--methods", ",".join(methods))
    assert set(ARAB_TABLES) <= set(tables)
    for method in methods:
        table, title = tables["table-3-methods"], title_of(tmp_path, method)
        if method == "cnn_ds_without":
            table, title = tables["table-4-ablation"], "Without DS"
        for figure in ("Dice", "Precision", "Recall", "time (s)"):
            assert is_number(table[f"{title}: {figure}"]), (method, figure)
    assert is_number(tables["table-4-ablation"]["With DS: Dice"])
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    # What each method learns otherwise than CNN-DS, and where its threshold lies.
    for words in ("deep supervision, nnU-Net", "the augmentation that the networks learn"):
        assert words in page
    for method in methods:
        facts = json.loads((tmp_path / "steps" / f"fit-{method}.json").read_text(encoding="utf-8"))["value"]["facts"]
        assert facts.keys() & {"threshold", "threshold_hu"}, method


@pytest.mark.slow
def test_shim_compares_every_network_and_repeats_by_networks_of_other_seeds(few_resamples, tmp_path) -> None:
    more = ("--repeats", "3", "--repeat-method", "seeds")
    tables = reproduced("shim2020", tmp_path, *more)
    for method in SHIM_METHODS:
        title = title_of(tmp_path, method)
        for figure in ("binary accuracy", "top-1", "top-1±1", "time for a case"):
            assert is_number(tables["networks"][f"{title}: {figure}"]), (method, figure)
    page = check_report(tmp_path, SHIM_TABLES, SHIM_FIGURES)
    assert "Human readers of this run are simulated" in page and "simulated scans and readers" in page
    assert "3 repeats by networks trained from other seeds" in page
    assert any("over cases and repeats" in what for what in tables["repeats"])
    with (tmp_path / "cases.csv").open(newline="", encoding="utf-8") as file:
        assert [row["method"] for row in csv.DictReader(file)] == [name for name in SHIM_METHODS for _ in range(2)]

    weights = [tmp_path / "methods" / name / "model" / WEIGHTS_NAME for name in ("vrn", "vrn-seed-1", "vrn-seed-2")]
    assert len({path.read_bytes() for path in weights}) == 3
    runs = [np.load(path)["runs"] for path in sorted((tmp_path / "answers" / "vrn").glob("*.npz"))]
    assert [one.shape for one in runs] == [(3, 5)] * 2
    assert all(np.abs(one[0] - one[number]).max() > 0 for one in runs for number in (1, 2))

    before = contents(tmp_path)  # a finished run is only read
    reproduced("shim2020", tmp_path, *more)
    assert contents(tmp_path) == before
