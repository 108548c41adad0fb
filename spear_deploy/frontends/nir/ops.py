"""Converting NIR's linear nodes to operations, and Delay nodes to steps.

Stored shapes (``input_shape``, ``input_type``) are not used: exporters and nir itself write wrong ones for
grouped, non-square and 'same' convolutions.  A one-dimensional map (C, L) is the map (C, 1, L) here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spear_deploy.errors import Finding
from spear_deploy.frontends.nir.file import NirNode
from spear_deploy.frontends.nir.padding import Geometry, with_symmetric_padding
from spear_deploy.frontends.nir.shapes import MisfitError, spread
from spear_deploy.network import AvgPool2d, Conv2d, Flatten, Linear, LinearOp, Scale, ShapeError, SumPool2d
from spear_deploy.network.ops import Pair, Shape

_MAX_STEPS = 1_000_000


@dataclass(frozen=True, eq=False)
class Delays:
    """Delays of each element of a signal in steps, of the signal's full shape."""

    steps: NDArray[np.int64]

    def output_shape(self, shape: Shape) -> Shape:
        """Return ``shape``, which delays do not change."""
        return shape


Step: TypeAlias = LinearOp | Delays | None
"""The effect of a node without neurons: an operation, a delay, or none."""


class BadFieldError(Exception):
    """A field of a node is missing or has the wrong shape (E003)."""


class NoReadingError(Exception):
    """A node is valid NIR, but networks have no such operation (E021)."""


def step_of(name: str, node: NirNode, shape: Shape, dt: float) -> tuple[Step, list[Finding]]:
    """Return the effect of a node on a signal of ``shape``, and notes on repairs.

    Raises :class:`BadFieldError`, :class:`NoReadingError`, :class:`ShapeError` if it does not fit ``shape``, and
    TypeError, ValueError or OverflowError for fields of a wrong type.
    """
    notes: list[Finding] = []

    def note(code: str, message: str) -> None:
        notes.append(Finding(code, f"node {name!r}", message, severity="note"))

    return _READERS[node.type](node.values, shape, dt, note), notes


Note: TypeAlias = Callable[[str, str], None]
Values: TypeAlias = Mapping[str, Any]


def _linear(values: Values, shape: Shape, _dt: float, note: Note) -> Linear:
    weight = _matrix(values, note)
    if len(shape) > 1:
        raise _given_a_map(weight.shape, shape)
    if shape == weight.shape[:1] != weight.shape[1:]:
        raise ShapeError(f"its weight {weight.shape} fits {shape} only if it is transposed, as old Spyx files are")
    return Linear(weight)


def _given_a_map(weight: Shape, shape: Shape) -> MisfitError:
    size = prod(shape)
    columns = "" if size == weight[1] else f", and give it a weight of {size} columns"
    message = f"its weight {weight} takes a vector, but its input is a map of shape {_stored(shape)}"
    return MisfitError(message, f"put a Flatten in front of it{columns}")


def _affine(values: Values, shape: Shape, dt: float, note: Note) -> Linear:
    if values.get("bias") is None:
        raise BadFieldError("field 'bias' is missing")
    weight = _linear(values, shape, dt, note).weight
    return Linear(weight, _bias(values, len(weight), "outputs", note))


def _conv2d(values: Values, shape: Shape, _dt: float, note: Note) -> Step:
    geometry = Geometry(_pair(values, "stride", 1), _padding(values), _pair(values, "dilation", 1))
    weight = _array(values, "weight", 4)
    _refuse_channels(values, weight.shape, shape)
    return _conv(values, weight, geometry, note)


def _conv1d(values: Values, shape: Shape, _dt: float, note: Note) -> Step:
    padding = _padding(values)
    if not isinstance(padding, str):
        padding = (0, _single(values, "padding", 0))
    geometry = Geometry((1, _single(values, "stride", 1)), padding, (1, _single(values, "dilation", 1)))
    weight = _array(values, "weight", 3)
    _refuse_channels(values, weight.shape, shape)
    note("N001", "a Conv1d is read as a Conv2d; maps (C, L) have the shape (C, 1, L)")
    return _conv(values, weight[:, :, None, :], geometry, note)


