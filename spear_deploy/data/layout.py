"""Recognising samples with axes in another order, with numpy expressions that reorder them.

Documented are (N, T, *shape) for spikes and (N, *shape) for values; shapes are a network's, (C, H, W) or (N,).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

from spear_deploy.errors import Finding
from spear_deploy.network.ops import Shape

_DOCUMENTED = "x is (N, T, *shape), or (N, *shape) with --steps"
Reading = tuple[str, str]
"""A description of the axes found, and the expression that gives the documented order."""


def swapped_samples(shape: Shape, labels: int, where: str) -> Finding | None:
    """Return the finding (E005) if another axis than the first has as many entries as there are labels."""
    fitting = [axis for axis, size in enumerate(shape) if size == labels]
    if 0 in fitting or len(fitting) != 1:
        return None
    axis = fitting[0]
    message = f"x has shape {shape}, and there are {labels} labels: axis {axis} are the samples, which come first"
    return Finding("E005", where, message, f"give numpy.moveaxis(x, {axis}, 0)")


def shape_finding(found: Shape, wanted: Shape, where: str, *, time: int | None) -> Finding:
    """Return what is wrong (E005) with samples of shape ``found``, without time, for a network of ``wanted``.

    ``time`` is the length of the samples' own axis of time, or None where values are coded.
    """
    message = f"samples have shape {found} in a step, the network's input has {wanted}"
    whole = found if time is None else (time, *found)
    readings = _value_readings(whole, wanted) if time is None else _spike_readings(whole, wanted)
    if time is None and (found[1:] == wanted or _spike_readings(found, wanted)):
        return Finding("E005", where, message, f"these hold {found[0]} steps already: leave out --steps")
    if time is not None and (_bare(whole) == _bare(wanted) or _value_readings(whole, wanted)):
        return Finding("E005", where, f"{message}: they are values without time", "give --steps T")
    if not readings:
        return Finding("E005", where, message, f"{_DOCUMENTED}; x is (N, {', '.join(map(str, whole))}) here")
    (words, fix), *others = readings
    told = f"{message}: {words}" if not others else message
    return Finding("E005", where, told, f"give {' or '.join([fix, *(each for _, each in others)])}")


def _spike_readings(found: Shape, wanted: Shape) -> list[Reading]:
    """Return the first interpretation of (N, *found) that fits the documented (N, T, *wanted)."""
    return _first(
        (
            _time_elsewhere(found, wanted),
            _channels_last(found[1:], wanted, before=2),
            _map_on_its_side(found[1:], wanted),
            _time_elsewhere_channels_last(found, wanted),
            _same_values(found[1:], wanted, before=2),
        )
    )


def _value_readings(found: Shape, wanted: Shape) -> list[Reading]:
    """Return the interpretation of (N, *found) that fits the documented (N, *wanted)."""
    return _first(
        (
            _channels_last(found, wanted, before=1),
            _map_on_its_side(found, wanted),
            _same_values(found, wanted, before=1),
        )
    )


def _first(kinds: Sequence[Iterator[Reading]]) -> list[Reading]:
    return next((readings for readings in map(list, kinds) if readings), [])


def _time_elsewhere(found: Shape, wanted: Shape) -> Iterator[Reading]:
    for axis in range(1, len(found)):
        if (*found[:axis], *found[axis + 1 :]) == wanted:
            yield f"axis {axis + 1} of x is time", f"numpy.moveaxis(x, {axis + 1}, 1)"


def _channels_last(found: Shape, wanted: Shape, *, before: int) -> Iterator[Reading]:
    is_sequence = len(wanted) == 3 and wanted[1] == 1  # (L, C) of a network of one-dimensional convolutions
    if (len(wanted) == 3 and found == (*wanted[1:], wanted[0])) or (is_sequence and found == (wanted[2], wanted[0])):
        yield "channels are last", f"numpy.moveaxis(x, -1, {before})"


def _map_on_its_side(found: Shape, wanted: Shape) -> Iterator[Reading]:
    if len(wanted) == 3 and found != wanted and found == (wanted[0], wanted[2], wanted[1]):
        yield "height and width are swapped", "numpy.swapaxes(x, -1, -2)"


def _time_elsewhere_channels_last(found: Shape, wanted: Shape) -> Iterator[Reading]:
    if len(wanted) == 3:
        for words, moved in _time_elsewhere(found, (*wanted[1:], wanted[0])):
            yield f"{words}, channels are last", f"numpy.moveaxis({moved}, -1, 2)"


def _same_values(found: Shape, wanted: Shape, *, before: int) -> Iterator[Reading]:
    """Reshaping: axes of size 1 omitted or added, a map as a vector, or a vector as a map, row by row."""
    if prod(found) == prod(wanted) and (_bare(found) == _bare(wanted) or 1 in (len(found), len(wanted))):
        target = "".join(f", {size}" for size in wanted)
        kept = ", ".join(f"x.shape[{axis}]" for axis in range(before)) if before > 1 else "len(x)"
        yield "the same values in another shape", f"x.reshape({kept}{target})"


def _bare(shape: Shape) -> Shape:
    return tuple(size for size in shape if size != 1)
