"""When populations run: a spike takes no step from an input, and one from a neuron, and there are no other delays.

The step t of a population at depth k falls on the chip's step k + t.  With a delay D in the network, a projection
fixes how its ends lie: depth of the target = depth of the source + steps of the chip - D.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from spear_deploy.network import Network, Projection


@dataclass(frozen=True)
class Timing:
    """The depth of every population, inputs at 0, and the projections whose spikes would arrive at another step.

    ``early`` gives for each of these the steps by which the chip is ahead of the network, or behind (negative);
    ``negative`` are populations that would have to run ahead of the input.
    """

    depths: Mapping[str, int]
    early: Mapping[str, int]

    @property
    def negative(self) -> tuple[str, ...]:
        """Populations that would have to run ahead of the input."""
        return tuple(name for name, depth in self.depths.items() if depth < 0)


def timing_of(network: Network) -> Timing:
    """Return how a network's populations run on the chip."""
    inputs = {port.name for port in network.inputs}
    lags = {p.name: (0 if p.source in inputs else 1) - p.delay for p in network.projections}
    depths = dict.fromkeys(inputs, 0)
    for name in network.order:
        if name not in depths:  # driven by nothing that an input reaches
            depths[name] = 0
        _spread(name, depths, network, lags)
    early = {}
    for projection in network.projections:
        arrives = depths[projection.source] + lags[projection.name]
        if arrives != depths[projection.target]:
            early[projection.name] = depths[projection.target] - arrives
    return Timing(depths, early)


def _spread(start: str, depths: dict[str, int], network: Network, lags: Mapping[str, int]) -> None:
    """Give a depth to all that is joined to a population and has none."""
    waiting = [start]
    while waiting:
        name = waiting.pop()
        for projection in (*network.out_of(name), *network.into(name)):
            other, depth = _other_end(name, projection, depths[name], lags[projection.name])
            if other not in depths:
                depths[other] = depth
                waiting.append(other)


def _other_end(name: str, projection: Projection, depth: int, lag: int) -> tuple[str, int]:
    return (projection.target, depth + lag) if projection.source == name else (projection.source, depth - lag)
