"""A place to run ``radiologycnn`` in: a scan, a model, and no other models."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from engine.command_line.heads import write_head
from engine.hand_made import make_package

from radiologycnn.cli import main
from radiologycnn.hemorrhage.preprocessing import Preprocessing


@pytest.fixture(scope="session")
def workplace(tmp_path_factory):
    """A folder with a scan and a model; its commands see no other models."""
    folder = tmp_path_factory.mktemp("workplace")
    write_head(folder / "head.nii.gz")
    make_package(folder / "hand-made", preprocessing=Preprocessing(grid_shape_ijk=(64, 64, 32)).to_dict())
    return folder


@pytest.fixture
def command(workplace, monkeypatch, capfd):
    """Runs the command as the terminal does, in this process: it need not import everything each time."""

    def run(*arguments, expect=0):
        monkeypatch.setenv("RADIOLOGYCNN_MODELS", str(workplace / "models"))
        monkeypatch.chdir(workplace)
        monkeypatch.setattr(sys, "argv", ["radiologycnn", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        stdout, stderr = capfd.readouterr()
        assert code == expect, stderr
        return SimpleNamespace(stdout=stdout, stderr=stderr)

    return run


@pytest.fixture
def process(workplace, repository):
    """Runs the command in a process of its own."""

    def run(*arguments):
        models = {"RADIOLOGYCNN_MODELS": str(workplace / "models"), "COLUMNS": "200"}
        return subprocess.run(
            [sys.executable, "-m", "radiologycnn.cli", *map(str, arguments)],
            capture_output=True,
            text=True,
            encoding="utf-8",
            env={**os.environ, "PYTHONPATH": str(repository), **models},
            cwd=workplace,
        )

    return run
