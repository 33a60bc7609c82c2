"""Benchmarked on a shoulder MRI: a simulated one of a usual size, and an untrained network of the paper's size.

Run as a program: ``python -m Testing.benchmarks.prepare_shoulder_mr FOLDER``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from Testing.benchmarks.prepare import save_random_model, save_scan

PAPER_MODEL = "random-vrn-1.0.0"


def write_scan(folder: Path) -> None:
    """Write an oblique-coronal shoulder of 512 x 512 voxels a slice, as the simulator makes it by default."""
    from radiologycnn.simulation.shoulder_mr import simulate_shoulder_mr

    save_scan(folder, simulate_shoulder_mr(0, seed=0).volume)


def write_random_model(folder: Path) -> None:
    """Write the paper's network with random weights: its time does not depend on them."""
    import torch

    from radiologycnn.networks.architectures import build_network
    from radiologycnn.rotatorcuff.preprocessing import Preprocessing
    from radiologycnn.rotatorcuff.tear_classes import class_records
    from radiologycnn.tasks import ROTATOR_CUFF_TASK

    torch.manual_seed(0)
    architecture = {"name": "vrn", "parameters": {}}
    description = {
        "task": ROTATOR_CUFF_TASK,
        "title": "Random weights, the paper's size",
        "architecture": architecture,
        "preprocessing": Preprocessing().to_dict(),
        "labels": class_records(),
    }
    save_random_model(folder, PAPER_MODEL.removesuffix("-1.0.0"), build_network(architecture).eval(), description)


def main() -> None:
    folder = Path(sys.argv[1])
    write_scan(folder)
    write_random_model(folder)


if __name__ == "__main__":
    main()
