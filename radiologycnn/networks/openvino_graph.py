"""Changes to an exported network before OpenVINO compiles it: constants out, exact normalization, less work."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any

import numpy as np

#: From so many voxels a channel on, OpenVINO's own normalization loses digits that matter.
MANY_VOXELS = 4096
#: Channels that a CPU's registers (512 bits of float32) calculate at once, whether there are so many or not.
CHANNELS_AT_ONCE = 16
#: Fewer than that, of which several voxels are calculated at once.
FEW_CHANNELS = (4, 8)
#: How an enlargement is described that gives each voxel's value to all those that take its place.
_COPIES_VOXELS = {"mode": "nearest", "nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}


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


def restore_weights(openvino: ModuleType, model: Any) -> int:
    """Make weights that are stored as float16 the float32 constants that the other changes look for; how many."""
    ops = openvino.opset13
    restored = 0
    for node in list(model.get_ordered_ops()):
        if node.get_type_name() != "Convert":
            continue
        stored = node.input_value(0).get_node()
        types = (node.get_input_element_type(0), node.get_output_element_type(0))
        if stored.get_type_name() == "Constant" and types == (openvino.Type.f16, openvino.Type.f32):
            node.output(0).replace(ops.constant(np.array(stored.data, np.float32)).output(0))
            restored += 1
    return restored


def make_normalization_exact(openvino: ModuleType, model: Any) -> int:
    """Replace instance normalization over many voxels by one whose sums keep their digits; how many were replaced.

    OpenVINO adds up all voxels of a channel one after the other in float32. Most of a head's image is one value, air,
    so that the rounding of each addition goes the same way: on 64 x 128 x 128 voxels the standard deviation was off by
    3e-4, and masks differed from torch's by a Dice of up to 0.003. Summing over one axis after the other keeps
    float32's digits; slices come first, as their sums run along memory. The variance is the mean of squares less the
    square of the mean, so that the voxels are read twice and written once, with the layer's own scale and shift in
    one: on one core less time than OpenVINO's own normalization. The factors between the sums are kept in between on
    purpose: without them OpenVINO makes one long sum of the three again.
    """
    ops = openvino.opset13
    replaced = 0
    for node in list(model.get_ordered_ops()):
        if node.get_type_name() != "MVN":
            continue
        attributes = node.get_attributes()
        sizes = _sides(node.output(0))
        plain = attributes["normalize_variance"] and str(attributes["eps_mode"]).upper() == "INSIDE_SQRT"
        if len(sizes) != 3 or int(np.prod(sizes)) < MANY_VOXELS or not plain or not _is_over_voxels(node):
            continue
        values = node.input_value(0)
        mean = _mean(ops, ops.reduce_sum, values, [1 / side for side in sizes])
        deviation = _mean(ops, ops.reduce_l2, values, [side**-0.5 for side in sizes])
        variance = ops.relu(ops.subtract(ops.multiply(deviation, deviation), ops.multiply(mean, mean)))
        scale = ops.divide(_number(ops, 1.0), ops.sqrt(ops.add(variance, _number(ops, attributes["eps"]))))
        shift = ops.negative(ops.multiply(mean, scale))
        last, scale, shift = _with_what_follows(ops, node.output(0), scale, shift)
        last.replace(ops.add(ops.multiply(values, scale), shift).output(0))
        replaced += 1
    if replaced:
        model.validate_nodes_and_infer_types()
    return replaced


def do_less_work(openvino: ModuleType, model: Any, precision: str = "float32") -> None:
    """Replace what has a faster way to the same answer, where OpenVINO has one: on x86; elsewhere it is not known."""
    if platform.machine().lower() in ("x86_64", "amd64"):
        merge_enlargements(openvino, model)
        fill_registers(openvino, model, (1, *FEW_CHANNELS) if precision == "bfloat16" else (1,))


def merge_enlargements(openvino: ModuleType, model: Any) -> int:
    """Replace each doubling (nearest voxel) with a 3 x 3 x 3 convolution after it by one transposed convolution.

    Two of three neighbours are copies of one voxel, so that their weights can be added beforehand: of 27 products a
    voxel 8 remain, and the enlarged image is never written. How many were replaced.
    """
    ops = openvino.opset13
    replaced = 0
    for node in _same_size_convolutions(model):
        enlarged, weights = node.input_value(0).get_node(), _weights(node)
        if enlarged.get_type_name() != "Interpolate" or not _COPIES_VOXELS.items() <= enlarged.get_attributes().items():
            continue
        small = enlarged.input_value(0)
        if [2 * side for side in _sides(small)] != _sides(enlarged.output(0)):
            continue
        for axis in (2, 3, 4):
            first, middle, last = np.moveaxis(weights, axis, 0)
            weights = np.stack((last, middle + last, first + middle, first), axis)
        merged = ops.convolution_backprop_data(
            small,
            ops.constant(np.ascontiguousarray(weights.swapaxes(0, 1))),
            strides=[2, 2, 2],
            pads_begin=[1, 1, 1],
            pads_end=[1, 1, 1],
            dilations=[1, 1, 1],
        )
        node.output(0).replace(merged.output(0))
        replaced += 1
    if replaced:
        model.validate_nodes_and_infer_types()
    return replaced


def fill_registers(openvino: ModuleType, model: Any, counts: Sequence[int] = (1,)) -> int:
    """Have 3 x 3 x 3 convolutions to few channels calculate several voxels of a row at once, as a wider one's channels.

    A CPU takes as long for one channel as for 16, in the convolution and in the ELU after it. How many were replaced.
    Convolutions of single voxels are left: of their wider ones, which overlap nowhere, OpenVINO 2026.4 gets some wrong
    in bfloat16 (1 x 1 x 4 from 16 channels).

    Args:
        counts: of channels of what is replaced: 1, ``FEW_CHANNELS``. The latter only in bfloat16 and between
            convolutions, which keep a voxel's channels side by side in memory there: the wider image is the same
            numbers in the same order, and nothing is copied.
    """
    ops = openvino.opset13
    replaced = 0
    for node in _same_size_convolutions(model):
        weights, shape = _weights(node), list(node.output(0).get_shape())
        channels = shape[1]
        if channels not in counts or shape[4] * channels % CHANNELS_AT_ONCE:
            continue
        output, layers = _channelwise_layers(node.output(0))
        if channels > 1 and any(user.get_node().get_type_name() != "Convolution" for user in _users(output)):
            continue
        places = CHANNELS_AT_ONCE // channels
        wide = np.zeros((places, *weights.shape[:4], places + 2), np.float32)
        for place in range(places):
            wide[place, ..., place : place + 3] = weights
        kernel = ops.constant(wide.reshape(CHANNELS_AT_ONCE, *wide.shape[2:]))
        pads, strides = [1, 1, 1], [1, 1, places]
        rows = ops.convolution(node.input_value(0), kernel, strides, pads, pads, [1, 1, 1])
        for layer, values in layers if channels > 1 else ():
            if layer.get_type_name() == "Elu":
                rows = ops.elu(rows, layer.get_attributes()["alpha"])
            else:
                make = ops.add if layer.get_type_name() == "Add" else ops.multiply
                rows = make(rows, ops.concat([values] * places, 1))
        image = ops.transpose(rows, ops.constant(np.array([0, 2, 3, 4, 1], np.int64)))
        if channels == 1:
            node.output(0).replace(ops.reshape(image, ops.constant(np.array(shape, np.int64)), False).output(0))
        else:
            image = ops.reshape(image, ops.constant(np.array([1, *shape[2:], channels], np.int64)), False)
            output.replace(ops.transpose(image, ops.constant(np.array([0, 4, 1, 2, 3], np.int64))).output(0))
        replaced += 1
    if replaced:
        model.validate_nodes_and_infer_types()
    return replaced


def _is_over_voxels(node: Any) -> bool:
    """Whether each channel is normalized by itself: over the last three of five axes."""
    axes = node.input_value(1).get_node()
    return axes.get_type_name() == "Constant" and sorted(int(a) % 5 for a in np.ravel(axes.data)) == [2, 3, 4]


def _mean(ops: ModuleType, reduce: Callable[..., Any], values: Any, factors: Sequence[float]) -> Any:
    """Reduced over slices, then rows, then columns, with a factor after each."""
    for axis, factor in zip((2, 3, 4), factors):
        total = reduce(values, ops.constant(np.array([axis], np.int64)), True)
        values = ops.multiply(total, _number(ops, factor)).output(0)
    return values


def _with_what_follows(ops: ModuleType, output: Any, scale: Any, shift: Any) -> tuple[Any, Any, Any]:
    """Scale and shift of a normalization, and those that its layer applies after it, in one; the output they give."""
    output, layers = _channelwise_layers(output, ("Add", "Multiply"))
    for layer, values in layers:
        if layer.get_type_name() == "Multiply":
            scale, shift = ops.multiply(scale, values), ops.multiply(shift, values)
        else:
            shift = ops.add(shift, values)
    return output, scale, shift


def _channelwise_layers(
    output: Any, kinds: Sequence[str] = ("Add", "Multiply", "Elu")
) -> tuple[Any, list[tuple[Any, Any]]]:
    """What each voxel goes through next, with the other input's value a channel (none of ELU); the output after it."""
    channels = output.get_shape()[1]
    layers: list[tuple[Any, Any]] = []
    while True:
        users = _users(output)
        node = users[0].get_node() if len(users) == 1 else None
        if node is None or node.get_type_name() not in kinds:
            return output, layers
        values = node.input_value(1 - users[0].get_index()) if node.get_type_name() != "Elu" else None
        if values is not None and list(values.get_shape()) != [1, channels, 1, 1, 1]:
            return output, layers
        layers.append((node, values))
        output = node.output(0)


