"""Feeds a whole data set into a network, one step of one sample after the other."""

from typing import Any

import numpy as np
import numpy.typing as npt
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol


class DataSource(AbstractProcess):
    """Sends ``data[t - 1]`` at step t, then zeros.

    ``data`` is (total steps, *shape).  ``clock`` is an int64 array in shared memory; its first
    element is set to the step, counted on from the ``done`` steps of earlier networks.
    """

    def __init__(self, *, data: npt.NDArray[Any], clock: npt.NDArray[np.int64], done: int = 0) -> None:
        super().__init__(data=data, clock=clock, done=done)
        self.s_out = OutPort(shape=data.shape[1:])


@implements(proc=DataSource, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyDataSource(PyLoihiProcessModel):
    """Model of :class:`DataSource`."""

    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self.data = proc_params["data"]
        self.clock = proc_params["clock"]
        self.done = proc_params["done"]
        self.silence = np.zeros(self.data.shape[1:], self.data.dtype)

    def run_spk(self) -> None:
        """Send one step."""
        index = self.time_step - 1
        self.s_out.send(self.data[index] if index < len(self.data) else self.silence)
        self.clock[0] = self.done + self.time_step
