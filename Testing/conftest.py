"""What every test may ask for: the repository's root and the real images that are not part of the repository."""

import os
import tempfile
from pathlib import Path

import pytest

# Networks that tests compile are no business of the person's own cache; shared by all of a run's processes.
os.environ.setdefault("RADIOLOGYCNN_CACHE", str(Path(tempfile.gettempdir()) / "radiologycnn-test-cache"))

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED_DATA = REPOSITORY.parent / "shared" / "data"


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real test images beside the checkout; the test is skipped where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real test images are not here")
    return SHARED_DATA
