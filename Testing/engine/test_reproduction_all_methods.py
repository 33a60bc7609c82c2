"""Every method of both papers once through the command: a quick run as small as its options allow, up to its report."""

import csv
import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from radiologycnn.cli import app
from radiologycnn.reproduction.settings import ARAB_METHODS, OPTIONAL_ARAB_METHODS, SHIM_METHODS

SMALLEST = ("--quick", "--training", "2", "--validation", "1", "--test", "2", "--epochs", "1", "--device", "cpu")
#: The papers' own tables, and where each method has its figures.
ARAB_TABLES = (
    "table-1-demographics", "table-2-agreement", "table-3-methods", "table-4-ablation", "table-5-hyper-parameters",
    "text-figures", "tests-between-methods", "beyond-overlap",
)  # fmt: skip
SHIM_TABLES = (
    "table-1-classes", "table-2-binary", "table-3a-groups", "table-3b-top1", "table-3c-top1-within-one",
    "table-3d-sensitivity", "table-3e-specificity", "table-3f-seconds", "networks",
)  # fmt: skip


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
def test_shim_compares_every_network(tmp_path) -> None:
    tables = reproduced("shim2020", tmp_path, "--repeats", "2")
    assert set(SHIM_TABLES) <= set(tables)
    for method in SHIM_METHODS:
        title = title_of(tmp_path, method)
        for figure in ("binary accuracy", "top-1", "top-1±1", "time for a case"):
            assert is_number(tables["networks"][f"{title}: {figure}"]), (method, figure)
