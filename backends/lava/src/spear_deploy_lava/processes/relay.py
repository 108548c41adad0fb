"""Delays spikes."""

from typing import Any

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol


class Relay(AbstractProcess):
    """Sends at step t what it received at step ``t - delay``; ``delay`` is 1 or more."""

    def __init__(self, *, shape: tuple[int, ...], delay: int) -> None:
        super().__init__(shape=shape, delay=delay)
        self.s_in = InPort(shape=shape)
        self.s_out = OutPort(shape=shape)


@implements(proc=Relay, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyRelay(PyLoihiProcessModel):
    """Model of :class:`Relay`."""

    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self.waiting = np.zeros((proc_params["delay"], *proc_params["shape"]), np.int32)

    def run_spk(self) -> None:
        """Send the oldest step and keep the newest in its place."""
        slot = self.time_step % len(self.waiting)
        self.s_out.send(self.waiting[slot])
        self.waiting[slot] = self.s_in.recv()
