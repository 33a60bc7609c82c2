"""Benchmark of active learning: how well the measure of uncertainty finds the cases most worth correcting.

``python -m Testing.benchmarks.active_learning [--scans 16] [--matrix 256] [--seed 5151] [--output rows.csv]`` from the
repository's root. Simulated scans, so that the truth is known: the model segments each as the panel does, the
prediction is taken as it is kept with a case, and what a careful annotator would have to change is the truth against
the mask. Printed are the rank correlation of each measure with 1 - Dice and with the volume to be corrected, and both
in the first k cases of each order, beside random order (the mean of all cases) and the best order there is.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from radiologycnn.annotation.predictions import LEAST_PROBABILITY, SMOOTHING_ML, Prediction
from radiologycnn.hemorrhage.inference import HemorrhageSegmenter
from radiologycnn.images.volume import Volume
from radiologycnn.models.catalog import find_model

MEASURES = {
    "uncertainty": "1 - expected Dice",
    "correction_ml": "expected correction",
    "entropy": "entropy by volume",
    "volume_ml": "predicted volume",
}


def entropy_by_volume(probability: np.ndarray, threshold: float, voxel_ml: float) -> float:
    """Entropy in bits of all voxels by the volume of the mask, another measure that is in use, for comparison."""
    p = np.clip(probability[probability >= LEAST_PROBABILITY], 1e-6, 1 - 1e-6)
    bits = float(-(p * np.log2(p) + (1 - p) * np.log2(1 - p)).sum(dtype=np.float64)) * voxel_ml
    mask_ml = float(np.count_nonzero(probability >= threshold)) * voxel_ml
    return bits / (mask_ml + SMOOTHING_ML)


def simulated_scans(matrix: int, seed: int, first: int, last: int) -> Iterator[tuple[str, Volume, np.ndarray]]:
    """Kinds of bleeds, scan, and where blood is, of a population's scans ``first`` to ``last - 1``."""
    from radiologycnn.simulation.head_ct import HeadCtConfig, simulate_head_ct

    for index in range(first, last):
        scan = simulate_head_ct(index, seed, HeadCtConfig().with_matrix(matrix))
        yield "+".join(bleed["kind"] for bleed in scan.truth["bleeds"]) or "none", scan.volume, scan.mask > 0


def measure(segmenter: HemorrhageSegmenter, kinds: str, volume: Volume, truth: np.ndarray) -> dict[str, Any]:
    """What the model says of one scan, and what a careful annotator would have to change."""
    result = segmenter.segment(volume)
    voxel_ml = volume.voxel_volume_mm3 / 1000
    found = result.mask > 0
    expected = Prediction.of("", result.probability, result.threshold, voxel_ml, {})
    both = int(np.count_nonzero(found)) + int(np.count_nonzero(truth))
    return {
        "kinds": kinds,
        "dice": 2 * np.count_nonzero(found & truth) / both if both else 1.0,
        "to_correct_ml": np.count_nonzero(found ^ truth) * voxel_ml,
        "true_ml": np.count_nonzero(truth) * voxel_ml,
        "volume_ml": expected.volume_ml,
        "uncertainty": expected.uncertainty,
        "correction_ml": expected.correction_ml,
        "entropy": entropy_by_volume(result.probability, result.threshold, voxel_ml),
    }


def kept_rows(path: Path | None) -> list[dict[str, Any]]:
    """Rows of a run that was stopped."""
    if path is None or not path.is_file():
        return []
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [{name: value if name == "kinds" else float(value) for name, value in row.items()} for row in rows]


def keep_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    with path.open("w", newline="") as file:
        lines = csv.DictWriter(file, list(rows[0]))
        lines.writeheader()
        lines.writerows(rows)


def line_of(number: int, row: dict[str, Any]) -> str:
    return (
        f"{number:4d} {row['kinds']:14} true {row['true_ml']:6.1f} mL, found {row['volume_ml']:6.1f}, Dice "
        f"{row['dice']:.3f}, uncertainty {row['uncertainty']:.3f}, to correct {row['to_correct_ml']:6.2f} mL "
        f"(expected {row['correction_ml']:6.2f})"
    )


def report(rows: Sequence[dict[str, Any]]) -> str:
    """The figures as text."""
    column = {name: np.array([row[name] for row in rows], float) for name in rows[0] if name != "kinds"}
    error, work = 1 - column["dice"], column["to_correct_ml"]
    lines = [f"{len(rows)} scans, {sum(row['kinds'] == 'none' for row in rows)} without a bleed", ""]
    lines.append(f"{'rank correlation of':22}{'with 1 - Dice (p)':>22}{'with mL to correct (p)':>26}")
    for name, title in MEASURES.items():
        cells = []
        for truth in (error, work):
            found = spearmanr(column[name], truth)
            cells.append(f"{found.statistic:.2f} ({found.pvalue:.2g})")
        lines.append(f"{title:22}{cells[0]:>22}{cells[1]:>26}")
    for truth, title in ((error, "mean 1 - Dice"), (work, "mean mL to correct")):
        lines += ["", f"{title} in the first k cases"]
        counts = sorted({max(1, len(rows) // 4), max(1, len(rows) // 2)})
        lines.append(f"{'order':22}" + "".join(f"{f'k = {k}':>10}" for k in counts))
        for name, measure_title in MEASURES.items():
            order = np.argsort(-column[name], kind="stable")
            lines.append(f"{measure_title:22}" + "".join(f"{truth[order[:k]].mean():10.3f}" for k in counts))
        lines.append(f"{'random':22}" + "".join(f"{truth.mean():10.3f}" for _k in counts))
        lines.append(f"{'best there is':22}" + "".join(f"{np.sort(truth)[::-1][:k].mean():10.3f}" for k in counts))
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="the first installed one where it is not named")
    parser.add_argument("--scans", type=int, default=16)
    parser.add_argument("--matrix", type=int, default=256)
    parser.add_argument("--seed", type=int, default=5151)
    parser.add_argument("--output", type=Path, help="CSV of the rows; a run that was stopped goes on from it")
    chosen = parser.parse_args()
    segmenter = HemorrhageSegmenter(find_model(chosen.model, "hemorrhage-segmentation"))
    rows = kept_rows(chosen.output)
    for kinds, volume, truth in simulated_scans(chosen.matrix, chosen.seed, len(rows), chosen.scans):
        rows.append(measure(segmenter, kinds, volume, truth))
        print(line_of(len(rows), rows[-1]), flush=True)
        if chosen.output:
            keep_rows(chosen.output, rows)
    print(report(rows[: chosen.scans]))


if __name__ == "__main__":
    main()
