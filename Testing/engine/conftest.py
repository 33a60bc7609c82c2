"""A model's folder, and a place for installed models that holds none yet."""

from pathlib import Path

import pytest


@pytest.fixture
def package_folder(tmp_path: Path) -> Path:
    """The hand-made model."""
    from engine.hand_made import make_package

    return make_package(tmp_path / "source").path


@pytest.fixture
def models_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The person's own folder, and no bundled models."""
    folder = tmp_path / "installed"
    monkeypatch.setenv("RADIOLOGYCNN_MODELS", str(folder))
    for module in ("catalog", "install"):
        monkeypatch.setattr(f"radiologycnn.models.{module}.bundled_models_folder", lambda: tmp_path / "bundled")
    return folder


@pytest.fixture
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Intervals of map figures by fewer draws, where nobody looks at them: the usual ones take a third of a report."""
    monkeypatch.setattr("radiologycnn.evaluation.localization._RESAMPLES", 50)
