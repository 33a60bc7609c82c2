"""A simulated population as files: image and mask per scan, table of all truths, manifest, contact sheet.

What all simulators share. A simulator gives a :class:`Population`: how to make scan number ``index``, what its row in
the table says and how its preview looks; this module writes, resumes, runs several processes and checks the settings.
"""

from __future__ import annotations

import csv
import itertools
import json
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from radiologycnn.errors import DISK_FULL, InputError, ResourceError
from radiologycnn.file_replacing import whole_file
from radiologycnn.images import write_image
from radiologycnn.images.volume import Volume
from radiologycnn.progress import Progress, no_progress
from radiologycnn.result_folder import check_result_folder
from radiologycnn.simulation.settings import SimulationSettings

SETTINGS_NAME = "simulation.json"
SHEET_ROWS = 24


class SimulatedScan(Protocol):
    """What every simulator returns."""

    @property
    def volume(self) -> Volume: ...

    @property
    def labels(self) -> np.ndarray:
        """uint8, on the volume's grid (K, J, I)."""

    @property
    def truth(self) -> dict[str, Any]:
        """What was drawn, JSON-able."""


def write_nifti(folder: Path, name: str, scan: SimulatedScan) -> None:
    """``<name>.nii.gz`` and ``<name>-mask.nii.gz`` on the same grid."""
    write_image(folder / f"{name}.nii.gz", scan.volume.array, scan.volume.ijk_to_lps)
    write_image(folder / f"{name}-mask.nii.gz", scan.labels, scan.volume.ijk_to_lps)


@dataclass(frozen=True)
class Population:
    """One kind of simulated scan. Its functions must be importable by name (other processes call them).

    Attributes:
        kind: first part of the scans' names, such as "head-ct".
        version: of the simulator; a folder holds one version's scans.
        simulate: (index, seed, config) to a scan.
        row: a scan's truth to its row in ``truth.csv``.
        columns: of ``truth.csv``, after "id".
        preview: a scan to a strip of pictures, uint8 (rows, columns, 3), the same size for every scan.
        write: (folder, name, scan): writes image and mask.
        file_names: (name) to the image's and the mask's file names, for the manifest.
        options: what else decides the scans' content, beside seed and settings.
        manifest: columns of the manifest beside id, image, mask and split, each with the column of ``truth.csv`` that
            it repeats.
        description: what ``dataset_description.json`` says; none is written where it is empty.
        people: kind whose fictitious people these are, where several populations show the same ones; else ``kind``.
        unit: what one of them is called.
    """

    kind: str
    version: str
    simulate: Callable[[int, int, SimulationSettings], SimulatedScan]
    row: Callable[[dict[str, Any]], dict[str, Any]]
    columns: tuple[str, ...]
    preview: Callable[[SimulatedScan], np.ndarray]
    write: Callable[[Path, str, SimulatedScan], None] = write_nifti
    file_names: tuple[str, str] = ("{}.nii.gz", "{}-mask.nii.gz")
    options: dict[str, Any] = field(default_factory=dict)
    manifest: dict[str, str] = field(default_factory=dict)
    description: dict[str, Any] = field(default_factory=dict)
    people: str = ""
    unit: str = "scan"

    def case_id(self, seed: int, index: int) -> str:
        """A scan's name, which its files begin with."""
        return f"{self.kind}-{seed}-{index:05d}"


def write_population(
    population: Population,
    folder: Path,
    count: int,
    seed: int,
    config: SimulationSettings,
    first: int = 0,
    jobs: int = 1,
    progress: Progress = no_progress,
) -> int:
    """Write scans ``first`` to ``first + count - 1``; those already there are kept, so an interrupted run goes on.

    Writes per scan the image and mask and ``<id>.json`` (truth); in all ``truth.csv``, ``cases.csv`` (the manifest
    that training reads) and ``simulation.json`` (the settings).

    Returns:
        How many were newly made.

    Raises:
        InputError: ``other-settings``: the folder holds scans of other settings; ``cannot-write``: nobody may write
            there.
        ResourceError: ``disk-full``; ``cannot-write``: a file has the folder's place, or what else the system refuses;
            ``simulation-process``: one of several processes was killed.
    """
    check_result_folder(folder)
    done = 0

    def stopping() -> None:
        progress(done / count, "Stopping after what is under way")

    try:
        folder.mkdir(parents=True, exist_ok=True)
        binds = _check_settings(population, folder, seed, config)
        indices = range(first, first + count)
        todo = [
            (population, folder, i, seed, config)
            for i in indices
            if not (folder / f"{population.case_id(seed, i)}.json").exists()
        ]
        done = count - len(todo)
        try:
            for _ in _run(todo, jobs, stopping):
                done += 1
                progress(done / count, f"{population.unit.capitalize()} {done} of {count}")
        finally:
            # Settings that were refused by the first scan must not bind the folder: the right ones come next.
            if binds and not any(folder.glob(f"{population.kind}-*")):
                (folder / SETTINGS_NAME).unlink(missing_ok=True)
        _write_tables(population, folder)
    except OSError as error:
        raise _cannot_write(folder, error) from error
    return len(todo)


def _cannot_write(folder: Path, error: OSError) -> InputError | ResourceError:
    if error.errno in DISK_FULL:
        return ResourceError(
            "disk-full",
            f"There is no space left for the scans in {folder}.",
            "Free some space, and run the same command again: it goes on with the scans that are missing.",
        )
    if isinstance(error, PermissionError):
        return InputError(
            "cannot-write",
            f"There is no permission to write to {folder}.",
            "Choose another folder, or change the rights on this one.",
        )
    return ResourceError(
        "cannot-write",
        f"The scans cannot be written to {folder}: {error.strerror or error}.",
        "Check the folder and the space on its disk, or choose another folder.",
    )


