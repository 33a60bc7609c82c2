"""What every test may ask for: the repository's root and the real images that are not part of the repository.

Each process that runs tests has a cache and a folder of installed models of its own: neither a person's own nor another
process's networks are seen or written.
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED_DATA = REPOSITORY.parent / "shared" / "data"

# Before torch is imported, which another conftest may do: small networks lose more by waiting for a second thread than
# they gain from it, the processes that run tests want the cores, and another number of threads moves last digits.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_configure(config: pytest.Config) -> None:
    folder = Path(tempfile.mkdtemp(prefix="radiologycnn-test-"))
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    os.environ["RADIOLOGYCNN_CACHE"] = str(folder / "cache")
    os.environ["RADIOLOGYCNN_MODELS"] = str(folder / "models")


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real test images beside the checkout; the test is skipped where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"the real test images are not here ({SHARED_DATA})")
    return SHARED_DATA


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], object]], Path]:
    """``made_once(name, make)``: the folder that ``make(folder)`` filled, once for all processes that run tests."""
    from radiologycnn.annotation.file_lock import file_lock

    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # each process has its own folder in that of the run

    def made(name: str, make: Callable[[Path], object]) -> Path:
        folder = base / "made-once" / name
        with file_lock(folder.with_suffix(".lock"), wait_s=900.0) as held:
            assert held, f"{name} is not made by another process"
            if not folder.is_dir():
                unfinished = folder.with_suffix(".unfinished")
                shutil.rmtree(unfinished, ignore_errors=True)
                unfinished.mkdir()
                make(unfinished)
                unfinished.rename(folder)
        return folder

    return made
