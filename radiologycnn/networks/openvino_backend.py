"""A package's exported network in OpenVINO on the CPU: both tasks, activation maps included, without torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from radiologycnn.errors import InputError
from radiologycnn.inference_stages import Stages
from radiologycnn.models.package import ModelPackage
from radiologycnn.networks.activation import Activation, linear_head_activation
from radiologycnn.networks.backends import AUTO, PRECISIONS, CpuDevice, Outcome
from radiologycnn.networks.onnx_names import FEATURES, HALVING_OFFSET, HEAD_BIAS, HEAD_WEIGHTS, PROBABILITY
from radiologycnn.networks.openvino_runner import OpenVinoRunner


class OpenVinoBackend:
    """See :class:`radiologycnn.networks.backends.NetworkBackend`.

    Args:
        package: one with an exported network.
        precision: see :class:`OpenVinoRunner`.

    Raises:
        InputError: the exported network is damaged, or none of ours.
        ResourceError: OpenVINO cannot be loaded.
    """

    name = "openvino"
    head_is_linear = True  # no other head is exported

    def __init__(self, package: ModelPackage, precision: str = AUTO) -> None:
        self._runner = OpenVinoRunner(package.read_onnx(), precision)
        shapes, constants = self._runner.output_shapes, self._runner.constants
        self.label_count = shapes[PROBABILITY][1] if PROBABILITY in shapes else 0
        self.class_count, self.halving_offset = 0, 0.0
        if FEATURES in shapes and {HEAD_WEIGHTS, HEAD_BIAS, HALVING_OFFSET} <= constants.keys():
            self._head = (constants[HEAD_WEIGHTS], constants[HEAD_BIAS])
            self.class_count = len(constants[HEAD_BIAS])
            self.halving_offset = float(constants[HALVING_OFFSET].reshape(-1)[0])
        if not self.label_count and not self.class_count:
            raise InputError(
                "bad-model",
                f"The exported network of {package.id} is none of RadiologyCNN.",
                "Ask the model's author for a corrected package, or use the device torch-cpu.",
            )
        self.device = CpuDevice()
        self.device_name = f"CPU, OpenVINO {PRECISIONS[self._runner.precision]}"

    def probability(
        self, image: np.ndarray, stages: Stages, part: tuple[float, float], log: Callable[[str], None] | None = None
    ) -> Outcome[np.ndarray]:
        return self._outcome(self._runner.run(image[None, None], stages.within(*part))[PROBABILITY][0])

    def activation(
        self,
        image: np.ndarray,
        targets: Sequence[int | str],
        methods: Sequence[str],
        stages: Stages,
        part: tuple[float, float],
        block: int | None = None,
        log: Callable[[str], None] | None = None,
    ) -> Outcome[Activation]:
        if block is not None:
            raise ValueError("Earlier blocks have gradients in torch alone.")
        features = self._runner.run(image[None, None], stages.within(*part))[FEATURES][0]
        return self._outcome(linear_head_activation(features, *self._head, targets, methods))

    def probabilities(
        self,
        images: Callable[[], Iterable[np.ndarray]],
        stages: Stages,
        log: Callable[[str], None] | None = None,
    ) -> Outcome[np.ndarray]:
        rows = []
        for image in images():
            # The images are steps of the job already; the bar waits within one, but a cancel is noticed.
            features = self._runner.run(image[None, None], stages.within(0.0, 0.0))[FEATURES][0]
            rows.append(linear_head_activation(features, *self._head, ()).probabilities)
        return self._outcome(np.stack(rows))

    def _outcome(self, value: object) -> Outcome:
        libraries = {"openvino": self._runner.version}
        return Outcome(value, str(self.device), self.device_name, self.name, self._runner.precision, libraries)
