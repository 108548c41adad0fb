"""The interface of a chip family that runs sigma-delta networks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from numpy.typing import NDArray

from spear_deploy.network.sigma_delta import SigmaDeltaNetwork
from spear_deploy.recording import Recording, as_inputs
from spear_deploy.targets.protocol import Lowered


@dataclass(frozen=True, eq=False)
class LoweredSigmaDelta(Lowered):
    """A network on one chip; :meth:`emulate` runs its integers, which are the program's as they stand."""

    network: SigmaDeltaNetwork = field(kw_only=True)

    def simulate(self, x: NDArray[Any]) -> Recording:
        """Run the network in real numbers, without rounding of messages.

        ``x`` (steps, samples, *shape) are the integers that :meth:`emulate` takes.  What is returned is in units of the
        encoder's integers: see :func:`spear_deploy.simulate.sigma_delta.simulate_sigma_delta`.
        Raises :class:`~spear_deploy.errors.InputError` (E005) for another shape.
        """
        from spear_deploy.simulate.sigma_delta import simulate_sigma_delta

        given = self.network.input
        return simulate_sigma_delta(self.network, as_inputs({given.name: given.shape}, x)[given.name])


@runtime_checkable
class SigmaDeltaTarget(Protocol):
    """A chip family that runs networks of sigma-delta neurons."""

    def lower_sigma_delta(self, chip: Any, network: SigmaDeltaNetwork) -> LoweredSigmaDelta:
        """Place a network on a chip; raise :class:`UnsupportedError` (E034) if its spikes carry too few bits."""