def _refuse_channels(values: Values, weight: Shape, shape: Shape) -> None:
    groups = int(values.get("groups", 1))
    if groups < 1 or (len(shape) == 3 and shape[0] == weight[1] * groups):
        return
    of_groups = f" in each of {groups} groups" if groups > 1 else ""
    message = f"its weight {weight} takes {weight[1]} channels{of_groups}, but its input has shape {_stored(shape)}"
    raise MisfitError(message, f"give it maps of {weight[1] * groups} channels, or a weight for those that there are")


def _stored(shape: Shape) -> Shape:
    """Return a shape as in files: one-dimensional maps without their height of 1."""
    return (shape[0], shape[2]) if len(shape) == 3 and shape[1] == 1 else shape


def _conv(values: Values, weight: NDArray[np.float32], geometry: Geometry, note: Note) -> Conv2d:
    groups = int(values.get("groups", 1))
    if groups < 1 or weight.shape[0] % groups:
        raise BadFieldError(f"{weight.shape[0]} channels do not divide into {groups} groups")
    bias = _bias(values, len(weight), "channels", note)
    try:
        padded, padding, dilation = with_symmetric_padding(weight, geometry)
    except ValueError as error:
        raise BadFieldError(str(error)) from error
    if padded is not weight:
        note("N006", f"padding 'same' of an even kernel: it is {padded.shape[2:]} with zeros, and padding {padding}")
    return Conv2d(padded, bias, geometry.stride, padding, dilation, groups)


def _sum_pool(values: Values, _shape: Shape, _dt: float, _note: Note) -> Step:
    return SumPool2d(_pair(values, "kernel_size"), _pair(values, "stride"), _pair(values, "padding"))


def _avg_pool(values: Values, _shape: Shape, _dt: float, _note: Note) -> Step:
    return AvgPool2d(_pair(values, "kernel_size"), _pair(values, "stride"), _pair(values, "padding"))


def _scale(values: Values, shape: Shape, _dt: float, note: Note) -> Step:
    return Scale(_single_precision(_full(values, "scale", shape, note), "scale"))


def _flatten(values: Values, shape: Shape, _dt: float, note: Note) -> Step:
    start, end = int(values.get("start_dim", 0)), int(values.get("end_dim", -1))
    if len(shape) == 1:
        return Flatten()
    ranks = {3, 2} if shape[1] == 1 else {3}
    if any(start in (0, -rank) and end in (-1, rank - 1) for rank in ranks):
        return Flatten()
    if any(start in (1, -rank) and end in (-1, rank) for rank in ranks):
        note("N006", f"start_dim {start} counts a batch axis; all axes are flattened")
        return Flatten()
    raise NoReadingError(f"flattening axes {start} to {end} of {shape} leaves no vector")


def _delay(values: Values, shape: Shape, dt: float, note: Note) -> Step:
    raw = _full(values, "delay", shape, note) / dt
    if not np.all(raw >= 0):
        raise BadFieldError("delay is negative")
    if raw.max() > _MAX_STEPS:
        raise BadFieldError(f"delay is {raw.max():.4g} steps")
    steps = np.rint(raw)
    worst = np.abs(raw - steps).argmax()
    if abs(raw.flat[worst] - steps.flat[worst]) > 1e-3:
        note("N006", f"a delay of {raw.flat[worst]:.4g} steps is rounded to {int(steps.flat[worst])}")
    return Delays(steps.astype(np.int64))


def _identity(_values: Values, _shape: Shape, _dt: float, _note: Note) -> Step:
    return None


_READERS: dict[str, Callable[[Values, Shape, float, Note], Step]] = {
    "Affine": _affine,
    "AvgPool2d": _avg_pool,
    "Conv1d": _conv1d,
    "Conv2d": _conv2d,
    "Delay": _delay,
    "Flatten": _flatten,
    "Identity": _identity,
    "Linear": _linear,
    "Scale": _scale,
    "SumPool2d": _sum_pool,
}