def _users(output: Any) -> list[Any]:
    """The inputs that take an output's voxels, not only its shape."""
    return [user for user in output.get_target_inputs() if user.get_node().get_type_name() != "ShapeOf"]


def _same_size_convolutions(model: Any) -> Iterator[Any]:
    """3 x 3 x 3 convolutions with constant weights that give an image of the size they take."""
    for node in list(model.get_ordered_ops()):
        if node.get_type_name() != "Convolution" or node.get_output_partial_shape(0).is_dynamic:
            continue
        kernel = node.input_value(1)
        attributes = node.get_attributes()
        ones = all(list(attributes[name]) == [1, 1, 1] for name in ("strides", "dilations", "pads_begin", "pads_end"))
        if kernel.get_node().get_type_name() == "Constant" and list(kernel.get_shape())[2:] == [3, 3, 3] and ones:
            yield node


def _weights(node: Any) -> np.ndarray:
    return np.array(node.input_value(1).get_node().data, np.float32)


def _sides(output: Any) -> list[int]:
    """Voxels along K, J, I; empty where they are not fixed."""
    shape = output.get_partial_shape()
    return list(shape.to_shape())[2:] if shape.is_static else []


def _number(ops: ModuleType, value: float) -> Any:
    return ops.constant(np.array(value, np.float32))
