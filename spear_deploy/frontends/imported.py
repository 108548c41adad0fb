"""An imported network with the semantics with which it was read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from spear_deploy.errors import Finding, InputError
from spear_deploy.frontends.semantics import Semantics
from spear_deploy.network import Network
from spear_deploy.network.finite import finite_findings
from spear_deploy.recording import Recording

if TYPE_CHECKING:
    import nir

    from spear_deploy.execution import Execution


@dataclass(frozen=True)
class Imported:
    """An imported network, the semantics it was read with, and notes on what was inferred or repaired.

    ``name`` is the name of its file without suffix, or of its class.
    Raises :class:`~spear_deploy.errors.InputError` (E028) with every projection whose weights are not finite.
    """

    network: Network
    semantics: Semantics
    notes: tuple[Finding, ...] = ()
    name: str = "network"

    def __post_init__(self) -> None:
        findings = finite_findings(self.network)
        if findings:
            raise InputError(findings)

    def simulate(self, x: NDArray[Any] | Mapping[str, NDArray[Any]], execution: Execution | None = None) -> Recording:
        """Run the float network on ``x`` (steps, samples, *shape); for several inputs, a mapping by name.

        Returns spikes and membranes of every population, (steps, samples, *shape), by name.
        Raises :class:`~spear_deploy.errors.InputError` (E005) for an input that is missing or of another shape.
        """
        from spear_deploy.simulate.record import simulate

        return simulate(self.network, x, execution)

    def to_nir(self) -> nir.NIRGraph:
        """Return the network as a graph of the ``nir`` package, with its semantics in the metadata.

        Raises :class:`~spear_deploy.errors.InputError` (E064) without that package.
        """
        from spear_deploy.frontends.nir.package import to_package
        from spear_deploy.frontends.nir.writer import to_graph

        return to_package(to_graph(self.network, self.semantics))

    def save(self, path: Path | str) -> None:
        """Write the network as a NIR file that carries its semantics."""
        from spear_deploy.frontends.nir.writer import save

        save(path, self.network, self.semantics)
