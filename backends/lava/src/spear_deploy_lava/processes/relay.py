"""Passes spikes on: later, and only those that arrive within their sample."""

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
    """Sends at step t what it received at step ``t - delay``, which may be t itself.

    ``level``, ``interval`` and ``lag`` are steps: the source starts a sample every ``interval`` steps, the first
    at step ``level + 1``, and its target sees a spike ``lag`` steps later in time of its own.  What the source
    sends in the last ``lag`` steps of a sample would arrive after the sample's end, in the next one; it is dropped.
    """

    def __init__(self, *, shape: tuple[int, ...], delay: int, level: int, interval: int, lag: int) -> None:
        super().__init__(shape=shape, delay=delay, level=level, interval=interval, lag=lag)
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
        self.level = proc_params["level"]
        self.interval = proc_params["interval"]
        self.in_time = self.interval - proc_params["lag"]
        self.kept = np.zeros((proc_params["delay"] + 1, *proc_params["shape"]), np.int32)

    def run_spk(self) -> None:
        """Keep the newest step in place of the oldest, and send what is now the oldest."""
        arrived = self.s_in.recv()
        elapsed = (self.time_step - 1 - self.level) % self.interval
        self.kept[self.time_step % len(self.kept)] = arrived if elapsed < self.in_time else 0
        self.s_out.send(self.kept[(self.time_step + 1) % len(self.kept)])
