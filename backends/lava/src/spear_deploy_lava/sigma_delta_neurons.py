"""What the models of sigma-delta neurons share.

It lies apart from the processes because Lava executes every module beside one that defines a process.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType

Integers = npt.NDArray[np.int32]


class PyPeriodicStates(PyLoihiProcessModel):
    """Begins every ``interval`` steps anew: Lava's own models have no reset."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
    sigma: Integers = LavaPyType(np.ndarray, np.int32, precision=24)

    cleared: tuple[str, ...] = ("sigma",)
    """States that a sample begins without."""

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self.interval = proc_params["interval"]

    def begins(self) -> bool:
        """Clear the states before the first step of a sample, and say whether it is that."""
        if (self.time_step - 1) % self.interval:
            return False
        for state in self.cleared:
            setattr(self, state, np.zeros_like(getattr(self, state)))
        return True


class PyPeriodicDelta(PyPeriodicStates):
    """The same with what sends changes."""

    vth: Integers = LavaPyType(np.ndarray, np.int32, precision=24)
    act: Integers = LavaPyType(np.ndarray, np.int32, precision=24)
    residue: Integers = LavaPyType(np.ndarray, np.int32, precision=24)
    error: Integers = LavaPyType(np.ndarray, np.int32, precision=24)
    spike_exp: Integers = LavaPyType(np.ndarray, np.int32, precision=3)
    state_exp: Integers = LavaPyType(np.ndarray, np.int32, precision=3)
    cum_error: npt.NDArray[np.bool_] = LavaPyType(np.ndarray, bool, precision=1)

    cleared = ("sigma", "act", "residue", "error")
