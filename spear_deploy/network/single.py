"""Converting arrays of a network (lists, tensors, other types) to single precision.

Simulators, files and hashes use float32 only.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from spear_deploy.network.neuron import Neuron
from spear_deploy.network.ops import Conv2d, Linear, Scale

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Held = TypeVar("Held", bound=DataclassInstance)

ARRAYS: dict[type, tuple[str, ...]] = {
    Conv2d: ("weight", "bias"),
    Linear: ("weight", "bias"),
    Scale: ("factor",),
    Neuron: ("alpha", "beta", "gain", "bias", "reset_value", "threshold", "start_value"),
}
"""Fields that hold arrays, with None for optional ones."""


def in_single_precision(value: Held) -> Held:
    """Return an operation or a neuron with its arrays as float32, itself where they are.

    Raises ValueError for what holds no real numbers, or masked ones.
    """
    given = {name: getattr(value, name) for name in ARRAYS.get(type(value), ())}
    read = {name: _single(name, array) for name, array in given.items() if array is not None}
    return value if all(given[name] is array for name, array in read.items()) else replace(value, **read)


def _single(name: str, given: Any) -> Any:
    """Return an array as float32, itself where it is one."""
    if type(given) is np.ndarray and given.dtype == np.float32 and given.dtype.isnative:
        return given
    if np.ma.is_masked(given):
        raise ValueError(f"{name} has masked values")
    try:
        array = np.asarray(given.detach().cpu() if hasattr(given, "detach") else given)
        kind = array.dtype.kind
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} is not an array of numbers") from error
    if kind not in "fiub":
        raise ValueError(f"{name} holds {array.dtype.name}, no real numbers")
    with np.errstate(over="ignore"):  # what is infinite then is told by name
        return array.astype(np.float32)
