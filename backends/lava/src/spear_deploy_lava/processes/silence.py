"""Ties populations together that no synapse joins."""

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol


class Silence(AbstractProcess):
    """Receives anything of shape ``source`` and sends zeros of shape ``target``.

    Lava runs the processes that it can reach over connections; a population that lives on its bias
    alone is reached over this.
    """

    def __init__(self, *, source: tuple[int, ...], target: tuple[int, ...]) -> None:
        super().__init__()
        self.s_in = InPort(shape=source)
        self.a_out = OutPort(shape=target)


@implements(proc=Silence, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PySilence(PyLoihiProcessModel):
    """Model of :class:`Silence`."""

    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)
    a_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32)

    def run_spk(self) -> None:
        """Discard one step."""
        self.a_out.send(np.zeros(self.a_out.shape, np.int32))
        self.s_in.recv()
