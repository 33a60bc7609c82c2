"""Weights of an exported network in half the bytes, where that changes none of them."""

from __future__ import annotations

import numpy as np

#: Smaller tensors stay as they are: the operator that makes them float32 again would weigh as much as it saves.
SMALLEST_TENSOR = 512


def store_exact_halves(content: bytes) -> bytes:
    """An ONNX file's content with float16 in place of each float32 tensor that float16 holds to the last bit.

    A ``Cast`` after each makes it float32 again, so that whatever runs the network computes what it did before. Of a
    network whose weights were rounded to float16 (:func:`radiologycnn.models.weights.save_package`) this is almost all.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load_from_string(content)
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(tensor)
        if values.size < SMALLEST_TENSOR or not fits_half(values):
            continue
        name, stored = tensor.name, f"{tensor.name}.half"
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), stored))
        casts.append(helper.make_node("Cast", [stored], [name], name=f"{name}.full", to=TensorProto.FLOAT))
    if not casts:
        return content
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*casts, *nodes])
    return model.SerializeToString()


def fits_half(values: np.ndarray) -> bool:
    """Whether float16 holds each of these float32 values to the last bit."""
    with np.errstate(over="ignore"):
        again = values.astype(np.float16).astype(np.float32)
    return np.array_equal(again.view(np.uint32), np.ascontiguousarray(values, np.float32).view(np.uint32))
