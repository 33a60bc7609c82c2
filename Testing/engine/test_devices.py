"""bfloat16 only where a processor has instructions for it: elsewhere it takes many times as long as float32."""

import pytest
import torch

from radiologycnn.networks.devices import computes_bfloat16, mixed_precision


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
