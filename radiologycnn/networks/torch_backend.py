"""A package's network in torch: on a CUDA device, or on the CPU as the reference for every other way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

from radiologycnn.errors import InputError
from radiologycnn.inference_stages import Stages
from radiologycnn.models.package import ModelPackage
from radiologycnn.models.weights import load_network
from radiologycnn.networks.activation import Activation
from radiologycnn.networks.backends import Outcome
from radiologycnn.networks.cam import activation_maps
from radiologycnn.networks.cuda_graph import CudaGraphForward
from radiologycnn.networks.devices import to_array, to_tensor
from radiologycnn.networks.gap_classifier import DROPOUT_KINDS, GapClassifier, monte_carlo_dropout
from radiologycnn.networks.layer_progress import LayerProgress
from radiologycnn.networks.runner import NetworkRunner


class TorchBackend:
    """See :class:`radiologycnn.networks.backends.NetworkBackend`.

    Args:
        package: a usable one.
        device: "auto", "cpu", "cuda" or "cuda:<number>".
        precision: see :class:`NetworkRunner`.

    Attributes:
        network: on the CPU until it runs.
    """

    name = "torch"

    def __init__(self, package: ModelPackage, device: str = "auto", precision: str = "float32") -> None:
        self.network = load_network(package, "cpu")
        self._graph = CudaGraphForward()
        self._runner = NetworkRunner(self.network, device, precision, before_release=self._graph.forget)
        self.device = self._runner.device
        self.device_name = self._runner.device_name

    @property
    def label_count(self) -> int:
        if isinstance(self.network, GapClassifier):
            return 0
        return self.network.options.out_labels

    @property
    def class_count(self) -> int:
        return self.network.options.classes if isinstance(self.network, GapClassifier) else 0

    @property
    def head_is_linear(self) -> bool:
        return self.network.head_is_linear

    @property
    def halving_offset(self) -> float:
        return self.network.halving_offset

    def probability(
        self, image: np.ndarray, stages: Stages, part: tuple[float, float], log: Callable[[str], None] | None = None
    ) -> Outcome[np.ndarray]:
        batch = to_tensor(image[None, None])

        def run(network: nn.Module, device: torch.device, autocast: torch.autocast) -> np.ndarray:
            if device.type == "cuda":
                return self._probability_on_cuda(network, batch.to(device), autocast, log)
            with torch.inference_mode(), LayerProgress(network, batch.shape, stages.within(*part)), autocast:
                probability = torch.sigmoid(network(batch.to(device)).float())
            return to_array(probability[0].cpu())

        return self._runner.run(run, stages, log)

    def _probability_on_cuda(
        self, network: nn.Module, batch: torch.Tensor, autocast: torch.autocast, log: Callable[[str], None] | None
    ) -> np.ndarray:
        """Recorded once and replayed: too short for progress and cancels between its layers."""
        known_problem = self._graph.problem
        batch = batch.contiguous(memory_format=torch.channels_last_3d)
        logits = self._graph(network, batch, autocast, str(autocast.fast_dtype))
        if self._graph.problem and not known_problem and log:
            log(f"The network runs without a CUDA graph: {self._graph.problem}")
        with torch.no_grad():
            return to_array(torch.sigmoid(logits.float())[0].contiguous().cpu())

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
        self.check_block(block)
        batch = to_tensor(image[None, None])

        def run(network: nn.Module, device: torch.device, autocast: torch.autocast) -> Activation:
            with autocast, LayerProgress(network, batch.shape, stages.within(*part)):
                return activation_maps(network, batch.to(device), targets, methods, block)

        return self._runner.run(run, stages, log)

    def probabilities(
        self,
        images: Callable[[], Iterable[np.ndarray]],
        stages: Stages,
        log: Callable[[str], None] | None = None,
    ) -> Outcome[np.ndarray]:
        def run(network: nn.Module, device: torch.device, autocast: torch.autocast) -> np.ndarray:
            with torch.inference_mode(), autocast:
                return np.stack([_probabilities(network, image, device) for image in images()])

        return self._runner.run(run, stages, log)

    def dropout_probabilities(
        self,
        image: np.ndarray,
        count: int,
        seed: int,
        stages: Stages,
        part: tuple[float, float],
        log: Callable[[str], None] | None = None,
    ) -> Outcome[np.ndarray]:
        """Repeats of one image with dropout drawn as in training (Gal 2016): float64, shape (count, classes).

        Args:
            image: shape (K, J, I), on the network's grid.
            count: how many repeats.
            seed: of the draws.
            stages, part, log: as for :meth:`NetworkBackend.probability`.

        Raises:
            InputError: the network has no dropout.
        """
        self.check_dropout()
        step = stages.within(*part)

        def run(network: nn.Module, device: torch.device, autocast: torch.autocast) -> np.ndarray:
            rows = []
            with torch.inference_mode(), autocast, _seeded(seed, device), monte_carlo_dropout(network):
                for number in range(count):
                    step(number / count)
                    rows.append(_probabilities(network, image, device))
            return np.stack(rows)

        return self._runner.run(run, stages, log)

    def check_dropout(self) -> None:
        """Refuse a network that gives the same answer each time.

        Raises:
            InputError: code ``no-dropout``.
        """
        if not any(isinstance(module, DROPOUT_KINDS) for module in self.network.modules()):
            raise InputError(
                "no-dropout",
                "This model has no dropout, so that its repeats would all be the same.",
                "Repeat with tta instead.",
            )

    def check_block(self, block: int | None) -> None:
        """Raises InputError where the network has no such block."""
        blocks = len(self.network.blocks)
        if block is not None and not 1 <= block <= blocks:
            raise InputError(
                "no-such-block", f"This model has no block {block}.", f"Use 1 to {blocks}, or leave it out."
            )


def _probabilities(network: nn.Module, image: np.ndarray, device: torch.device) -> np.ndarray:
    logits = network(to_tensor(image[None, None]).to(device))[0].double()
    return np.array(torch.softmax(logits, dim=0).tolist())


@contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """While entered, torch draws from the seed; afterwards as if nothing had been drawn."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
