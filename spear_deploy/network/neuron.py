"""The one neuron model of a :class:`~spear_deploy.network.graph.Network`.

All NIR neurons are cases of it (``x`` is the summed input of step ``t``, biases included)::

    i[t] = alpha * i[t-1] + x[t]                       alpha = 0: no synaptic filter
    v[t] = beta * v[t-1] + gain * i[t] + bias
    s[t] = v[t] > threshold        or  >=              no threshold: a readout, its output is v
    v[t] <- reset_value | v[t] - threshold             in the same step, or one step later

``v`` starts at ``start_value`` if given, else at ``reset_value``; ``i`` starts at 0.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float32]
ResetKind: TypeAlias = Literal["value", "subtract"]
Comparison: TypeAlias = Literal["gt", "ge"]
SpikeKind: TypeAlias = Literal["binary", "integer"]


@dataclass(frozen=True, eq=False)
class Neuron:
    """Parameters of a population's neurons; every array has the population's full shape, float32.

    ``threshold`` is None for a readout.  ``reset`` says what a spike does to the membrane: set it to ``reset_value``,
    or subtract the threshold; ``reset_delay`` moves that to the following step (snnTorch's ``reset_delay``).  ``floor``
    is the lowest membrane value (sinabs' ``min_v_mem``) or None.  ``start_value`` is the membrane before the first
    step; None:  ``reset_value``, as always for a readout, which is never reset.
    """

    alpha: FloatArray
    beta: FloatArray
    gain: FloatArray
    bias: FloatArray
    reset_value: FloatArray
    threshold: FloatArray | None
    reset: ResetKind = "value"
    reset_delay: bool = False
    compare: Comparison = "gt"
    spikes: SpikeKind = "binary"
    floor: float | None = None
    start_value: FloatArray | None = None

    @property
    def start(self) -> FloatArray:
        """The membrane before the first step."""
        return self.reset_value if self.start_value is None else self.start_value

    @property
    def is_readout(self) -> bool:
        """Whether the population only integrates and never fires."""
        return self.threshold is None

    @property
    def has_current(self) -> bool:
        """Whether there is a synaptic current that lasts beyond a step."""
        return bool(np.any(self.alpha != 0))

    def arrays(self) -> dict[str, FloatArray]:
        """Return the per-neuron arrays by field name."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, np.ndarray)}

    def is_alike(self, other: Neuron) -> bool:
        """Whether all parameters equal those of another neuron, arrays in every element."""
        return all(np.array_equal(getattr(self, field.name), getattr(other, field.name)) for field in fields(self))

    def take(self, units: NDArray[np.intp]) -> Neuron:
        """Return the neurons of the given units: indices along the first axis (channels or neurons)."""
        sliced: dict[str, Any] = {name: value[units] for name, value in self.arrays().items()}
        return replace(self, **sliced)


def identity_readout(shape: tuple[int, ...]) -> Neuron:
    """Return the neuron of a readout without memory, which passes on its input."""
    zero, one = np.zeros(shape, np.float32), np.ones(shape, np.float32)
    return Neuron(alpha=zero, beta=zero, gain=one, bias=zero, reset_value=zero, threshold=None)
