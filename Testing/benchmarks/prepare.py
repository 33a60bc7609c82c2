"""Scan and networks of a benchmark as files in a folder, from which the benchmark's panel takes them.

They are made by programs of their own (``prepare_head_ct``, ``prepare_shoulder_mr``): neither a simulator nor torch may
be in the process that plays Slicer, because its memory is measured.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[2]
SCAN, GEOMETRY, MODELS = "scan.npy", "scan.json", "models"


def prepare(program: str, folder: Path, *arguments: str) -> None:
    """Run a preparing program unless its scan is there already."""
    if not (folder / SCAN).exists():
        print("Preparing a scan and networks ...", file=sys.stderr, flush=True)
        command = [sys.executable, "-m", f"Testing.benchmarks.{program}", str(folder), *arguments]
        subprocess.run(command, check=True, cwd=REPOSITORY)


def save_scan(folder: Path, volume: Any) -> None:
    """Write a volume's voxels (KJI) and its matrix."""
    np.save(folder / SCAN, volume.array)
    (folder / GEOMETRY).write_text(json.dumps({"ijk_to_lps": volume.ijk_to_lps.tolist()}))


def load_scan(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Voxels (KJI) and the matrix from voxel index to RAS (4x4, mm)."""
    ijk_to_lps = np.array(json.loads((folder / GEOMETRY).read_text())["ijk_to_lps"])
    return np.load(folder / SCAN), np.diag([-1.0, -1.0, 1.0, 1.0]) @ ijk_to_lps


def save_random_model(folder: Path, name: str, network: Any, description: dict[str, Any]) -> None:
    """Write an untrained network as a model package, exported too, which says of itself what it is."""
    from radiologycnn.models.export import export_if_possible
    from radiologycnn.models.weights import save_package

    card = {
        "name": name,
        "version": "1.0.0",
        "operating_threshold": 0.5,
        "licence": "Apache-2.0",
        "intended_use": "Timing only.",
        "training_data": "None: random weights.",
        "simulated": True,
        "performance": {},
    }
    _, problem = export_if_possible(
        save_package(folder / MODELS / f"{name}-1.0.0", network.state_dict(), {**card, **description})
    )
    if problem:
        print(problem, file=sys.stderr)
