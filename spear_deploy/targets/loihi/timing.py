"""When populations run: the chip takes a step for every projection, the network takes none.

The step t of a population of level k falls on the chip's step k + t.  A projection gets as many extra steps of
delay as make its spikes arrive in the right step of its target's own time.
"""

from __future__ import annotations

from collections.abc import Sequence

from spear_deploy.errors import Finding, UnsupportedError
from spear_deploy.network import Network, Projection


def levels(network: Network) -> dict[str, int]:
    """Return the level of each population: the longest path from an input, in projections less their delays.

    Inputs are at 0, all others at 1 or more.  Raises :class:`UnsupportedError` (E025) with each loop that has fewer
    steps of delay than projections: the chip cannot close it in time.
    """
    level = _risen({p.name: 0 if p.is_input else 1 for p in network.populations}, network.projections)
    if level is not None:
        return level
    inside = {loop: [p for p in network.projections if {p.source, p.target} <= set(loop)] for loop in network.loops}
    too_fast = [loop for loop in sorted(inside) if _risen(dict.fromkeys(loop, 0), inside[loop]) is None]
    raise UnsupportedError([_finding(loop, inside[loop]) for loop in too_fast])


def extra_delays(network: Network, level: dict[str, int]) -> dict[str, int]:
    """Return the delay of each projection beyond the chip's one step, by name."""
    return {p.name: p.delay + level[p.target] - level[p.source] - 1 for p in network.projections}


def _risen(level: dict[str, int], projections: Sequence[Projection]) -> dict[str, int] | None:
    """Return the least levels, none below ``level``, at which no spike arrives too late; None if there are none."""
    level = dict(level)
    for _ in range(len(level) + 1):
        late = [p for p in projections if level[p.target] < level[p.source] + 1 - p.delay]
        if not late:
            return level
        for projection in late:
            level[projection.target] = max(level[projection.target], level[projection.source] + 1 - projection.delay)
    return None


def _finding(loop: tuple[str, ...], inside: Sequence[Projection]) -> Finding:
    listed = ", ".join(f"{p.name} {p.delay}" for p in inside)
    message = f"a spike takes a step for each projection on the chip; the delays of this loop are shorter ({listed})"
    fix = "train with a delay of at least a step for each projection of the loop"
    return Finding("E025", " -> ".join((*loop, loop[0])), message, fix)
