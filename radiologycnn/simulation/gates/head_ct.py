"""Gates of the simulated head CT: what finds its bleeds without a network must find them badly."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from radiologycnn.evaluation.segmentation_metrics import overlap
from radiologycnn.images.volume import Volume
from radiologycnn.progress import Progress, no_progress
from radiologycnn.simulation.gates.bleed_quantiles import BleedFigures, bleed_figures
from radiologycnn.simulation.gates.classic_segmenters import THRESHOLDS_HU, Case, forest_dice, threshold_dice
from radiologycnn.simulation.gates.scikit_learn import need_scikit_learn
from radiologycnn.simulation.gates.table import Gate
from radiologycnn.simulation.head_ct import HeadCtConfig, simulate_head_ct

THRESHOLD_LIMIT = 0.5
#: The forest has to stay this far below the network, in mean Dice on the same scans.
BELOW_NETWORK = 0.10


def head_ct_gates(
    count: int,
    seed: int = 0,
    config: HeadCtConfig = HeadCtConfig(),
    network: Callable[[Volume], np.ndarray] | None = None,
    progress: Progress = no_progress,
    bleeds: list[BleedFigures] | None = None,
) -> list[Gate]:
    """Simulate ``count`` scans and try the simple segmenters on those that bleed.

    Args:
        network: gives the mask (K, J, I) that a trained network finds in a scan; the forest must stay below it.
        bleeds: receives the figures of every bleed.

    Raises:
        ResourceError: scikit-learn is not installed.
    """
    need_scikit_learn()
    cases, network_dice = [], []
    for index in range(count):
        scan = simulate_head_ct(index, seed, config)
        if bleeds is not None:
            bleeds += bleed_figures(scan)
        if scan.labels.any():
            cases.append(Case(scan.volume.array, scan.mask, scan.volume.spacing_mm))
            if network:
                network_dice.append(overlap(network(scan.volume) > 0, scan.mask > 0).dice)
        progress(0.7 * (index + 1) / count, f"Scan {index + 1} of {count}")
    return segmenter_gates(cases, network_dice, progress)


def segmenter_gates(
    cases: list[Case],
    network_dice: Sequence[float] = (),
    progress: Progress = no_progress,
) -> list[Gate]:
    """The gates of scans that are there already, all with a bleed.

    Args:
        network_dice: what a network reaches on each of them; empty: the forest's figure is told without a limit.
    """
    if len(cases) < 2:
        return [
            Gate("Threshold and largest part, mean Dice", None, THRESHOLD_LIMIT, "fewer than two scans with a bleed")
        ]
    by_threshold = np.array([threshold_dice(case) for case in cases])
    best = int(by_threshold.mean(axis=0).argmax())
    progress(0.8, "Forest")
    forest = np.array(forest_dice(cases))
    progress(1.0, "Done")
    how = f"{len(cases)} scans with a bleed"
    reached = float(np.mean(network_dice)) if len(network_dice) else None
    wanted = "" if reached is None else f"; to stay {BELOW_NETWORK:g} below the network"
    gates = [
        Gate(
            "Threshold and largest part, mean Dice",
            float(by_threshold.mean(axis=0)[best]),
            THRESHOLD_LIMIT,
            f"best threshold for these {how}: {THRESHOLDS_HU[best]} HU; median {np.median(by_threshold[:, best]):.3f}",
        ),
        Gate(
            "Best threshold of each scan, mean Dice",
            float(by_threshold.max(axis=1).mean()),
            None,
            "chosen with the truth in hand",
        ),
        Gate(
            "Random forest on local features, mean Dice",
            float(forest.mean()),
            None if reached is None else reached - BELOW_NETWORK,
            f"two halves, {how}; median {np.median(forest):.3f}{wanted}",
        ),
    ]
    if reached is not None:
        gates.append(Gate("Network, mean Dice", reached, None, f"{how}; median {np.median(network_dice):.3f}"))
    return gates
