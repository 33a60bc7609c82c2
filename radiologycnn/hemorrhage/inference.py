"""From a head CT to a bleed's probability, mask and measurements: the one way for panel and command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from radiologycnn.errors import InputError
from radiologycnn.hemorrhage.expected_overlap import doubt_note, expected_dice, threshold_of_scan
from radiologycnn.hemorrhage.head_check import check_head_ct
from radiologycnn.hemorrhage.labels import LabelDefinition
from radiologycnn.hemorrhage.measurements import measure
from radiologycnn.hemorrhage.midline import Midline, estimate_midline
from radiologycnn.hemorrhage.preprocessing import NetworkInput, Preprocessing
from radiologycnn.hemorrhage.probability_map import PROBABILITY_FLOOR, ProbabilityMap
from radiologycnn.hemorrhage.results import Measurements
from radiologycnn.hemorrhage.skull import find_skull
from radiologycnn.hemorrhage.thresholding import mask_from_probability
from radiologycnn.hemorrhage.type_pieces import settle_types
from radiologycnn.images.affine import voxel_ml
from radiologycnn.images.checks import check_array
from radiologycnn.images.volume import Volume
from radiologycnn.inference_stages import Stages
from radiologycnn.loaded_model import LoadedModel
from radiologycnn.models.package import ModelPackage
from radiologycnn.networks.backends import NetworkBackend
from radiologycnn.progress import IsCancelled, Progress, never_cancelled, no_progress
from radiologycnn.tasks import HEMORRHAGE_TASK

# Where each stage ends, as measured for a 512 x 512 x 54 CT on two CPU cores; a GPU only makes the middle shorter.
_CHECKED, _PREPARED, _PREDICTED, _MAPPED = 0.03, 0.05, 0.90, 0.93


@dataclass(frozen=True)
class SegmentationResult:
    """What the network says of a scan.

    Attributes:
        probability_map: probability of each label on the scan's own grid, whole or where it matters.
        mask: uint8 label map, shape (K, J, I).
        threshold: probability from which a voxel is in the mask.
        measurements: of the mask.
        notes: sentences for the person, to be shown beside the result.
        provenance: JSON-able: versions, model and its hash, device, preprocessing, seconds per stage.
        labels: what the mask's values mean.
        expected_dice: of the best outline by the network's own probabilities; None of models of which it is not known
            that these can be trusted (``lowest_threshold``).
    """

    probability_map: ProbabilityMap
    mask: np.ndarray
    threshold: float
    measurements: Measurements
    notes: tuple[str, ...]
    provenance: Mapping[str, Any]
    labels: tuple[LabelDefinition, ...]
    expected_dice: float | None = None

    @property
    def probability(self) -> np.ndarray:
        """float32, shape (K, J, I) on the scan's own grid; (labels, K, J, I) where there are several."""
        return self.probability_map.whole


@dataclass(frozen=True)
class PreparedHead:
    """What can be known of a scan before anybody asks for its bleed.

    Attributes:
        network_input: whose ``volume`` has the scan's grid; its voxels are not kept.
        notes: sentences of the checks.
        midline: of the head; None where it was not looked for yet.
    """

    network_input: NetworkInput
    notes: tuple[str, ...]
    midline: Midline | None = None


def labels_of(package: ModelPackage) -> tuple[LabelDefinition, ...]:
    """The package's labels as records."""
    return tuple(LabelDefinition.from_dict(label) for label in package.labels)


