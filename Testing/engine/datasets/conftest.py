"""The made-up data sets, written once."""

import shutil
from pathlib import Path

import pytest
from engine.datasets.made_up_folders import bhsd, ct_ich, instance


@pytest.fixture(scope="session")
def sources(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("data-sets")
    return {
        "bhsd": bhsd(folder / "bhsd"),
        "ct-ich": ct_ich(folder / "ct-ich"),
        "instance": instance(folder / "instance"),
    }


@pytest.fixture
def own_source(sources, tmp_path):
    """A copy that a test may break."""

    def copied(name: str) -> Path:
        return Path(shutil.copytree(sources[name], tmp_path / f"{name}-source"))

    return copied
