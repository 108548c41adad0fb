"""Recordings: the spikes and membranes of every population in a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spear_deploy.errors import Finding, InputError

Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True)
class Clips:
    """How often a population's registers were too narrow, in bins (one neuron in one step of one sample).

    Attributes:
        bins: all bins: steps x samples x neurons.
        membranes: those in which the membrane was clipped at its register's limit.
        currents: those in which the current wrapped around at its register's limit, or was clipped there on a chip
            that clips; the sum of a convolution that wrapped before it reached the current counts as another.
        payloads: of an input, the values that were clipped to the largest payload; spikes have no limit to hit.
    """

    bins: int = 0
    membranes: int = 0
    currents: int = 0
    payloads: int = 0

    def __add__(self, other: Clips) -> Clips:
        return Clips(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True, eq=False)
class Recording:
    """Spikes and membranes of every population on a batch: arrays (T, B, *shape) by name.

    Attributes:
        spikes: of all spiking populations, inputs (payloads or values) included.
        membrane: at the end of each step, after a reset: of readouts, whose output it is, and of others where asked
            for.  Of a chip program they are integers.
        final: states after the last step by register and population, (B, neurons): what the target calls them.
        clips: how often the registers of each population with neurons were too narrow, where asked for, and the
            payloads of inputs that were coded from values.
        seconds: the duration of the run, if the backend reports it.
    """

    spikes: Mapping[str, Array]
    membrane: Mapping[str, Array]
    final: Mapping[str, Mapping[str, Array]] = field(default_factory=dict)
    seconds: float = 0.0
    clips: Mapping[str, Clips] = field(default_factory=dict)

    def output(self, name: str) -> Array:
        """Return the output of a population: its spikes, or a readout's membrane."""
        return self.spikes[name] if name in self.spikes else self.membrane[name]

    @classmethod
    def concatenate(cls, parts: Sequence[Recording]) -> Recording:
        """Join batches."""

        def join(arrays: Sequence[Mapping[str, Array]], axis: int) -> dict[str, Array]:
            if len(arrays) == 1:
                return dict(arrays[0])
            return {name: np.concatenate([part[name] for part in arrays], axis) for name in arrays[0]}

        final = {register: join([p.final[register] for p in parts], 0) for register in parts[0].final}
        seconds = sum(part.seconds for part in parts)
        clips = {name: sum((part.clips[name] for part in parts), Clips()) for name in parts[0].clips}
        return cls(join([p.spikes for p in parts], 1), join([p.membrane for p in parts], 1), final, seconds, clips)


def as_inputs(ports: Mapping[str, tuple[int, ...]], x: Any) -> dict[str, Array]:
    """Return the array for each of the ``ports``, (steps, samples, *shape), from ``x``: one array, or several by name.

    Raises :class:`InputError` (E005) with every input that is missing, of another shape or type, empty or not finite.
    """
    given = dict(x) if isinstance(x, Mapping) else dict.fromkeys(list(ports)[:1], x)
    found = {name: _as_array(given[name]) for name in ports if name in given}
    unknown = [name for name in given if name not in ports]
    findings = [Finding("E005", f"input {name!r}", "there is none", f"inputs: {', '.join(ports)}") for name in unknown]
    for name, shape in ports.items():
        problem = _problem(found[name], shape) if name in found else "is missing"
        if problem:
            expected = f"(steps, samples, {', '.join(map(str, shape))})"
            findings.append(Finding("E005", f"input {name!r}", problem, f"give numbers of shape {expected}"))
    if findings:
        raise InputError(findings)
    return found


def _as_array(x: Any) -> Array:
    if hasattr(x, "detach"):  # a tensor of torch's, which is not imported for it
        return np.asarray(x.detach().cpu())
    try:
        return np.asarray(x)
    except ValueError:  # ragged
        return np.empty(0, object)


def _problem(x: Array, shape: tuple[int, ...]) -> str:
    if x.dtype.kind not in "buif":
        return f"holds {x.dtype}, no numbers"
    if x.ndim < 2 or x.shape[2:] != shape:
        return f"has shape {x.shape}"
    if not x.size:
        return f"is empty: its shape is {x.shape}"
    return "" if np.all(np.isfinite(x)) else "holds values that are not finite"
