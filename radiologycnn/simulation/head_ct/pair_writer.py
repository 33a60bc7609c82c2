"""Baseline and follow-up pairs as files of a population: both scans, their masks, and what changed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from radiologycnn.simulation.case_writers import DicomWriter, settings_text
from radiologycnn.simulation.head_ct.config import HeadCtConfig
from radiologycnn.simulation.head_ct.pairs import FollowUpConfig, SimulatedPair, simulate_head_ct_pair
from radiologycnn.simulation.head_ct.simulate import SIMULATOR_VERSION
from radiologycnn.simulation.head_ct.writer import preview
from radiologycnn.simulation.population import Population, write_nifti

TRUTH_COLUMNS = (
    "change", "hours", "kinds", "baseline_ml", "follow_up_ml", "growth_ml", "baseline_mask_ml", "follow_up_mask_ml",
)  # fmt: skip


@dataclass(frozen=True)
class PairWriter:
    """``<name>-baseline`` and ``<name>-follow-up``, each as one scan."""

    baseline: Any = write_nifti
    follow_up: Any = write_nifti

    def __call__(self, folder: Path, name: str, pair: SimulatedPair) -> None:
        self.baseline(folder, f"{name}-baseline", pair.baseline)
        self.follow_up(folder, f"{name}-follow-up", pair.follow_up)


def head_ct_pair_population(settings: HeadCtConfig, dicom: dict[str, Any] | None = None) -> Population:
    """Pairs; the manifest lists the baseline scans.

    Args:
        dicom: fields of ``DicomWriter`` to write DICOM series; None for NIfTI. The follow-up is a second study of the
            same fictitious patient.
    """
    population = Population(
        "head-ct-pair", SIMULATOR_VERSION, simulate_head_ct_pair, truth_row, TRUTH_COLUMNS, pair_preview, PairWriter(),
        ("{}-baseline.nii.gz", "{}-baseline-mask.nii.gz"), {"follow_up": FollowUpConfig().__dict__},
        unit="pair",
    )  # fmt: skip
    if dicom is None:
        return population
    first = DicomWriter("head-ct", settings_text(SIMULATOR_VERSION, settings), **dicom)
    return replace(
        population,
        write=PairWriter(first, replace(first, study=1)),
        file_names=("{}-baseline", "{}-baseline-mask.nii.gz"),
        options={**population.options, "format": "dicom", **dicom},
    )


def truth_row(truth: dict[str, Any]) -> dict[str, Any]:
    """A pair's truth as one row of ``truth.csv``."""
    return {**truth, "kinds": "+".join(truth["kinds"]) or "none"}


def pair_preview(pair: SimulatedPair) -> np.ndarray:
    """The follow-up's strip under the baseline's."""
    return np.concatenate([preview(pair.baseline), preview(pair.follow_up)])
