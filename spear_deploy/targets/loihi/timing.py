"""When populations run: the chip takes one step for every projection, the network none.

The step t of a population at depth k falls on the chip's step k + t.  A projection gets as many extra steps of
delay as make its spikes arrive in the right step of its target's own time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spear_deploy.network import Network, Projection


def pipeline_depths(network: Network) -> dict[str, int] | None:
    """Return the depth of each population: the longest path from an input, in projections less their delays.

    Inputs are at 0, all others at 1 or more.  None: a loop has fewer steps of delay than projections, and the chip
    cannot close it in time (:func:`too_fast_loops`).
    """
    inputs = {port.name for port in network.inputs}
    return _relax({name: 0 if name in inputs else 1 for name in network.shapes}, network.projections)


def too_fast_loops(network: Network) -> list[tuple[tuple[str, ...], Sequence[Projection]]]:
    """Return each loop that has fewer steps of delay than projections, with the projections inside it."""
    inside = {loop: [p for p in network.projections if {p.source, p.target} <= set(loop)] for loop in network.loops}
    return [(loop, inside[loop]) for loop in sorted(inside) if _relax(dict.fromkeys(loop, 0), inside[loop]) is None]


def extra_delays(network: Network, depths: Mapping[str, int]) -> dict[str, int]:
    """Return the delay of each projection beyond the chip's one step, by name."""
    return {p.name: p.delay + depths[p.target] - depths[p.source] - 1 for p in network.projections}


def _relax(depths: dict[str, int], projections: Sequence[Projection]) -> dict[str, int] | None:
    """Return the least depths, none below those given, at which no spike arrives too late; None if there are none."""
    depths = dict(depths)
    for _ in range(len(depths) + 1):
        overdue = [p for p in projections if depths[p.target] < depths[p.source] + 1 - p.delay]
        if not overdue:
            return depths
        for projection in overdue:
            arrival = depths[projection.source] + 1 - projection.delay
            depths[projection.target] = max(depths[projection.target], arrival)
    return None
