"""A newcomer's data folder, and copies of it that a test may break."""

import shutil
from pathlib import Path

import pytest
from engine.head_folder import write_head_folder


@pytest.fixture(scope="session")
def heads(tmp_path_factory) -> Path:
    """Three heads of three patients; no test writes there."""
    return write_head_folder(tmp_path_factory.mktemp("newcomer") / "heads", ("a", "b", "c"))


@pytest.fixture
def own(heads, tmp_path) -> Path:
    """A copy that a test may break."""
    return Path(shutil.copytree(heads, tmp_path / "heads"))
