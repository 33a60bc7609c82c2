"""``radiologycnn evaluate`` as a person runs it, and the masks and tables that tests give it."""

from pathlib import Path

import numpy as np
from engine.terminal import output_of

MATRIX = np.diag([1.0, 1.0, 2.0, 1.0])


def run(*arguments: object) -> str:
    """What the command prints with these words; its errors are raised as they are."""
    return output_of("evaluate", *arguments)


def box(first: int) -> np.ndarray:
    """A mask (k, j, i) of 72 voxels, 3 x 6 x 4, that begins at this i."""
    mask = np.zeros((6, 12, 12), np.uint8)
    mask[1:4, 2:8, first : first + 4] = 1
    return mask


def table(path: Path, heading: str, *lines: str) -> Path:
    """Write a CSV file of these lines."""
    path.write_text("\n".join((heading, *lines)) + "\n", encoding="utf-8")
    return path
