"""Lava's SigmaDelta, which begins every sample anew."""

from typing import Any

import numpy as np
import numpy.typing as npt
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.sdn.models import AbstractSigmaDeltaModel
from lava.proc.sdn.process import SigmaDelta

from spear_deploy_lava.sigma_delta_neurons import PyPeriodicDelta


class PeriodicSigmaDelta(SigmaDelta):
    """Lava's neuron; its states are zeroed every ``interval`` steps, and what is on its way then is dropped."""

    def __init__(self, *, interval: int, **options: Any) -> None:
        super().__init__(**options, interval=interval)


@implements(proc=PeriodicSigmaDelta, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyPeriodicSigmaDelta(PyPeriodicDelta, AbstractSigmaDeltaModel):
    """Model of :class:`PeriodicSigmaDelta`; the arithmetic is Lava's own."""

    bias: npt.NDArray[np.int32] = LavaPyType(np.ndarray, np.int32, precision=16)

    def run_spk(self) -> None:
        """Add one step up and send what it changes."""
        arrived = self.a_in.recv()
        changes = self.dynamics(np.zeros_like(arrived) if self.begins() else arrived)
        self.s_out.send(np.right_shift(changes, self.state_exp))
