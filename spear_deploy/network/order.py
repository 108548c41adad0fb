"""The order in which populations are executed within a time step, and the loops that they form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from graphlib import TopologicalSorter
from typing import NamedTuple


class Link(NamedTuple):
    """A connection by the names of its ends; ``lag`` is how many steps later the target sees a spike."""

    source: str
    target: str
    lag: int


def components(names: Sequence[str], links: Iterable[Link]) -> tuple[tuple[str, ...], ...]:
    """Return the strongly connected components of a graph, sources before targets.

    A component of several names, or of one linked to itself, is a loop: its members are run together step by step, in
    the order returned, in which sources come before targets of links without lag.  Ties are broken by the order of
    ``names``.  Raises :class:`graphlib.CycleError` for a loop without any lag.
    """
    links = tuple(links)
    rank = {name: index for index, name in enumerate(names)}
    ahead: dict[str, list[str]] = {name: [] for name in names}
    back: dict[str, list[str]] = {name: [] for name in names}
    for link in links:
        ahead[link.source].append(link.target)
        back[link.target].append(link.source)
    component_of: dict[str, str] = {}
    visited: set[str] = set()
    for name in reversed(_finishing_order(names, ahead, set())):  # Kosaraju: reversed, a search stays in a component
        component_of |= dict.fromkeys(_finishing_order([name], back, visited), name)
    members: dict[str, list[str]] = {}
    for name in names:
        members.setdefault(component_of[name], []).append(name)
    zero_lag_sources: dict[str, set[str]] = {name: set() for name in names}
    for link in links:
        if link.lag == 0 and component_of[link.source] == component_of[link.target]:
            zero_lag_sources[link.target].add(link.source)
    outer: dict[str, set[str]] = {}
    for first, group in members.items():
        sources = {component_of[source] for name in group for source in back[name]}
        outer[first] = sources - {first}
    first_rank = {first: min(rank[name] for name in group) for first, group in members.items()}
    ordered = []
    for first in _sort(outer, first_rank):
        inner = {name: zero_lag_sources[name] for name in members[first]}
        ordered.append(tuple(_sort(inner, rank)))
    return tuple(ordered)


def loops(groups: Iterable[tuple[str, ...]], links: Iterable[Link]) -> frozenset[tuple[str, ...]]:
    """Return those of the :func:`components` that are loops."""
    to_itself = {link.source for link in links if link.source == link.target}
    return frozenset(group for group in groups if len(group) > 1 or group[0] in to_itself)


def _finishing_order(roots: Sequence[str], edges: Mapping[str, Sequence[str]], visited: set[str]) -> list[str]:
    """Return the unvisited nodes that ``roots`` reach, in the order in which a depth-first search leaves them."""
    left: list[str] = []
    for root in roots:
        if root in visited:
            continue
        visited.add(root)
        path = [(root, iter(edges[root]))]
        while path:
            name, following = path[-1]
            unseen = next((other for other in following if other not in visited), None)
            if unseen is None:
                left.append(name)
                path.pop()
            else:
                visited.add(unseen)
                path.append((unseen, iter(edges[unseen])))
    return left


def _sort(sources: Mapping[str, set[str]], rank: Mapping[str, int]) -> list[str]:
    sorter = TopologicalSorter(sources)
    sorter.prepare()
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=rank.__getitem__)
        order.extend(ready)
        sorter.done(*ready)
    return order
