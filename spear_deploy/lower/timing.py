"""When populations run: the chip takes a step for every projection, the network takes none.

The step t of a population of level k falls on the chip's step k + t.  A projection gets as many extra steps of
delay as make its spikes arrive in the right step of its target's own time.
"""

from __future__ import annotations

from spear_deploy.errors import Finding, UnsupportedError
from spear_deploy.network import Network


def levels(network: Network) -> dict[str, int]:
    """Return the level of each population: the longest path from an input, in projections less their delays.

    Inputs are at 0, all others at 1 or more.  Raises :class:`UnsupportedError` (E025) with each loop that has fewer
    steps of delay than projections: the chip cannot close it in time.
    """
    level = {p.name: 0 if p.is_input else 1 for p in network.populations}
    for _ in network.populations:
        late = [p for p in network.projections if level[p.target] < level[p.source] + 1 - p.delay]
        if not late:
            return level
        for projection in late:
            level[projection.target] = level[projection.source] + 1 - projection.delay
    raise UnsupportedError([_too_fast(network, loop) for loop in sorted(network.loops) if _is_too_fast(network, loop)])


def extra_delays(network: Network, level: dict[str, int]) -> dict[str, int]:
    """Return the delay of each projection beyond the chip's one step, by name."""
    return {p.name: p.delay + level[p.target] - level[p.source] - 1 for p in network.projections}


def _is_too_fast(network: Network, loop: tuple[str, ...]) -> bool:
    """Say whether levels within the loop rise for ever."""
    inside = [p for p in network.projections if p.source in loop and p.target in loop]
    level = dict.fromkeys(loop, 0)
    for _ in range(len(loop) + 1):
        before = dict(level)
        for p in inside:
            level[p.target] = max(level[p.target], level[p.source] + 1 - p.delay)
        if level == before:
            return False
    return True


def _too_fast(network: Network, loop: tuple[str, ...]) -> Finding:
    inside = [p for p in network.projections if p.source in loop and p.target in loop]
    listed = ", ".join(f"{p.name} {p.delay}" for p in inside)
    message = f"a spike takes a step for each projection on the chip; the delays of this loop are shorter ({listed})"
    fix = "train with a delay of at least a step for each projection of the loop"
    return Finding("E025", " -> ".join((*loop, loop[0])), message, fix)
