"""A package's exported network in OpenVINO on the CPU: both tasks, activation maps included, without torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from radiologycnn.errors import InputError, ResourceError
from radiologycnn.inference_stages import Stages
from radiologycnn.models.package import ModelPackage
from radiologycnn.networks.activation import Activation, linear_head_activation
from radiologycnn.networks.backends import (
    AUTO,
    PRECISIONS,
    CpuDevice,
    NetworkBackend,
    Outcome,
    torch_reference,
)
from radiologycnn.networks.installed import is_installed
from radiologycnn.networks.onnx_names import FEATURES, HALVING_OFFSET, HEAD_BIAS, HEAD_WEIGHTS, PROBABILITY
from radiologycnn.networks.openvino_runner import OpenVinoRunner

T = TypeVar("T")


class OpenVinoBackend:
    """See :class:`radiologycnn.networks.backends.NetworkBackend`.

    Where OpenVINO cannot run the network, for lack of memory or for a fault of its own, it is tried in a smaller way,
    and then in torch where that is installed. The next run begins with the usual way again.

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
        self._package, self._precision = package, precision
        self._runner: OpenVinoRunner | None = None
        runner = self._usual_runner()
        shapes, constants = runner.output_shapes, runner.constants
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
        self.device_name = _device_name(runner)

    def probability(
        self, image: np.ndarray, stages: Stages, part: tuple[float, float], log: Callable[[str], None] | None = None
    ) -> Outcome[np.ndarray]:
        return self._run(
            lambda runner: runner.run(image[None, None], stages.within(*part))[PROBABILITY][0],
            lambda torch: torch.probability(image, stages, part, log),
            stages,
            log,
        )

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

        def work(runner: OpenVinoRunner) -> Activation:
            features = runner.run(image[None, None], stages.within(*part))[FEATURES][0]
            return linear_head_activation(features, *self._head, targets, methods)

        return self._run(
            work, lambda torch: torch.activation(image, targets, methods, stages, part, None, log), stages, log
        )

    def probabilities(
        self,
        images: Callable[[], Iterable[np.ndarray]],
        stages: Stages,
        log: Callable[[str], None] | None = None,
    ) -> Outcome[np.ndarray]:
        def work(runner: OpenVinoRunner) -> np.ndarray:
            rows = []
            for image in images():
                # The images are steps of the job already; the bar waits within one, but a cancel is noticed.
                features = runner.run(image[None, None], stages.within(0.0, 0.0))[FEATURES][0]
                rows.append(linear_head_activation(features, *self._head, ()).probabilities)
            return np.stack(rows)

        return self._run(work, lambda torch: torch.probabilities(images, stages, log), stages, log)

    def _usual_runner(self) -> OpenVinoRunner:
        if self._runner is None:
            self._runner = self._new_runner()
        return self._runner

    def _new_runner(self, small: bool = False) -> OpenVinoRunner:
        package = self._package
        return OpenVinoRunner(package.read_onnx(), self._precision, small, package.onnx_sha256)

    def _run(
        self,
        work: Callable[[OpenVinoRunner], T],
        torch_work: Callable[[NetworkBackend], Outcome[T]],
        stages: Stages,
        log: Callable[[str], None] | None,
    ) -> Outcome[T]:
        fall_backs: list[str] = []

        def tell(problem: ResourceError, instead: str) -> None:
            self._runner = None  # gives its memory back; the next run makes it again, from the cache
            sentence = f"{problem.message} It was tried {instead} instead."
            fall_backs.append(sentence)
            stages.say(f"Trying {instead}")
            if log:
                log(sentence)

        try:
            return self._outcome(self._usual_runner(), work, fall_backs)
        except ResourceError as error:
            problem = error.with_traceback(None)  # which would keep what fills the memory
        tell(problem, "in a smaller way, on one thread")
        try:
            return self._outcome(self._new_runner(small=True), work, fall_backs)
        except ResourceError as error:
            problem = error.with_traceback(None)
        if not is_installed("torch"):
            raise problem
        tell(problem, "in PyTorch")
        outcome = torch_work(torch_reference(self._package, "Running the network"))
        return replace(outcome, fall_backs=(*fall_backs, *outcome.fall_backs))

    def _outcome(
        self, runner: OpenVinoRunner, work: Callable[[OpenVinoRunner], T], fall_backs: list[str]
    ) -> Outcome[T]:
        value = work(runner)
        libraries = {"openvino": runner.version}
        return Outcome(
            value, str(self.device), _device_name(runner), self.name, runner.precision, libraries, tuple(fall_backs)
        )


def _device_name(runner: OpenVinoRunner) -> str:
    return f"CPU, OpenVINO {PRECISIONS[runner.precision]}"
