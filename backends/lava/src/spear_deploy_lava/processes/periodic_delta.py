"""Lava's Delta, which begins every sample anew."""

from typing import Any

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.sdn.models import AbstractDeltaModel
from lava.proc.sdn.process import Delta

from spear_deploy_lava.sigma_delta_neurons import PyPeriodicDelta


class PeriodicDelta(Delta):
    """Lava's encoder; its states are zeroed every ``interval`` steps, before the values of that step."""

    def __init__(self, *, interval: int, **options: Any) -> None:
        super().__init__(**options)
        self.proc_params["interval"] = interval


@implements(proc=PeriodicDelta, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyPeriodicDeltaEncoder(PyPeriodicDelta, AbstractDeltaModel):
    """Model of :class:`PeriodicDelta`; the arithmetic is Lava's own."""

    def run_spk(self) -> None:
        """Encode one step."""
        self.begins()
        values = np.left_shift(self.a_in.recv(), self.spike_exp + self.state_exp)
        changes = self.delta_dynamics(values)
        self.act = values
        self.s_out.send(np.right_shift(changes, self.state_exp))
