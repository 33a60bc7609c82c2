"""Simulated head CTs as files: NIfTI image and mask, table of all truths, manifest for training, contact sheet."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from radiologycnn.errors import InputError, ResourceError
from radiologycnn.images import write_image
from radiologycnn.simulation.head_ct.config import HeadCtConfig
from radiologycnn.simulation.head_ct.simulate import SIMULATOR_VERSION, SimulatedHeadCt, simulate_head_ct

SETTINGS_NAME = "simulation.json"
TRUTH_COLUMNS = (
    "id", "kinds", "places", "volume_ml", "mask_ml", "median_hu", "midline_shift_mm", "age_years", "calcifications",
    "pixel_mm", "slice_mm", "slices", "gantry_tilt_deg", "rotation_deg",
)  # fmt: skip


def case_id(seed: int, index: int) -> str:
    return f"head-ct-{seed}-{index:05d}"


def write_population(
    folder: Path,
    count: int,
    seed: int,
    config: HeadCtConfig,
    first: int = 0,
    jobs: int = 1,
    progress: Callable[[float, str], None] | None = None,
) -> int:
    """Write scans ``first`` to ``first + count - 1``; those already there are kept, so an interrupted run goes on.

    Writes per scan ``<id>.nii.gz`` (HU), ``<id>-mask.nii.gz`` (label map, ``BLEED_LABELS``) and ``<id>.json`` (truth);
    in all ``truth.csv``, ``cases.csv`` (the manifest that training reads) and ``simulation.json`` (the settings).

    Returns:
        How many were newly made.

    Raises:
        InputError: the folder holds scans of other settings.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _check_settings(folder, seed, config)
        indices = range(first, first + count)
        todo = [(folder, i, seed, config) for i in indices if not (folder / f"{case_id(seed, i)}.json").exists()]
        done = count - len(todo)
        for _ in _run(todo, jobs):
            done += 1
            if progress:
                progress(done / count, f"Scan {done} of {count}")
        _write_tables(folder)
    except OSError as error:
        raise ResourceError(
            "cannot-write", f"The scans cannot be written to {folder}: {error.strerror or error}.", "Free some space."
        ) from error
    return len(todo)


def _run(todo: list[tuple], jobs: int):
    if jobs <= 1 or len(todo) < 2:
        yield from map(_write_one, todo)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(_write_one, todo)


def _write_one(item: tuple[Path, int, int, HeadCtConfig]) -> None:
    folder, index, seed, config = item
    scan = simulate_head_ct(index, seed, config)
    name = case_id(seed, index)
    write_image(folder / f"{name}.nii.gz", scan.volume.array, scan.volume.ijk_to_lps)
    write_image(folder / f"{name}-mask.nii.gz", scan.labels, scan.volume.ijk_to_lps)
    np.save(folder / f".{name}.preview.npy", preview(scan))
    # Last, as its presence says that the scan is whole.
    _write_text(folder / f"{name}.json", json.dumps(scan.truth, indent=1))


def _check_settings(folder: Path, seed: int, config: HeadCtConfig) -> None:
    record = {"simulator": SIMULATOR_VERSION, "seed": seed, "config": config.to_dict()}
    text = json.dumps(record, indent=1, sort_keys=True)
    path = folder / SETTINGS_NAME
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise InputError(
            "other-settings",
            f"{folder} holds scans of another seed, configuration or version of the simulator.",
            "Choose another folder.",
        )
    _write_text(path, text)


def _write_tables(folder: Path) -> None:
    truths = [json.loads(p.read_text(encoding="utf-8")) for p in sorted(folder.glob("head-ct-*.json"))]
    with (folder / "truth.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, TRUTH_COLUMNS, extrasaction="ignore")
        writer.writeheader()
        for truth in truths:
            bleeds = truth["bleeds"]
            writer.writerow(
                {
                    **truth,
                    "id": case_id(truth["seed"], truth["index"]),
                    "kinds": "+".join(b["kind"] for b in bleeds) or "none",
                    "places": "+".join(b["place"] for b in bleeds if b["place"]),
                    "calcifications": "+".join(truth["calcifications"]),
                    "rotation_deg": " ".join(map(str, truth["rotation_deg"])),
                }
            )
    with (folder / "cases.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("id", "image", "mask", "split"))
        for truth in truths:
            name = case_id(truth["seed"], truth["index"])
            writer.writerow((name, f"{name}.nii.gz", f"{name}-mask.nii.gz", ""))


def _write_text(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".part")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


def preview(scan: SimulatedHeadCt, columns: int = 8, size: int = 160) -> np.ndarray:
    """A strip of slices in the brain window (level 40, width 80 HU), the bleed's outline in red.

    Returns:
        uint8, (size, columns * size, 3).
    """
    array, mask = scan.volume.array, scan.mask
    slices = np.linspace(len(array) * 0.12, len(array) * 0.92, columns).round().astype(int)
    if mask.any():
        largest = int(mask.sum(axis=(1, 2)).argmax())
        slices[np.abs(slices - largest).argmin()] = largest
    step = np.linspace(0, array.shape[1] - 1, size).round().astype(int)
    tiles = []
    for k in slices:
        grey = np.clip(array[k][np.ix_(step, step)] / 80 * 255, 0, 255).astype(np.uint8)
        tile = np.repeat(grey[..., None], 3, axis=2)
        inside = mask[k][np.ix_(step, step)] > 0
        edge = inside & ~(
            np.roll(inside, 1, 0) & np.roll(inside, -1, 0) & np.roll(inside, 1, 1) & np.roll(inside, -1, 1)
        )
        tile[edge] = (230, 40, 30)
        tiles.append(tile)
    return np.concatenate(tiles, axis=1)


def write_contact_sheet(folder: Path, most: int = 24) -> Path:
    """``contact-sheet.png`` of the folder's first scans, a row each, in the order of their names."""
    import SimpleITK as sitk

    strips = [np.load(path) for path in sorted(folder.glob(".head-ct-*.preview.npy"))[:most]]
    path = folder / "contact-sheet.png"
    sitk.WriteImage(sitk.GetImageFromArray(np.concatenate(strips), isVector=True), str(path))
    return path
