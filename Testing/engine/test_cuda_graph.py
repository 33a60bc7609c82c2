"""Recording on CUDA: what is done where it fails, which needs no GPU; and its answer, where there is one."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
import torch

from radiologycnn.networks.cuda_graph import WARM_UP_RUNS, CudaGraphForward

NO_AUTOCAST = contextlib.nullcontext()


@pytest.fixture
def network():
    torch.manual_seed(0)
    return torch.nn.Conv3d(1, 2, 3, padding=1).eval()


def test_what_cannot_be_recorded_runs_as_usual_and_is_not_tried_again(network, monkeypatch):
    tried = []

    def refuse(self, *_arguments):
        tried.append(1)
        raise RuntimeError("operation not permitted when stream is capturing\nmore")

    monkeypatch.setattr(CudaGraphForward, "_record", refuse)
    forward, batch = CudaGraphForward(), torch.rand(1, 1, 4, 4, 4)
    for _run in range(2):
        assert torch.equal(forward(network, batch, NO_AUTOCAST, "float32"), network(batch))
    assert forward.problem == "operation not permitted when stream is capturing"
    assert len(tried) == 1


def test_the_end_of_memory_is_passed_on_for_a_smaller_way(network, monkeypatch):
    def full(self, *_arguments):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(CudaGraphForward, "_record", full)
    forward = CudaGraphForward()
    with pytest.raises(torch.cuda.OutOfMemoryError):
        forward(network, torch.rand(1, 1, 4, 4, 4), NO_AUTOCAST, "float32")
    assert forward.problem == ""


def test_a_recording_is_replayed_until_size_or_precision_change(network, monkeypatch):
    class Graph:
        replays = 0

        def replay(self):
            Graph.replays += 1
            forward._output.copy_(network(forward._input))

    current = []

    @contextlib.contextmanager
    def device(one):
        current.append(one)
        yield
        current.pop()

    class Stream:
        def __init__(self):
            self.device = current[-1]

        def wait_stream(self, other):
            pass

    recorded = []

    @contextlib.contextmanager
    def capture(graph, stream):
        recorded.append((graph, stream.device))
        yield

    calls = []
    network.register_forward_hook(lambda *_: calls.append(1))
    for name, stand_in in {
        "device": device,
        "stream": lambda stream: contextlib.nullcontext(),
        "Stream": Stream,
        "current_stream": Stream,
        "CUDAGraph": Graph,
        "graph": capture,
    }.items():
        monkeypatch.setattr(torch.cuda, name, stand_in)
    forward = CudaGraphForward()
    first, second = torch.rand(2, 1, 1, 4, 4, 4)
    assert torch.equal(forward(network, first, NO_AUTOCAST, "float32"), network(first))
    assert len(recorded) == 1 and len(calls) == WARM_UP_RUNS + 1 + 1 + 1
    kept = forward(network, second, NO_AUTOCAST, "float32")
    forward(network, first, NO_AUTOCAST, "float32")
    assert torch.equal(kept, network(second))  # a copy: the next replay does not change it
    assert len(recorded) == 1 and Graph.replays == 3 and not forward.problem
    forward(network, torch.rand(1, 1, 6, 4, 4), NO_AUTOCAST, "float32")
    forward(network, first, NO_AUTOCAST, "bfloat16")
    assert len(recorded) == 3
    # PyTorch's own stream would be of the first GPU that it was used on.
    assert {one for _, one in recorded} == {first.device}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_gives_the_cpus_answer(network):
    batch = torch.rand(1, 1, 8, 16, 16)
    with torch.no_grad():
        expected = network(batch).numpy()
        forward = CudaGraphForward()
        for _run in range(2):
            found = forward(network.to("cuda"), batch.to("cuda"), torch.autocast("cuda", enabled=False), "float32")
            assert np.abs(found.cpu().numpy() - expected).max() < 1e-2
    assert not forward.problem
