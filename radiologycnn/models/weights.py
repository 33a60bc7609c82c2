"""Writing a trained network as a model package, and loading a package's network."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radiologycnn.errors import InputError
from radiologycnn.file_replacing import whole_file
from radiologycnn.models.description import DESCRIPTION_NAME, SCHEMA_VERSION, description_problems
from radiologycnn.models.package import ONNX_NAME, WEIGHTS_NAME, ModelPackage, load_package
from radiologycnn.networks.architectures import build_network

if TYPE_CHECKING:
    import torch
    from torch import nn


def save_package(
    folder: str | Path, state_dict: Mapping[str, torch.Tensor], description: Mapping[str, Any], half: bool = False
) -> ModelPackage:
    """Write ``model.json`` and ``weights.safetensors`` and read them back, checked.

    Args:
        folder: made if needed; existing files of a model in it are replaced, and an exported network is removed.
        state_dict: the network's weights, as ``network.state_dict()`` gives them. Half precision is kept on disk and
            becomes float32 on loading.
        description: the fields of :class:`ModelPackage`; ``schema_version``, ``weights_sha256`` and
            ``weights_precision`` are filled in.
        half: round the weights to float16, for half the bytes. What is measured of the model is to be measured of the
            package that is returned: rounding moves each weight by up to 0.05 %, and no backend sees any other.

    Raises:
        InputError: the description lacks something, the weights do not fit the architecture, or float16 cannot hold
            them.
    """
    from safetensors.torch import save

    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state_dict.items()}
    if half:
        tensors = _rounded_to_half(tensors)
    content = save(tensors)
    record = {
        **description,
        "schema_version": SCHEMA_VERSION,
        "weights_sha256": hashlib.sha256(content).hexdigest(),
        "weights_precision": _stored_precision(tensors),
    }
    record.pop("onnx_sha256", None)  # it was exported from other weights
    # Through JSON first, so that what is checked is what is written (tuples become lists).
    text = json.dumps(record, indent=2, ensure_ascii=False, default=_to_json) + "\n"
    problems = description_problems(json.loads(text))
    if problems:
        raise InputError("bad-model", f"The model cannot be written: {' '.join(problems)}", "Complete the description.")
    folder = Path(folder)
    _fitting_network(record["architecture"], tensors, folder.name)
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in ((WEIGHTS_NAME, content), (DESCRIPTION_NAME, text.encode("utf-8"))):
        with whole_file(folder / name) as file:
            file.write(data)
    (folder / ONNX_NAME).unlink(missing_ok=True)
    return load_package(folder)


def _rounded_to_half(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same with float16 for each number with a fraction."""
    rounded = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    lost = [name for name, tensor in rounded.items() if not tensor.isfinite().all()]
    if lost:
        raise InputError(
            "not-half",
            f"Float16 cannot hold the weights of {lost[0]}: they are larger than 65504, or no numbers.",
            "Store them in float32.",
        )
    return rounded


def _stored_precision(tensors: Mapping[str, torch.Tensor]) -> str:
    halves = [str(tensor.dtype) == "torch.float16" for tensor in tensors.values() if tensor.is_floating_point()]
    return "float16" if halves and all(halves) else "float32"


def load_network(package: ModelPackage, device: str | torch.device = "cpu") -> nn.Module:
    """The package's network with its weights, float32, in evaluation mode, on the device.

    Raises:
        InputError: the weights are not readable or do not fit the architecture.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    content = package.read_weights()
    if hashlib.sha256(content).hexdigest() != package.weights_sha256:
        raise InputError(
            "model-damaged",
            f"The weights of {package.id} changed since they were checked.",
            "Install the model again from its source.",
        )
    try:
        tensors = load(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise InputError(
            "bad-model",
            f"The weights of {package.id} are not a valid safetensors file.",
            "Install the model again from its source.",
        ) from error
    network = _fitting_network(package.architecture, tensors, package.id)
    return network.eval().requires_grad_(False).to(device)


def _fitting_network(architecture: Mapping[str, Any], tensors: Mapping[str, torch.Tensor], name: str) -> nn.Module:
    """The architecture filled with the weights."""
    import torch

    # On the meta device nothing is allocated or drawn at random; the tensors become the network's own.
    with torch.device("meta"):
        network = build_network(architecture)
    try:
        network.load_state_dict({key: tensor.float() for key, tensor in tensors.items()}, strict=True, assign=True)
    except RuntimeError as error:
        raise InputError(
            "bad-model",
            f"The weights of {name} do not fit its architecture {architecture['name']}.",
            "Ask the model's author for a corrected package.",
        ) from error
    return network


def _to_json(value: Any) -> Any:
    """NumPy's and torch's numbers as plain ones."""
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        return value.item()
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot be written to {DESCRIPTION_NAME}.")
