"""What the models of this backend's neurons share.

It lies apart from the processes because Lava executes every module beside one that defines a process.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from lava.magma.core.model.py.ports import PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.proc.lif.models import AbstractPyLifModelFixed


class PyPeriodicNeuron(AbstractPyLifModelFixed):
    """Lava's fixed-point LIF with u and v zeroed before step t where ``t % reset_interval == reset_offset``.

    Lava's own model of that, of LIFReset, is bound to its process: a subclass cannot be bound to another.
    """

    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self.reset_interval = proc_params["reset_interval"]
        self.reset_offset = proc_params["reset_offset"] % self.reset_interval

    def run_spk(self) -> None:
        """Integrate one step and send the result."""
        if self.time_step % self.reset_interval == self.reset_offset:
            self.u[:] = 0
            self.v[:] = 0
        super().run_spk()


class PyPeriodicLIF(PyPeriodicNeuron):
    """The same with Lava's threshold, ``at_threshold`` included if so; what a spike does to v is left to subclasses."""

    vth: int = LavaPyType(int, np.int32, precision=17)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self.at_threshold = bool(proc_params["at_threshold"])

    def scale_threshold(self) -> None:
        """Align the threshold with v."""
        self.effective_vth = np.left_shift(self.vth, self.vth_shift)
        self.isthrscaled = True

    def spiking_activation(self) -> npt.NDArray[np.bool_]:
        """Say which neurons fire."""
        above: npt.NDArray[np.bool_] = self.v > self.effective_vth - self.at_threshold
        return above
