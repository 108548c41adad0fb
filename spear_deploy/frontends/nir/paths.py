"""Paths of nodes without neurons from one population to another: each is a projection, by linearity."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from graphlib import TopologicalSorter

import numpy as np

from spear_deploy.errors import UnsupportedError
from spear_deploy.frontends.nir.ops import Delays, Step
from spear_deploy.network import Conv2d, Linear, LinearOp, Scale

_MAX_PATHS = 1 << 12


@dataclass(frozen=True)
class Path:
    """A path from population ``origin`` to a node: its named operations, and its total delay in steps.

    ``delays`` names the Delay nodes on it that have no operation.
    """

    origin: str
    ops: tuple[tuple[str, LinearOp], ...] = ()
    delay: int = 0
    delays: tuple[str, ...] = ()

    def name(self, target: str) -> str:
        """Return the name of the projection: its last node with weights, else its last node, else both ends."""
        weighted = [name for name, op in self.ops if isinstance(op, Conv2d | Linear)]
        named = weighted or [name for name, _ in self.ops] or list(self.delays)
        return named[-1] if named else f"{self.origin}-{target}"


def paths_into(
    populations: Collection[str],
    steps: Mapping[str, Step],
    sources: Mapping[str, Sequence[str]],
    closing: Collection[tuple[str, str]],
) -> dict[str, list[Path]]:
    """Return the paths into each population, in an order that depends only on names.

    ``sources`` gives each node's predecessors, ``closing`` the edges that take a step.  A bias acts once even if
    several paths pass its node: the first one keeps it.  A Delay with several different delays gives a path for each,
    with a Scale of zeros and ones.  Raises :class:`UnsupportedError` (E021) for a graph with too many paths.
    """
    through: dict[str, list[Path]] = {}
    order = TopologicalSorter(
        {node: [source for source in sorted(sources[node]) if source in steps] for node in sorted(steps)}
    )
    for node in order.static_order():
        through[node] = _apply_operation(node, steps[node], _paths_into(node, populations, sources, through, closing))
    return {name: _paths_into(name, populations, sources, through, closing) for name in sorted(populations)}


def _paths_into(
    node: str,
    populations: Collection[str],
    sources: Mapping[str, Sequence[str]],
    through: Mapping[str, list[Path]],
    closing: Collection[tuple[str, str]],
) -> list[Path]:
    arriving: list[Path] = []
    for source in sorted(sources[node]):
        if source in populations:
            arriving.append(Path(source, delay=int((source, node) in closing)))
        else:
            arriving += through[source]
        if len(arriving) > _MAX_PATHS:
            message = f"more than {_MAX_PATHS} ways lead to it between two populations"
            raise UnsupportedError.of("E021", f"node {node!r}", message, "join its linear nodes into one")
    return arriving


def _apply_operation(name: str, step: Step, arriving: list[Path]) -> list[Path]:
    match step:
        case None:
            return arriving
        case Delays():
            return [delayed for path in arriving for delayed in _add_delay(name, step, path)]
        case Conv2d() | Linear():
            bare = replace(step, bias=None)
            ops = (step, *(bare for _ in arriving[1:]))
            return [replace(path, ops=(*path.ops, (name, op))) for path, op in zip(arriving, ops, strict=False)]
        case _:
            return [replace(path, ops=(*path.ops, (name, step))) for path in arriving]


def _add_delay(name: str, delays: Delays, path: Path) -> list[Path]:
    distinct = np.unique(delays.steps)
    if len(distinct) == 1 and not distinct[0]:
        return [path]
    if len(distinct) == 1:
        return [replace(path, delay=path.delay + int(distinct[0]), delays=(*path.delays, name))]
    masks = [(int(steps), Scale((delays.steps == steps).astype(np.float32))) for steps in distinct]
    return [replace(path, ops=(*path.ops, (name, mask)), delay=path.delay + steps) for steps, mask in masks]