STEP_TYPES = tuple(_READERS)
"""Node types without neurons."""


def _array(values: Values, key: str, ndim: int) -> NDArray[np.float32]:
    if values.get(key) is None:
        raise BadFieldError(f"field {key!r} is missing")
    try:
        array = _single_precision(np.asarray(values[key], dtype=np.float64), key)
    except (TypeError, ValueError) as error:
        raise BadFieldError(f"field {key!r} is not an array of numbers") from error
    if array.size == 0:
        raise BadFieldError(f"{key} has shape {array.shape}: it is empty")
    if array.ndim != ndim:
        raise BadFieldError(f"{key} has shape {array.shape} instead of {ndim} axes")
    return array


def _single_precision(array: NDArray[np.float64], key: str) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        single = array.astype(np.float32)
    if not np.all(np.isfinite(single)):
        raise BadFieldError(f"{key} holds values that single precision does not")
    return single


def _matrix(values: Values, note: Note) -> NDArray[np.float32]:
    """Return a weight with two axes, without leading batch axes of length 1."""
    raw: Any = values.get("weight")
    stored = np.shape(raw)
    if len(stored) <= 2:
        return _array(values, "weight", 2)
    if any(n != 1 for n in stored[:-2]):
        raise NoReadingError(f"its weight has shape {stored}: a batch of matrices is not supported")
    note("N006", f"weight has shape {stored}; batch axes were removed")
    return _array({"weight": np.reshape(raw, stored[-2:])}, "weight", 2)


def _bias(values: Values, size: int, of: str, note: Note) -> NDArray[np.float32] | None:
    """Return the bias, or None for zeros, which exporters write if there is no bias."""
    if values.get("bias") is None:
        return None
    if np.ndim(values["bias"]) == 0 and not isinstance(values["bias"], str | Mapping):
        bias = _single_precision(np.full(size, values["bias"], np.float64), "bias")
        note("N006", f"its bias is a single value; all {size} {of} have it")
    else:
        bias = _array(values, "bias", 1)
    if bias.shape != (size,):
        raise BadFieldError(f"bias has {bias.size} values for {size} {of}")
    return bias if np.any(bias) else None


def _full(values: Values, key: str, shape: Shape, note: Note) -> NDArray[np.float64]:
    """Return an elementwise field in the signal's full shape."""
    if values.get(key) is None:
        raise BadFieldError(f"field {key!r} is missing")
    array = np.asarray(values[key], dtype=np.float64)
    if not array.size:
        raise BadFieldError(f"{key} is empty")
    full = spread(key, array, shape)
    if array.size < full.size:
        described = "single" if array.size == 1 else f"{array.shape}"
        note("N001", f"a {described} {key} was given the shape {shape}")
    return full


def _padding(values: Values) -> Pair | str:
    padding = values.get("padding", 0)
    return padding if isinstance(padding, str) else _pair(values, "padding", 0)


def _single(values: Values, key: str, default: int) -> int:
    raw = values.get(key, default)
    if np.size(raw) > 1:
        raise BadFieldError(f"{key} is {raw!r} instead of one number")
    return _pair(values, key, default)[0]


def _pair(values: Values, key: str, default: int | None = None) -> Pair:
    raw = values.get(key, default)
    if raw is None:
        raise BadFieldError(f"field {key!r} is missing")
    try:
        numbers = [int(n) for n in np.atleast_1d(raw)]
    except (TypeError, ValueError) as error:
        raise BadFieldError(f"{key} is {raw!r} instead of one or two numbers") from error
    if len(numbers) not in (1, 2) or min(numbers) < 0 or (min(numbers) == 0 and key != "padding"):
        raise BadFieldError(f"{key} is {numbers} instead of one or two positive numbers")
    return numbers[0], numbers[-1]
