"""Changes to an exported network before OpenVINO compiles it: constants taken out, normalization made exact."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

#: From so many voxels a channel on, OpenVINO's own normalization loses digits that matter.
MANY_VOXELS = 4096


def take_constants(model: Any) -> dict[str, np.ndarray]:
    """Outputs that are constants, by name; they are removed from the model, whose precision could change them."""
    constants = {}
    for result in list(model.get_results()):
        source = result.input_value(0)
        node = source.get_node()
        while node.get_type_name() in ("Identity", "Convert") and len(node.inputs()) == 1:
            node = node.input_value(0).get_node()
        if node.get_type_name() == "Constant":
            constants[source.any_name] = np.array(node.data, np.float32)
            model.remove_result(result)
    return constants


def make_normalization_exact(openvino: ModuleType, model: Any) -> int:
    """Replace instance normalization over many voxels by one whose sums keep their digits; how many were replaced.

    OpenVINO adds up all voxels of a channel one after the other in float32. Most of a head's image is one value, air,
    so that the rounding of each addition goes the same way: on 64 x 128 x 128 voxels the standard deviation was off by
    3e-4, and masks differed from torch's by a Dice of up to 0.002. Summing a row, then the rows of a slice, then the
    slices keeps float32's digits, for about a tenth to a quarter more time. The factors between the sums are kept in
    between on purpose: without them OpenVINO makes one long sum of the three again.
    """
    ops = openvino.opset13
    replaced = 0
    for node in list(model.get_ordered_ops()):
        if node.get_type_name() != "MVN":
            continue
        shape = node.get_output_partial_shape(0)
        attributes = node.get_attributes()
        sizes = [axis.get_length() for axis in shape][2:] if shape.is_static else []
        plain = attributes["normalize_variance"] and str(attributes["eps_mode"]).upper() == "INSIDE_SQRT"
        if len(sizes) != 3 or int(np.prod(sizes)) < MANY_VOXELS or not plain or not _is_over_voxels(node):
            continue
        values = node.input_value(0)
        from_mean = ops.subtract(values, _mean(ops, values, sizes))
        variance = _mean(ops, ops.multiply(from_mean, from_mean).output(0), sizes)
        deviation = ops.sqrt(ops.add(variance, _number(ops, attributes["eps"])))
        normalized = ops.multiply(from_mean, ops.divide(_number(ops, 1.0), deviation))
        node.output(0).replace(normalized.output(0))
        replaced += 1
    if replaced:
        model.validate_nodes_and_infer_types()
    return replaced


def _is_over_voxels(node: Any) -> bool:
    """Whether each channel is normalized by itself: over the last three of five axes."""
    axes = node.input_value(1).get_node()
    return axes.get_type_name() == "Constant" and sorted(int(a) % 5 for a in np.ravel(axes.data)) == [2, 3, 4]


def _mean(ops: ModuleType, values: Any, sizes: list[int]) -> Any:
    for axis in (4, 3, 2):
        total = ops.reduce_sum(values, ops.constant(np.array([axis], np.int64)), True)
        values = ops.multiply(total, _number(ops, 1 / sizes[axis - 2])).output(0)
    return values


def _number(ops: ModuleType, value: float) -> Any:
    return ops.constant(np.array(value, np.float32))
