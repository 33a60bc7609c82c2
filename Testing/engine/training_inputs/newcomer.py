"""A newcomer's tiny training, and mistakes in the table that it reads."""

from pathlib import Path

from engine.head_folder import TINY_HEADS

from radiologycnn.training.hemorrhage.run import preprocessing_of
from radiologycnn.training.hemorrhage.settings import TrainingSettings

SETTINGS = TrainingSettings.from_preset("default", {**TINY_HEADS, "grid_shape_ijk": (32, 32, 16), "epochs": 1})
GRID = preprocessing_of(SETTINGS)


def rewrite(folder: Path, before: str, after: str, encoding: str = "utf-8") -> None:
    """Replace words of the folder's table, which must stand there."""
    path = folder / "cases.csv"
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_bytes(text.replace(before, after).encode(encoding))