class HemorrhageSegmenter(LoadedModel):
    """A model for the task "hemorrhage-segmentation", loaded and ready to segment scans; arguments as for its base."""

    TASK = HEMORRHAGE_TASK

    def __init__(self, package: ModelPackage, device: str = "auto", precision: str = "auto") -> None:
        super().__init__(package, device, precision)
        self.labels = labels_of(package)
        self.preprocessing = Preprocessing.from_dict(package.preprocessing)

    def _open(self, package: ModelPackage, device: str, precision: str) -> NetworkBackend:
        backend = super()._open(package, device, precision)
        if backend.label_count != len(package.labels):
            raise InputError(
                "bad-model",
                f"The model {package.id} has {backend.label_count} outputs but names {len(package.labels)} labels.",
                "Ask the model's author for a corrected package.",
            )
        return backend

    def prepare(self, volume: Volume, cancelled: IsCancelled = never_cancelled) -> PreparedHead:
        """Everything before the network, for :meth:`segment` of the same scan: it then gives the same, but sooner.

        Raises:
            InputError: the scan cannot be used.
            Cancelled: as ``cancelled`` said.
        """
        stages = Stages(no_progress, cancelled)
        prepared = self._prepare(volume, stages)
        stages.begin(_PREPARED, "Finding the midline")
        return replace(prepared, midline=estimate_midline(volume))

    def segment(
        self,
        volume: Volume,
        threshold: float | None = None,
        progress: Progress = no_progress,
        cancelled: IsCancelled = never_cancelled,
        log: Callable[[str], None] | None = None,
        prepared: PreparedHead | None = None,
    ) -> SegmentationResult:
        """Outline and measure the bleed.

        Args:
            volume: a head CT in HU.
            threshold: probability from which a voxel is in the mask; where None the model's operating threshold, which
                a model with a ``lowest_threshold`` lowers in scans that it is not sure of.
            progress: called with a fraction of the whole, 0-1, and the stage's name.
            cancelled: asked between stages and between layers of the network.
            log: called with a sentence at each fall-back; the same sentences are in the result's notes.
            prepared: of this scan, by :meth:`prepare`, where that was done before.

        Raises:
            InputError: the scan or the threshold cannot be used.
            ResourceError: not enough memory, on the CPU either.
            Cancelled: as ``cancelled`` said.
        """
        if threshold is not None and not 0 < threshold < 1:
            raise InputError("bad-threshold", f"The threshold {threshold:g} is not between 0 and 1.", "Use 0.5, say.")
        notes = self._first_notes(volume)
        stages = Stages(progress, cancelled)

        prepared = prepared or self._prepare(volume, stages)
        notes += prepared.notes
        network_input = replace(prepared.network_input, volume=volume)
        stages.begin(_PREPARED, "Running the network")
        outcome = self.backend.probability(network_input.array, stages, (_PREPARED, _PREDICTED), log)
        notes += outcome.fall_backs
        stages.begin(_PREDICTED, "Mapping the result onto the scan")
        # At the model's own threshold, so that types do not depend on where a person moves theirs.
        operating, lowest = self.package.operating_threshold, self.package.lowest_threshold
        settled = settle_types(outcome.value, operating, voxel_ml(network_input.ijk_to_lps))
        expected = None
        if lowest is not None:
            expected = expected_dice(settled[0] if len(settled) == 1 else settled.max(axis=0))
        if threshold is None:
            threshold = operating if lowest is None else threshold_of_scan(operating, lowest, expected)
        probability_map = ProbabilityMap(network_input, settled)
        crop, box = probability_map.above(min(PROBABILITY_FLOOR, threshold))
        mask = np.zeros(volume.array.shape, np.uint8)
        mask[box] = mask_from_probability(crop, threshold)
        stages.begin(_MAPPED, "Measuring")
        measurements = measure(mask, volume, self.labels, midline=prepared.midline, within=box)
        seconds = stages.end()
        if expected is not None and measurements.lesions and (doubt := doubt_note(expected, threshold, operating)):
            notes.insert(0, doubt)

        provenance = self._provenance(
            volume, outcome, seconds, threshold=threshold, preprocessing=self.preprocessing.to_dict()
        )
        return SegmentationResult(
            probability_map,
            mask,
            threshold,
            measurements,
            tuple(dict.fromkeys(notes)),
            provenance,
            self.labels,
            expected,
        )

    def _prepare(self, volume: Volume, stages: Stages) -> PreparedHead:
        stages.begin(0.0, "Checking the scan")
        check_array(volume)
        skull = find_skull(volume)
        notes = check_head_ct(volume, skull, cropped=self.preprocessing.crop == "head")
        stages.begin(_CHECKED, "Preparing the scan")
        network_input = self.preprocessing.prepare(volume, skull)
        # The voxels may lie in a file that is to go before the answer is asked for.
        grid_alone = replace(volume, array=np.broadcast_to(volume.array.dtype.type(0), volume.array.shape))
        return PreparedHead(replace(network_input, volume=grid_alone), tuple(notes))
