"""Records what a population sends, into shared memory."""

from typing import Any

import numpy as np
import numpy.typing as npt
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol


class Sink(AbstractProcess):
    """Writes what arrives at step t to ``record[t - 1 - level]``, flattened in C, H, W order.

    ``record`` is an array in shared memory: (total steps, neurons) int32, or (total steps,
    ceil(neurons / 8)) uint8 for spikes, eight to a byte, the first in the highest bit.  Reading a Var
    instead would take 50 microseconds for each element.
    """

    def __init__(self, *, shape: tuple[int, ...], record: npt.NDArray[Any], level: int) -> None:
        super().__init__(record=record, level=level)
        self.a_in = InPort(shape=shape)


@implements(proc=Sink, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PySink(PyLoihiProcessModel):
    """Model of :class:`Sink`."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self.record = proc_params["record"]
        self.level = proc_params["level"]
        self.packed = self.record.dtype == np.uint8

    def run_spk(self) -> None:
        """Record one step."""
        values = self.a_in.recv().T.ravel()
        index = self.time_step - 1 - self.level
        if 0 <= index < len(self.record):
            self.record[index] = np.packbits(values != 0) if self.packed else values
