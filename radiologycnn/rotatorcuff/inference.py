"""From a shoulder MR to a tear class and where the network saw it: the one way for panel and command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from radiologycnn import __version__
from radiologycnn.errors import InputError
from radiologycnn.images.volume import Volume
from radiologycnn.inference_stages import Stages
from radiologycnn.models.package import SIMULATED_NOTE, ModelPackage
from radiologycnn.networks.activation import METHODS, Activation, feature_grid_ijk_to_lps
from radiologycnn.networks.backends import NetworkBackend, torch_reference
from radiologycnn.rotatorcuff.classifier_models import open_classifier, other_models, probabilities_of_others
from radiologycnn.rotatorcuff.evidence import locate_evidence, right_handed
from radiologycnn.rotatorcuff.location import Location, check_scan, chosen_side, locate
from radiologycnn.rotatorcuff.padding import without_padding
from radiologycnn.rotatorcuff.preprocessing import PreparedShoulder, Preprocessing
from radiologycnn.rotatorcuff.repeats import RepeatRequest, changed_copies, summarize
from radiologycnn.rotatorcuff.results import CamEvidence, Classification, RepeatSummary
from radiologycnn.rotatorcuff.tear_classes import TARGETS
from radiologycnn.tasks import ROTATOR_CUFF_TASK

# Where each stage ends; with repeats the network's part is short and theirs is long.
_CHECKED, _LOCATED, _PREPARED, _PREDICTED = 0.05, 0.25, 0.30, 0.92
_PREDICTED_ONCE = 0.40


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


@dataclass(frozen=True)
class PreparedCuff:
    """What can be known of a scan before anybody asks for its class.

    Attributes:
        shoulder: the network's input.
        location: where the network is to look.
        side: "left", "right" or "unknown".
        notes: sentences of all of that.
    """

    shoulder: PreparedShoulder
    location: Location
    side: str
    notes: tuple[str, ...]


class RotatorCuffClassifier:
    """A model, loaded and ready to classify scans.

    Args:
        package: a model for the task "rotator-cuff-classification".
        device: "auto" (CUDA if there is one, else the best way on the CPU), "cpu", "openvino", "torch-cpu", "cuda" or
            "cuda:<number>"; see ``open_backend``.
        precision: "auto", "float32", "bfloat16" or "float16".

    Attributes:
        device: that is used first; its ``type`` is "cpu" or "cuda".
        device_name: the device in words, with the backend where it is not torch.
        backend: runs the network.

    Raises:
        InputError: the model is not for this task or damaged, or the device does not exist.
        ResourceError: what runs the network is not installed.
    """

    def __init__(self, package: ModelPackage, device: str = "auto", precision: str = "auto") -> None:
        if package.task != ROTATOR_CUFF_TASK:
            raise InputError(
                "wrong-task",
                f"The model {package.id} is for {package.task}, not for the rotator cuff.",
                "Choose another model.",
            )
        self.package = package
        self.preprocessing = Preprocessing.from_dict(package.preprocessing)
        self._wish = (device, precision)
        self.backend = open_classifier(package, device, precision)
        self._reference: NetworkBackend | None = None
        self.device = self.backend.device
        self.device_name = self.backend.device_name

    @property
    def methods(self) -> tuple[str, ...]:
        """How this network's evidence can be mapped: a class activation map needs a linear head."""
        return METHODS if self.backend.head_is_linear else ("grad_cam",)

    def prepare(
        self,
        volume: Volume,
        roi: Mapping[str, Any] | None = None,
        side: str | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> PreparedCuff:
        """Everything before the network, for :meth:`classify` with the same arguments: it gives the same, but sooner.

        Raises:
            InputError: the scan, region or side cannot be used.
            Cancelled: as ``cancelled`` said.
        """
        return self._prepare(volume, roi, side, Stages(None, cancelled))

    def classify(
        self,
        volume: Volume,
        roi: Mapping[str, Any] | None = None,
        side: str | None = None,
        repeats: Mapping[str, Any] | None = None,
        progress: Callable[[float, str], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
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
        notes = list(volume.notes)
        if self.package.simulated:
            notes.append(SIMULATED_NOTE)

        prepared = prepared or self._prepare(volume, roi, side, stages)
        notes += prepared.notes
        shoulder, location, side = prepared.shoulder, prepared.location, prepared.side
        stages.begin(_PREPARED, "Running the network")
        end = _PREDICTED_ONCE if request else _PREDICTED
        methods = self.methods if block is None else ("grad_cam",)
        outcome = backend.activation(shoulder.array, TARGETS, methods, stages, (_PREPARED, end), block, log)
        activation, runs, used_models = outcome.value, None, [self.package.id]
        notes += outcome.fall_backs
        if request and request.method == "models":
            runs, used_models = self._other_models(request, volume, roi, location, side, activation, stages)
        elif request:
            stages.begin(_PREDICTED_ONCE, "Repeating")
            runs = self.repeated(request, shoulder, stages, log)
        stages.begin(_PREDICTED, "Locating the evidence")
        maps, maps_matrix, evidence = self._evidence(activation, shoulder)
        answer = self._answer(activation, runs, request, evidence, location, side, shoulder.mirrored)
        notes += _notes_on_answer(answer)
        seconds = stages.end()

        card = {name: value for name, value in self.package.card().items() if name not in ("path", "problem")}
        provenance = {
            "radiologycnn": __version__,
            "model": self.package.id,
            "model_sha256": self.package.weights_sha256,
            "simulated": self.package.simulated,
            "preprocessing": self.preprocessing.to_dict(),
            "series": location.series.to_dict(),
            "humeral_head_found": location.found,
            "repeats": _repeat_record(request, runs, used_models),
            "grad_cam_block": block,
            **outcome.provenance(),
            "input": dict(volume.provenance),
            "seconds": seconds,
        }
        methods = tuple(dict.fromkeys(one.method for one in activation.maps))
        return ClassificationResult(
            answer,
            maps,
            methods,
            TARGETS,
            maps_matrix,
            tuple(dict.fromkeys(notes)),
            provenance,
            tuple(dict(label) for label in self.package.labels),
            card,
        )

    def _prepare(self, volume: Volume, roi: Mapping[str, Any] | None, side: str | None, stages: Stages) -> PreparedCuff:
        stages.begin(0.0, "Checking the scan")
        volume = without_padding(volume)
        notes = check_scan(volume)
        stages.begin(_CHECKED, "Finding the humeral head")
        location = locate(volume, self.preprocessing, roi)
        side = chosen_side(side, location.series)
        stages.begin(_LOCATED, "Preparing the cube")
        shoulder = self.preprocessing.prepare(volume, location.region, side)
        if side == location.series.side:
            notes += location.notes
        return PreparedCuff(shoulder, location, side, (*notes, *shoulder.notes))

    def _backend_for(self, request: RepeatRequest | None, block: int | None) -> NetworkBackend:
        """The backend; torch's where only torch can do what is asked for."""
        dropout = request is not None and request.method == "mc_dropout"
        if not dropout and block is None:
            return self.backend
        backend = self.backend
        if backend.name != "torch":
            purpose = "Repeating with dropout" if dropout else "Grad-CAM at an earlier block"
            self._reference = self._reference or torch_reference(self.package, purpose)
            backend = self._reference
        if dropout:
            backend.check_dropout()
        backend.check_block(block)
        return backend

    def repeated(
        self,
        request: RepeatRequest,
        prepared: PreparedShoulder,
        stages: Stages | None = None,
        log: Callable[[str], None] | None = None,
    ) -> np.ndarray:
        """Probabilities of each run of "mc_dropout" or "tta", float64, shape (count, classes)."""
        backend, stages = self._backend_for(request, None), stages or Stages()
        part = (_PREDICTED_ONCE, _PREDICTED)
        if request.method == "mc_dropout":
            return backend.dropout_probabilities(prepared.array, request.count, request.seed, stages, part, log).value
        voxel_mm = prepared.region.edge_mm / self.preprocessing.grid_size
        step = stages.within(*part)
        return backend.probabilities(
            lambda: changed_copies(prepared.array, voxel_mm, request.count, request.seed, step), stages, log
        ).value

    def _other_models(
        self,
        request: RepeatRequest,
        volume: Volume,
        roi: Mapping[str, Any] | None,
        location: Location,
        side: str,
        activation: Activation,
        stages: Stages,
    ) -> tuple[np.ndarray, list[str]]:
        """Probabilities of this model and of others, float64, shape (models, classes), and the models' ids."""
        others = other_models(request, self.package)
        stages.begin(_PREDICTED_ONCE, "Asking other models")

        def run(package: ModelPackage, image: np.ndarray) -> np.ndarray:
            return open_classifier(package, *self._wish).probabilities(lambda: [image], stages).value[0]

        centre, edge_mm = location.region.centre_lps_mm, (roi or {}).get("edge_mm")
        step = stages.within(_PREDICTED_ONCE, _PREDICTED)
        rows = probabilities_of_others(others, without_padding(volume), centre, edge_mm, side, run, step)
        return np.vstack([activation.probabilities, rows]), [self.package.id, *(package.id for package in others)]

    def _evidence(
        self, activation: Activation, prepared: PreparedShoulder
    ) -> tuple[np.ndarray, np.ndarray, tuple[CamEvidence, ...]]:
        """Maps (methods, targets, k, j, i) on a right-handed grid, its matrix, and where the network looked."""
        offset = self.backend.halving_offset
        shape = prepared.array.shape
        evidence = locate_evidence(activation.maps, prepared.ijk_to_lps, shape, offset)
        stacked = np.stack([one.raw for one in activation.maps])
        maps = stacked.reshape(-1, len(TARGETS), *stacked.shape[1:])
        grid = feature_grid_ijk_to_lps(prepared.ijk_to_lps, shape, maps.shape[2:], offset)
        return (*right_handed(maps, grid), evidence)

    def _answer(
        self,
        activation: Activation,
        runs: np.ndarray | None,
        request: RepeatRequest | None,
        evidence: tuple[CamEvidence, ...],
        location: Location,
        side: str,
        mirrored: bool,
    ) -> Classification:
        shares = activation.probabilities
        repeats: RepeatSummary | None = None if runs is None else summarize(request.method, runs)
        return Classification(
            probabilities=tuple(float(share) for share in shares),
            predicted=int(shares.argmax()),
            tear_probability=float(shares[1:].sum()),
            repeats=repeats,
            side=side,
            mirrored=mirrored,
            plane=location.series.plane,
            weighting=location.series.weighting,
            roi=location.region,
            evidence=evidence,
            tear_threshold=self.package.operating_threshold,
        )


def _repeat_record(
    request: RepeatRequest | None, runs: np.ndarray | None, models: Sequence[str]
) -> dict[str, Any] | None:
    if request is None or runs is None:
        return None
    return {"method": request.method, "count": len(runs), "seed": request.seed, "models": list(models)}


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
