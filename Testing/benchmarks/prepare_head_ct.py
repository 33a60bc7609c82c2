"""Benchmarked on a head CT: a simulated one of a usual size, and networks whose last layer is fitted to it.

Run as a program: ``python -m Testing.benchmarks.prepare_head_ct FOLDER SIZE...``.
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import numpy as np

from Testing.benchmarks.prepare import save_random_model, save_scan

SHAPE_KJI = (54, 512, 512)
SLICE_MM = 3.0

#: Voxels of each kind that the read-out of random features is fitted to.
FITTED_VOXELS = 6000
FITTING_ROUNDS = 4
#: Logit of a voxel that the fit is sure of.
STEEPNESS = 8.0


def write_scan(folder: Path) -> tuple[Any, np.ndarray]:
    """Write a head CT with one deep bleed: ``scan.npy`` (HU, int16, KJI) and its matrix; the volume and its truth."""
    from radiologycnn.hemorrhage.head_check import check_head_ct
    from radiologycnn.simulation.head_ct.config import HeadCtConfig
    from radiologycnn.simulation.head_ct.simulate import simulate_head_ct

    config = HeadCtConfig()
    scanner = dataclasses.replace(
        config.scanner,
        matrix=SHAPE_KJI[2],
        slices=(SHAPE_KJI[0], SHAPE_KJI[0]),
        slice_mm=(SLICE_MM, SLICE_MM),
        gantry_tilt=0.0,
        missing_vertex=0.0,
    )
    bleeds = dataclasses.replace(
        config.bleeds,
        bleed_free=0.0,
        primary_weights={"iph": 1.0},
        location_weights={"deep": 1.0},
        ivh_extension=0.0,
        second_bleed=0.0,
    )
    scan = simulate_head_ct(0, seed=0, config=dataclasses.replace(config, scanner=scanner, bleeds=bleeds))
    assert scan.volume.array.shape == SHAPE_KJI
    check_head_ct(scan.volume)
    save_scan(folder, scan.volume)
    return scan.volume, scan.mask


def write_random_model(folder: Path, base_filters: int, volume: Any, truth: np.ndarray) -> None:
    """Write a model of the paper's structure with random weights that still outlines about the bleed.

    Only its last layer is fitted, to this one scan: what follows the network (mapping, measuring, showing) then has
    as much to do as after a trained one, which noise or an empty mask would not give it.
    """
    import torch

    from radiologycnn.hemorrhage.labels import HEMORRHAGE
    from radiologycnn.hemorrhage.preprocessing import Preprocessing
    from radiologycnn.networks.architectures import build_network

    torch.manual_seed(0)
    architecture = {"name": "cnn_ds", "parameters": {"base_filters": base_filters}}
    network = build_network(architecture).eval()
    prepared = Preprocessing().prepare(volume)
    _fit_last_layer(network, prepared.array, prepared.labels_to_network(truth) > 0)
    description = {
        "task": "hemorrhage-segmentation",
        "title": f"Random weights, {base_filters} base filters",
        "architecture": architecture,
        "preprocessing": Preprocessing().to_dict(),
        "labels": [HEMORRHAGE.to_dict()],
    }
    save_random_model(folder, f"random-base-{base_filters}", network, description)


def _fit_last_layer(network: Any, image: np.ndarray, truth: np.ndarray) -> None:
    """Least squares from the features below the last segmentation layer (3^3 neighbourhoods) to bleed or not.

    Voxels that the fit takes for blood by mistake are added to its examples, a few times over.
    """
    import torch

    last = network.segmentations[0]
    seen: list[torch.Tensor] = []
    hook = last.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0][0]))
    rng = np.random.default_rng(0)
    with torch.no_grad():
        network(torch.from_numpy(np.ascontiguousarray(image[None, None], np.float32)))
        hook.remove()
        for layer in network.segmentations:
            layer.weight.zero_()
            layer.bias.zero_()
        padded = torch.nn.functional.pad(seen[0], (1,) * 6)
        places = np.concatenate([_some(rng, truth), _some(rng, ~truth)])
        for _round in range(FITTING_ROUNDS):
            around = torch.stack([padded[:, k : k + 3, j : j + 3, i : i + 3].flatten() for k, j, i in places]).double()
            columns = torch.cat((around, torch.ones(len(around), 1, dtype=torch.double)), dim=1)
            wanted = torch.from_numpy(np.where(truth[tuple(places.T)], 1.0, -1.0))
            ridge = torch.eye(columns.shape[1], dtype=torch.double) * 1e-4 * len(columns)
            solution = STEEPNESS * torch.linalg.solve(columns.T @ columns + ridge, columns.T @ wanted)
            last.weight.copy_(solution[:-1].reshape(last.weight.shape))
            last.bias.fill_(float(solution[-1]))
            mistaken = (last(seen[0][None])[0, 0].numpy() > -STEEPNESS / 2) & ~truth
            places = np.concatenate([places, _some(rng, mistaken)])


def _some(rng: np.random.Generator, where: np.ndarray) -> np.ndarray:
    places = np.argwhere(where)
    return places[rng.choice(len(places), min(FITTED_VOXELS, len(places)), replace=False)]


def main() -> None:
    folder = Path(sys.argv[1])
    volume, truth = write_scan(folder)
    for base_filters in map(int, sys.argv[2:]):
        write_random_model(folder, base_filters, volume, truth)


if __name__ == "__main__":
    main()