def _run(todo: list[tuple], jobs: int, stopping: Callable[[], None]) -> Iterator[None]:
    """Write all, and yield after each; ``stopping`` is called where an interrupt waits for the scans under way."""
    if jobs <= 1 or len(todo) < 2:
        yield from map(_write_one, todo)
        return
    items = iter(todo)
    try:
        with ProcessPoolExecutor(jobs, initializer=_let_the_scan_end) as pool:
            try:
                # No more than run at once: the pool would begin those that it has queued even when asked to stop.
                running = {pool.submit(_write_one, item) for item in itertools.islice(items, jobs)}
                while running:
                    ended, running = wait(running, return_when=FIRST_COMPLETED)
                    for future in ended:
                        yield future.result()
                    running |= {pool.submit(_write_one, item) for item in itertools.islice(items, len(ended))}
            except KeyboardInterrupt:
                stopping()
                raise
    except BrokenProcessPool as error:
        raise ResourceError(
            "simulation-process",
            f"One of the {jobs} processes was ended from outside, most likely because memory ran out: a scan of "
            "512 x 512 takes up to 1.5 GB.",
            "Run the same command with fewer --jobs; it goes on with the scans that are missing.",
        ) from error


def _let_the_scan_end() -> None:
    """For a process of the pool, which hears Ctrl-C too: finish the scan at the first one, end at the second."""
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:  # as scripts have it for what runs in the background
        signal.signal(signal.SIGINT, lambda *_: signal.signal(signal.SIGINT, signal.SIG_DFL))


def _write_one(item: tuple[Population, Path, int, int, SimulationSettings]) -> None:
    population, folder, index, seed, config = item
    scan = population.simulate(index, seed, config)
    name = population.case_id(seed, index)
    population.write(folder, name, scan)
    np.save(folder / f".{name}.preview.npy", population.preview(scan))
    # Last, as its presence says that the scan is whole.
    _write_text(folder / f"{name}.json", json.dumps(scan.truth, indent=1))


def _check_settings(population: Population, folder: Path, seed: int, config: SimulationSettings) -> bool:
    """Write the settings beside the scans, or compare them; whether the folder had none."""
    record = {"simulator": population.version, "seed": seed, **population.options, "config": config.to_dict()}
    text = json.dumps(record, indent=1, sort_keys=True)
    path = folder / SETTINGS_NAME
    is_new = not path.exists()
    if not is_new and path.read_text(encoding="utf-8") != text:
        raise InputError(
            "other-settings",
            f"{folder} holds scans of another seed, configuration or version of the simulator.",
            "Choose another folder.",
        )
    _write_text(path, text)
    return is_new


def _write_tables(population: Population, folder: Path) -> None:
    paths = sorted(folder.glob(f"{population.kind}-*.json"))
    truths = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    names = [population.case_id(truth["seed"], truth["index"]) for truth in truths]
    rows = [population.row(truth) for truth in truths]
    with (folder / "truth.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ("id", *population.columns), extrasaction="ignore")
        writer.writeheader()
        for name, row in zip(names, rows):
            writer.writerow({**row, "id": name})
    if population.description:
        _write_text(folder / "dataset_description.json", json.dumps(population.description, indent=1))
    with (folder / "cases.csv").open("w", newline="", encoding="utf-8") as file:
        manifest = csv.writer(file)
        manifest.writerow(("id", "image", "mask", "split", *population.manifest))
        for name, row in zip(names, rows):
            files = [pattern.format(name) for pattern in population.file_names]
            manifest.writerow((name, *files, "", *(row[column] for column in population.manifest.values())))


def _write_text(path: Path, text: str) -> None:
    with whole_file(path) as file:
        file.write(text.encode())


def shrunk(picture: np.ndarray, size: int) -> np.ndarray:
    """A picture (rows, columns) as float32 (size, size): means of what falls into each pixel, so that noise and edges
    look as in the large one; where there is less than a pixel for each, pixels are repeated.
    """
    picture = np.asarray(picture, np.float32)
    for axis in (0, 1):
        side = picture.shape[axis]
        starts = np.arange(size) * side // size
        if side <= size:
            picture = np.take(picture, starts, axis=axis)
            continue
        counts = np.diff([*starts, side]).astype(np.float32)
        picture = np.add.reduceat(picture, starts, axis=axis)
        picture /= counts[:, None] if axis == 0 else counts
    return picture


def outline(grey: np.ndarray, mask: np.ndarray, color_rgb: tuple[int, int, int] = (230, 40, 30)) -> np.ndarray:
    """A grey picture (uint8, rows x columns) with a mask's outline; uint8 (rows, columns, 3)."""
    tile = np.repeat(grey[..., None], 3, axis=2)
    inside = mask > 0
    edge = inside & ~(np.roll(inside, 1, 0) & np.roll(inside, -1, 0) & np.roll(inside, 1, 1) & np.roll(inside, -1, 1))
    tile[edge] = color_rgb
    return tile


def write_contact_sheet(population: Population, folder: Path, most: int = SHEET_ROWS) -> tuple[Path, int]:
    """``contact-sheet.png`` of the folder's first scans, a row each, in the order of their names, as ``truth.csv``.

    Returns:
        The file, and how many scans it leaves out.
    """
    import SimpleITK as sitk

    previews = sorted(folder.glob(f".{population.kind}-*.preview.npy"))
    strips = [np.load(path) for path in previews[:most]]
    path = folder / "contact-sheet.png"
    sitk.WriteImage(sitk.GetImageFromArray(np.concatenate(strips), isVector=True), str(path))
    return path, len(previews) - len(strips)
