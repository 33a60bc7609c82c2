"""A network's forward pass on CUDA, recorded once and replayed: one launch in place of hundreds of small ones.

After PyTorch's notes on CUDA graphs (https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs): warm-up runs on
a stream of their own, then the capture; input and output keep their place in memory. What cannot be recorded runs as
usual, and the reason is kept.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn

from radiologycnn.errors import is_out_of_memory

#: Runs before the recording, in which libraries choose their kernels.
WARM_UP_RUNS = 3


class CudaGraphForward:
    """Calls a network as recorded for one size and precision, recording it at the first call.

    Attributes:
        problem: why the network runs unrecorded, "" where it does not.
    """

    def __init__(self) -> None:
        self.problem = ""
        self._key: object = None
        self._graph: torch.cuda.CUDAGraph | None = None
        self._input: Tensor | None = None
        self._output: Tensor | None = None

    def __call__(self, network: nn.Module, batch: Tensor, autocast: AbstractContextManager, precision: str) -> Tensor:
        """Output of the network for a batch on its CUDA device; the same as ``network(batch)`` without gradients.

        Raises:
            RuntimeError: not enough memory, or the network fails unrecorded too.
        """
        key = (id(network), tuple(batch.shape), batch.device, precision)
        if not self.problem and key != self._key:
            try:
                self._record(network, batch, autocast)
                self._key = key
            except RuntimeError as error:
                self.forget()
                if is_out_of_memory(error):
                    raise
                self.problem = (str(error).strip() or type(error).__name__).splitlines()[0]
        with torch.no_grad():
            if self._graph is None:
                with autocast:
                    return network(batch)
            self._input.copy_(batch)
            self._graph.replay()
            return self._output.clone()

    def forget(self) -> None:
        """Give the recording and its memory back; the next call records anew."""
        self._key = self._graph = self._input = self._output = None

    def _record(self, network: nn.Module, batch: Tensor, autocast: AbstractContextManager) -> None:
        self.forget()
        with torch.no_grad(), torch.cuda.device(batch.device):
            self._input = batch.clone()
            aside = torch.cuda.Stream()
            aside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(aside), autocast:
                for _run in range(WARM_UP_RUNS):
                    network(self._input)
            torch.cuda.current_stream().wait_stream(aside)
            graph = torch.cuda.CUDAGraph()
            # Without one of its own PyTorch captures every graph on one stream, which lies on the device of the first:
            # on a second GPU nothing would be recorded, and each replay would give the first scan's output again.
            with autocast, torch.cuda.graph(graph, stream=aside):
                self._output = network(self._input)
            self._graph = graph
