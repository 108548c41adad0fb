"""Lava's Sigma, which begins every sample anew."""

from typing import Any

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.sdn.models import AbstractSigmaModel
from lava.proc.sdn.process import Sigma

from spear_deploy_lava.sigma_delta_neurons import PyPeriodicStates


class PeriodicSigma(Sigma):
    """Lava's decoder; its sum is zeroed every ``interval`` steps, and what is on its way then is dropped."""

    def __init__(self, *, interval: int, **options: Any) -> None:
        super().__init__(**options)
        self.proc_params["interval"] = interval


@implements(proc=PeriodicSigma, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyPeriodicSigma(PyPeriodicStates, AbstractSigmaModel):
    """Model of :class:`PeriodicSigma`; the arithmetic is Lava's own."""

    def run_spk(self) -> None:
        """Add one step up."""
        arrived = self.a_in.recv()
        self.sigma = self.sigma_dynamics(np.zeros_like(arrived) if self.begins() else arrived)
        self.s_out.send(self.sigma)
