"""Simulated scans to try the panels with: which ones there are (light), and how to make them.

A sample is number ``index`` of the population with seed 0, so it is the same scan on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from radiologycnn.errors import InputError

if TYPE_CHECKING:
    from radiologycnn.images.volume import Volume
    from radiologycnn.simulation.population import SimulatedScan


#: ``SIMULATOR_VERSION`` of each population, without importing the simulators.
VERSIONS = {"head-ct": "8", "shoulder-mr": "2"}


@dataclass(frozen=True)
class Sample:
    """One scan that can be made.

    Attributes:
        key: identifier, for programs and file names.
        name: what a button and the scene call it; a shoulder's tells plane, weighting and side, as its DICOM header
            would, because the file that the scene loads has none.
        population: "head-ct" or "shoulder-mr".
        index: of the scan in the population with seed 0.
        matrix: rows and columns.
    """

    key: str
    name: str
    population: str
    index: int
    matrix: int

    @property
    def file_stem(self) -> str:
        """File name without ending; another number, size or simulator of a scan is another file."""
        return f"RadiologyCNN-{self.population}-{VERSIONS[self.population]}-{self.index}-{self.matrix}"


SAMPLES = (
    Sample("SimulatedHeadCT", "Simulated head CT, bleed", "head-ct", 17, 512),
    Sample("SimulatedHeadCTBleedFree", "Simulated head CT, no bleed", "head-ct", 9, 512),
    Sample("SimulatedShoulderMR", "Simulated shoulder MR, tear, OBL COR T2 FS, right", "shoulder-mr", 12, 384),
    Sample("SimulatedShoulderMRIntact", "Simulated shoulder MR, no tear, OBL COR PD FS, left", "shoulder-mr", 1, 384),
)


def find_sample(key: str) -> Sample:
    """The sample with this key.

    Raises:
        InputError: ``unknown-sample``.
    """
    for sample in SAMPLES:
        if sample.key == key:
            return sample
    raise InputError(
        "unknown-sample", f"There is no sample “{key}”.", "Samples: " + ", ".join(one.key for one in SAMPLES) + "."
    )


def simulate_sample(sample: Sample, coarser: dict[str, Any] | None = None) -> tuple[Volume, dict[str, Any]]:
    """The scan and its truth; ``coarser`` changes numbers of the scanner's settings, for quick tests."""
    scan = simulate_sample_scan(sample, coarser)
    return scan.volume, scan.truth


def simulate_sample_scan(sample: Sample, coarser: dict[str, Any] | None = None) -> SimulatedScan:
    """The same with its labels."""
    scanner = {"scanner": {"matrix": sample.matrix, **(coarser or {})}}
    if sample.population == "head-ct":
        from radiologycnn.simulation.head_ct import HeadCtConfig, simulate_head_ct

        return simulate_head_ct(sample.index, 0, HeadCtConfig.from_dict(scanner))
    from radiologycnn.simulation.shoulder_mr import ShoulderMrConfig, simulate_shoulder_mr

    return simulate_shoulder_mr(sample.index, 0, ShoulderMrConfig.from_dict(scanner))
