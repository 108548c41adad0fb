"""The grid of a projection's weights in training: what its program fixes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spear_deploy.network import LinearOp, Projection
from spear_deploy.network.ops import Shape
from spear_deploy.network.synapses import Synapses, compose
from spear_deploy.targets.loihi.registers import Registers

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Grid:
    """The properties of a projection that the program fixes.

    ``scale``: chip units per float unit of the target's input, of its full shape; ``payload_scale``: payload per float
    unit of the source, ``payload`` the largest; ``raised`` as in
    :class:`~spear_deploy.targets.loihi.program.LoihiProjection`.
    """

    projection: Projection
    synapses: Synapses
    source: Shape
    scale: Array
    payload_scale: float
    payload: int
    exponent: int
    registers: Registers
    raised: NDArray[np.int8] | None = None

    @property
    def target(self) -> Shape:
        """Shape of the target."""
        return self.scale.shape

    def rows(self, weight: NDArray[Any]) -> Array:
        """Return the scale of each row of weights (O, ...) into the target: (O, 1, ...)."""
        return self.scale.reshape(len(weight), -1)[:, 0].reshape(-1, *(1,) * (weight.ndim - 1))

    def composed(self, ops: tuple[LinearOp, ...]) -> Synapses:
        """Return the synapses that operations of this projection's geometry are composed to."""
        (synapses,) = compose([(*self._ends, ops)], {self.synapses.source: self.source})
        return synapses

    @property
    def _ends(self) -> tuple[str, str, str]:
        return self.synapses.name, self.synapses.source, self.synapses.target
