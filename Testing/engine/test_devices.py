"""bfloat16 only where a processor has instructions for it: elsewhere it takes many times as long as float32."""

import pytest
import torch

from radiologycnn.errors import InputError, is_out_of_memory
from radiologycnn.networks import runner
from radiologycnn.networks.devices import computes_bfloat16, resolve_device
from radiologycnn.networks.mixed_precision import mixed_precision


def processor(monkeypatch: pytest.MonkeyPatch, **instructions: bool) -> None:
    for name in ("avx512_bf16", "amx_tile"):
        asked = instructions.get(name, False)
        monkeypatch.setattr(torch.cpu, f"_is_{name}_supported", lambda asked=asked: asked, raising=False)


def product_type(wanted: bool = True) -> torch.dtype:
    with mixed_precision("cpu", wanted):
        return (torch.ones(2, 2) @ torch.ones(2, 2)).dtype


@pytest.mark.parametrize("instruction", ["avx512_bf16", "amx_tile"])
def test_processors_made_for_bfloat16_use_it_where_it_is_wanted(monkeypatch, instruction: str) -> None:
    processor(monkeypatch, **{instruction: True})
    assert computes_bfloat16("cpu")
    assert (product_type(), product_type(wanted=False)) == (torch.bfloat16, torch.float32)


def test_others_stay_with_float32(monkeypatch) -> None:
    processor(monkeypatch)
    assert not computes_bfloat16("cpu")
    assert product_type() == torch.float32


def test_an_older_pytorch_that_cannot_say_stays_with_float32(monkeypatch) -> None:
    processor(monkeypatch)
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported")
    monkeypatch.delattr(torch.cpu, "_is_avx512_bf16_supported")
    assert not computes_bfloat16("cpu")


@pytest.mark.parametrize(("capability", "made_for_it"), [((7, 5), False), ((8, 0), True), ((9, 0), True)])
def test_gpus_are_asked_for_their_generation(monkeypatch, capability: tuple[int, int], made_for_it: bool) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert computes_bfloat16("cuda:0") == made_for_it


def test_a_gpu_without_bfloat16_says_so_before_it_runs(monkeypatch) -> None:
    monkeypatch.setattr(runner, "resolve_device", torch.device)
    monkeypatch.setattr(runner, "describe_device", lambda device: "Old GPU (cuda:0)")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    with pytest.raises(InputError, match=r"Old GPU \(cuda:0\) does not calculate in bfloat16\. Use float16"):
        runner.NetworkRunner(torch.nn.Identity(), "cuda:0", "bfloat16")
    for precision in ("float16", "float32"):
        assert runner.NetworkRunner(torch.nn.Identity(), "cuda:0", precision).precision == precision
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 0))
    assert runner.NetworkRunner(torch.nn.Identity(), "cuda:0", "bfloat16").precision == "bfloat16"


NO_CODE = "CUDA error: no kernel image is available for execution on the device\nCUDA kernel errors might be"


@pytest.mark.parametrize(
    ("answer", "auto"),
    [(None, "cuda:0"), (NO_CODE, "cpu"), ("CUDA out of memory. Tried to allocate 2.00 MiB.", "cuda:0")],
)
def test_a_gpu_that_cannot_compute_is_not_taken(monkeypatch, answer: str | None, auto: str) -> None:
    """As PyTorch answers where its build has no code for a GPU that it finds, and where that one's memory is full."""
    ones = torch.ones

    def computed(*shape: int, device: torch.device | str = "cpu") -> torch.Tensor:
        if torch.device(device).type == "cuda" and answer:
            raise RuntimeError(answer)
        return ones(*shape)

    stand_ins = {"is_available": lambda: True, "device_count": lambda: 2, "get_device_name": lambda device: "Old GPU"}
    for name, stand_in in stand_ins.items():
        monkeypatch.setattr(torch.cuda, name, stand_in)
    monkeypatch.setattr(torch, "ones", computed)
    assert str(resolve_device()) == auto
    if auto == "cpu":
        with pytest.raises(InputError, match=r"Old GPU \(cuda:1\) cannot compute here: CUDA error: no kernel image"):
            resolve_device("cuda:1")
    else:
        assert str(resolve_device("cuda:1")) == "cuda:1"
    assert str(resolve_device("cpu")) == "cpu"


def test_all_ways_to_say_that_memory_ended_are_known() -> None:
    cublas = "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"
    for text in (
        cublas,
        "std::bad_alloc",
        "Exception from src\\inference\\src\\infer_request.cpp:112:\nbad allocation",
    ):
        assert is_out_of_memory(RuntimeError(text))
    assert not is_out_of_memory(RuntimeError("The size of tensor a must match"))
