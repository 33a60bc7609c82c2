"""Ways to write a simulated scan: as a DICOM series, and with the masks of several raters.

Each is what ``Population.write`` may be: called with folder, name and scan, and picklable for other processes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from radiologycnn.images import read_volume, write_image
from radiologycnn.images.grid import resample
from radiologycnn.simulation.acquired_slices import AcquiredSlices
from radiologycnn.simulation.dicom_series import SeriesIdentity, write_dicom_series
from radiologycnn.simulation.population import Population, SimulatedScan, write_nifti
from radiologycnn.simulation.raters import RaterConfig, draw_rater, rate
from radiologycnn.simulation.settings import SimulationSettings
from radiologycnn.simulation.shoulder_mr.scanner import PLANES
from radiologycnn.simulation.shoulder_mr.signal import WEIGHTINGS

_THIN_SHARE = 0.45  # of the slices, from below, that stay thin where the upper ones are joined


@dataclass(frozen=True)
class DicomWriter:
    """``<name>/slice-0001.dcm`` ..., and ``<name>-mask.nii.gz`` on the grid on which the series is read back.

    Attributes:
        kind: of the population ("head-ct"), for the fictitious patient's name.
        settings: text of the simulation's settings, from which UIDs are made.
        syntax: key of ``dicom_series.TRANSFER_SYNTAXES``.
        thick_vault: join the upper slices two by two, so that the gaps are uneven.
        lost_slice: leave one slice out of the middle of the series.
        study: 0 for a first examination, 1 for a follow-up.
    """

    kind: str
    settings: str
    syntax: str = "explicit"
    thick_vault: bool = False
    lost_slice: bool = False
    study: int = 0

    def __call__(self, folder: Path, name: str, scan: SimulatedScan) -> None:
        volume, truth = scan.volume, scan.truth
        protocol = truth.get("protocol", {})
        spacing = protocol.get("spacing_mm", 0.0)
        slices = AcquiredSlices.of(volume, spacing - protocol.get("slice_mm", spacing))
        if self.thick_vault:
            slices = slices.joined_above(max(1, round(_THIN_SHARE * len(slices.array))))
        if self.lost_slice:
            third = len(slices.array) // 3
            slices = slices.without(third + truth["index"] % max(third, 1))
        write_dicom_series(folder / name, slices, volume.modality, self.identity(scan), self.syntax)
        labels, matrix = scan.labels, volume.ijk_to_lps
        read = read_volume(folder / name)
        if read.array.shape != labels.shape or not np.allclose(read.ijk_to_lps, matrix, atol=1e-4):
            labels, matrix = resample(labels, matrix, read.ijk_to_lps, read.array.shape, "nearest"), read.ijk_to_lps
        write_image(folder / f"{name}-mask.nii.gz", labels, matrix)

    def identity(self, scan: SimulatedScan) -> SeriesIdentity:
        """Who the scan is of, and which series of which study it is."""
        truth = scan.truth
        acquisition = dict(scan.volume.provenance.get("acquisition", {}))
        description = acquisition.get("SeriesDescription", "")
        if scan.volume.modality == "CT":
            description = f"Head CT without contrast, {truth['slice_mm']:.1f} mm"
            acquisition |= {"BodyPartExamined": "HEAD", "ConvolutionKernel": "SIMULATED"}
        protocol = truth.get("protocol", {"plane": PLANES[0], "weighting": WEIGHTINGS[0]})
        # A number, and so UIDs, of its own for each series of a shoulder.
        series = PLANES.index(protocol["plane"]) + len(PLANES) * WEIGHTINGS.index(protocol["weighting"])
        return SeriesIdentity(
            self.kind.upper(),
            self.settings,
            truth["seed"],
            truth["index"],
            self.study,
            1 + series,
            description,
            truth.get("age_years"),
            acquisition,
        )


@dataclass(frozen=True)
class RatedWriter:
    """Writes the scan by ``write``, and raters' masks as ``rater-1/<name>-mask.nii.gz`` and so on.

    They lie on the grid of the true mask that ``write`` wrote.
    """

    raters: int
    write: Any = write_nifti
    seed: int = 0
    config: RaterConfig = field(default_factory=RaterConfig)

    def __call__(self, folder: Path, name: str, scan: SimulatedScan) -> None:
        self.write(folder, name, scan)
        truth = read_volume(folder / f"{name}-mask.nii.gz")
        for number in range(1, self.raters + 1):
            rater = draw_rater(number, self.seed, self.config)
            drawn = rate(scan.labels, scan.volume.spacing_mm, rater, scan.truth["index"], self.seed, self.config)
            drawn = resample(drawn, scan.volume.ijk_to_lps, truth.ijk_to_lps, truth.array.shape, "nearest")
            own = folder / f"rater-{number}"
            own.mkdir(exist_ok=True)
            (own / "rater.json").write_text(
                json.dumps({"rater": number, "skill": rater.skill, "bias_mm": rater.bias_mm}), encoding="utf-8"
            )
            write_image(own / f"{name}-mask.nii.gz", drawn, truth.ijk_to_lps)


def settings_text(version: str, config: SimulationSettings) -> str:
    """All that decides a population but its seed, as text for UIDs."""
    return json.dumps({"simulator": version, "config": config.to_dict()}, sort_keys=True)


def as_dicom(population: Population, config: SimulationSettings, **options: Any) -> Population:
    """The same population, written as DICOM series; options are the fields of :class:`DicomWriter`."""
    writer = DicomWriter(population.people or population.kind, settings_text(population.version, config), **options)
    return replace(
        population,
        write=writer,
        file_names=("{}", "{}-mask.nii.gz"),
        options={**population.options, "format": "dicom", **options},
    )


def with_raters(population: Population, raters: int, seed: int = 0) -> Population:
    """The same population with masks of that many raters."""
    writer = RatedWriter(raters, population.write, seed)
    return replace(population, write=writer, options={**population.options, "raters": raters})
