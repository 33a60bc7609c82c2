"""From a shoulder MR to a tear class and where the network saw it: the one way for panel and command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from radiologycnn.images.volume import Volume
from radiologycnn.inference_stages import Stages
from radiologycnn.loaded_model import LoadedModel
from radiologycnn.models.package import ModelPackage
from radiologycnn.models.preprocessing_record import refuse
from radiologycnn.networks.activation import METHODS, Activation
from radiologycnn.networks.backends import NetworkBackend, torch_reference
from radiologycnn.networks.feature_grid import feature_grid_ijk_to_lps, folded_grid
from radiologycnn.progress import IsCancelled, Progress, never_cancelled, no_progress
from radiologycnn.rotatorcuff.caution import caution
from radiologycnn.rotatorcuff.classifier_models import open_classifier, other_models
from radiologycnn.rotatorcuff.evidence import locate_evidence, right_handed
from radiologycnn.rotatorcuff.padding import without_padding
from radiologycnn.rotatorcuff.prepared_cuff import PreparedCuff, prepare_cuff
from radiologycnn.rotatorcuff.preprocessing import PreparedShoulder, Preprocessing
from radiologycnn.rotatorcuff.repeats import RepeatedRuns, RepeatRequest, changed_copies
from radiologycnn.rotatorcuff.results import CamEvidence, Classification
from radiologycnn.rotatorcuff.tear_classes import TARGETS
from radiologycnn.tasks import ROTATOR_CUFF_TASK

if TYPE_CHECKING:
    from radiologycnn.networks.torch_backend import TorchBackend

# Where each stage ends; with repeats the network's part is short and theirs is long.
_PREPARED, _PREDICTED_ONCE, _PREDICTED = 0.30, 0.40, 0.92


@dataclass(frozen=True)
class ClassificationResult:
    """What the network says of a scan.

    Attributes:
        classification: probabilities, class, region, and where the network looked.
        maps: float32, shape (methods, targets, k, j, i): raw activation maps, in units of the score.
        methods, targets: what the first two axes of ``maps`` are.
        maps_ijk_to_lps: 4x4 of the maps' grid, right-handed; the mirroring of a left shoulder is undone.
        notes: sentences for the person, to be shown beside the result.
        provenance: JSON-able: versions, model and its hash, device, preprocessing, seconds per stage.
        classes: the package's labels: value (class index + 1), name, color_rgb.
        model_card: the package's, JSON-able.
    """

    classification: Classification
    maps: np.ndarray
    methods: tuple[str, ...]
    targets: tuple[int | str, ...]
    maps_ijk_to_lps: np.ndarray
    notes: tuple[str, ...]
    provenance: Mapping[str, Any]
    classes: tuple[Mapping[str, Any], ...]
    model_card: Mapping[str, Any]

    @property
    def caution(self) -> str:
        """Why the answer is not to be relied on, as a sentence; "" where nothing of that kind is known."""
        return caution(self.classification, self.notes, self.provenance)


class RotatorCuffClassifier(LoadedModel):
    """A model for the task "rotator-cuff-classification", loaded and ready to classify scans; arguments as its base."""

    TASK = ROTATOR_CUFF_TASK

    def __init__(self, package: ModelPackage, device: str = "auto", precision: str = "auto") -> None:
        super().__init__(package, device, precision)
        self.preprocessing = Preprocessing.from_dict(package.preprocessing)
        folded = package.architecture.get("parameters", {}).get("pixel_unshuffle", 1)
        if folded != self.preprocessing.in_plane_factor:
            refuse([f"'in_plane_factor' is not the network's 'pixel_unshuffle', {folded}"])
        self._wish = (device, precision)
        self._reference: TorchBackend | None = None

    def _open(self, package: ModelPackage, device: str, precision: str) -> NetworkBackend:
        return open_classifier(package, device, precision)

    @property
    def methods(self) -> tuple[str, ...]:
        """How this network's evidence can be mapped: a class activation map needs a linear head."""
        return METHODS if self.backend.head_is_linear else ("grad_cam",)

    def prepare(
        self,
        volume: Volume,
        roi: Mapping[str, Any] | None = None,
        side: str | None = None,
        cancelled: IsCancelled = never_cancelled,
    ) -> PreparedCuff:
        """Everything before the network, for :meth:`classify` with the same arguments: it gives the same, but sooner.

        Raises:
            InputError: the scan, region or side cannot be used.
            Cancelled: as ``cancelled`` said.
        """
        return prepare_cuff(volume, self.preprocessing, roi, side, Stages(no_progress, cancelled))

    def classify(
        self,
        volume: Volume,
        roi: Mapping[str, Any] | None = None,
        side: str | None = None,
        repeats: Mapping[str, Any] | None = None,
        progress: Progress = no_progress,
        cancelled: IsCancelled = never_cancelled,
        log: Callable[[str], None] | None = None,
        block: int | None = None,
        prepared: PreparedCuff | None = None,
    ) -> ClassificationResult:
        """Class and evidence of one shoulder.

        Args:
            volume: an oblique-coronal MR.
            roi: ``{"centre_lps_mm", "edge_mm"}`` of a person; None finds the humeral head.
            side: "left" or "right"; None goes by the scan.
            repeats: ``{"method", "count"}``, see ``RepeatRequest``; the answer itself is always that of the plain run,
                which the maps belong to.
            progress: called with a fraction of the whole, 0-1, and the stage's name.
            cancelled: asked between stages, layers and repeats.
            log: called with a sentence at each fall-back; the same sentences are in the result's notes.
            block: maps of this block by Grad-CAM alone: a finer grid with less meaning. None: the last features.
            prepared: of this scan, region and side, by :meth:`prepare`, where that was done before.

        Raises:
            InputError: the scan, region, side or repeats cannot be used.
            ResourceError: not enough memory, on the CPU either; or what was asked for needs torch, which is not there.
            Cancelled: as ``cancelled`` said.
        """
        request = RepeatRequest.from_dict(repeats) if repeats else None
        backend = self._backend_for(request, block)
        stages = Stages(progress, cancelled)
        notes = self._first_notes(volume)
        prepared = prepared or prepare_cuff(volume, self.preprocessing, roi, side, stages)
        notes += prepared.notes
        shoulder, location = prepared.shoulder, prepared.location
        stages.begin(_PREPARED, "Running the network")
        end = _PREDICTED_ONCE if request else _PREDICTED
        methods = self.methods if block is None else ("grad_cam",)
        outcome = backend.activation(shoulder.array, TARGETS, methods, stages, (_PREPARED, end), block, log)
        activation = outcome.value
        notes += outcome.fall_backs
        runs: RepeatedRuns | None = None
        if request and request.method == "models":
            stages.begin(_PREDICTED_ONCE, "Asking other models")
            edge_mm = (roi or {}).get("edge_mm")
            runs = self._models_compared(request, activation.probabilities, volume, prepared, edge_mm, stages)
        elif request:
            stages.begin(_PREDICTED_ONCE, "Repeating")
            runs = RepeatedRuns(request, self.repeated(request, shoulder, stages, log), (self.package.id,))
        stages.begin(_PREDICTED, "Locating the evidence")
        maps, maps_matrix, evidence = self._evidence(activation, shoulder)
        answer = self._answer(activation.probabilities, runs, evidence, prepared)
        notes += _notes_on_answer(answer)
        seconds = stages.end()

        provenance = self._provenance(
            volume,
            outcome,
            seconds,
            preprocessing=self.preprocessing.to_dict(),
            series=location.series.to_dict(),
            humeral_head_found=location.found,
            repeats=runs.record() if runs else None,
            grad_cam_block=block,
        )
        return ClassificationResult(
            answer,
            maps,
            tuple(dict.fromkeys(one.method for one in activation.maps)),
            TARGETS,
            maps_matrix,
            tuple(dict.fromkeys(notes)),
            provenance,
            tuple(dict(label) for label in self.package.labels),
            {name: value for name, value in self.package.card().items() if name not in ("path", "problem")},
        )

    def _backend_for(self, request: RepeatRequest | None, block: int | None) -> NetworkBackend:
        """The backend; torch's where only torch can do what is asked for."""
        if request is not None and request.method == "mc_dropout":
            backend = self._torch("Repeating with dropout")
            backend.check_dropout()
        elif block is not None:
            backend = self._torch("Grad-CAM at an earlier block")
        else:
            return self.backend
        backend.check_block(block)
        return backend

    def _torch(self, purpose: str) -> TorchBackend:
        if self.backend.name == "torch":
            return cast("TorchBackend", self.backend)
        self._reference = self._reference or torch_reference(self.package, purpose)
        return self._reference

    def repeated(
        self,
        request: RepeatRequest,
        prepared: PreparedShoulder,
        stages: Stages | None = None,
        log: Callable[[str], None] | None = None,
    ) -> np.ndarray:
        """Probabilities of each run of "mc_dropout" or "tta", float64, shape (count, classes)."""
        stages, part = stages or Stages(), (_PREDICTED_ONCE, _PREDICTED)
        if request.method == "mc_dropout":
            network = self._torch("Repeating with dropout")
            return network.dropout_probabilities(prepared.array, request.count, request.seed, stages, part, log).value
        voxel_mm = prepared.region.edge_mm / np.array(self.preprocessing.shape)
        step = stages.within(*part)
        return self.backend.probabilities(
            lambda: changed_copies(prepared.array, voxel_mm, request.count, request.seed, step), stages, log
        ).value

    def _models_compared(
        self,
        request: RepeatRequest,
        own: np.ndarray,
        volume: Volume,
        prepared: PreparedCuff,
        edge_mm: float | None,
        stages: Stages,
    ) -> RepeatedRuns:
        """This model's probabilities, ``own``, and those of others, each with its own preprocessing, around one centre.

        ``edge_mm`` of the cube is a person's; None takes each model's own.
        """
        others = other_models(request, self.package)
        volume = without_padding(volume)
        step = stages.within(_PREDICTED_ONCE, _PREDICTED)
        rows = [own]
        for number, package in enumerate(others):
            step(number / len(others))
            other = RotatorCuffClassifier(package, *self._wish)
            region = other.preprocessing.region(volume, prepared.location.region.centre_lps_mm, edge_mm)
            image = other.preprocessing.prepare(volume, region, prepared.side).array
            rows.append(_probabilities(other.backend, image, stages))
        return RepeatedRuns(request, np.stack(rows), (self.package.id, *(package.id for package in others)))

    def _evidence(
        self, activation: Activation, prepared: PreparedShoulder
    ) -> tuple[np.ndarray, np.ndarray, tuple[CamEvidence, ...]]:
        """Maps (methods, targets, k, j, i) on a right-handed grid, its matrix, and where the network looked."""
        offset = self.backend.halving_offset
        matrix, shape = folded_grid(prepared.ijk_to_lps, prepared.array.shape, self.preprocessing.in_plane_factor)
        evidence = locate_evidence(activation.maps, matrix, shape, offset)
        stacked = np.stack([one.raw for one in activation.maps])
        maps = stacked.reshape(-1, len(TARGETS), *stacked.shape[1:])
        grid = feature_grid_ijk_to_lps(matrix, shape, maps.shape[2:], offset)
        return (*right_handed(maps, grid), evidence)

    def _answer(
        self,
        probabilities: np.ndarray,
        runs: RepeatedRuns | None,
        evidence: tuple[CamEvidence, ...],
        prepared: PreparedCuff,
    ) -> Classification:
        series = prepared.location.series
        return Classification(
            probabilities=tuple(probabilities.tolist()),
            predicted=int(probabilities.argmax()),
            tear_probability=float(probabilities[1:].sum()),
            repeats=runs.summary() if runs else None,
            side=prepared.side,
            mirrored=prepared.shoulder.mirrored,
            plane=series.plane,
            weighting=series.weighting,
            roi=prepared.location.region,
            evidence=evidence,
            tear_threshold=self.package.operating_threshold,
        )


def _probabilities(backend: NetworkBackend, image: np.ndarray, stages: Stages) -> np.ndarray:
    """float64, shape (classes), of an image, shape (K, J, I)."""
    return backend.probabilities(lambda: [image], stages).value[0]


def _notes_on_answer(answer: Classification) -> list[str]:
    """A sentence where the most probable class and the tear probability say different things."""
    says_tear = answer.tear_probability >= answer.tear_threshold
    share = f"{100 * answer.tear_probability:.0f} %"
    if answer.predicted == 0 and says_tear:
        return [
            f"No single class of tears is as probable as None, but a tear of any size has {share}, at or above the "
            f"model's threshold of {100 * answer.tear_threshold:.0f} %."
        ]
    if answer.predicted != 0 and not says_tear:
        return [
            f"The most probable class is a tear, but a tear of any size has only {share}, below the model's threshold "
            f"of {100 * answer.tear_threshold:.0f} %."
        ]
    return []
