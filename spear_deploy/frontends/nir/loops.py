"""The position of the delay in a loop, which NIR does not define.

The edge that leaves a neuron and closes a loop takes one step (``neuron -> w_rec`` in ``neuron -> w_rec -> neuron``),
so that recurrent biases act from the first step: this reproduces snnTorch's recurrent layers bit for bit.  A loop
through a Delay node of at least one step needs no further delay.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from math import inf

from spear_deploy.network.order import Link, components, loops

Edge = tuple[str, str]


def loops_without_neuron(edges: Collection[Edge], neurons: Collection[str]) -> list[tuple[str, ...]]:
    """Return the loops without a neuron: they have no meaning within a time step."""
    links = [Link(a, b, 1) for a, b in edges if a not in neurons and b not in neurons]
    names = sorted({end for link in links for end in link[:2]})
    return sorted(loops(components(names, links), links))


def closing_edges(
    edges: Collection[Edge],
    neurons: Collection[str],
    inputs: Collection[str],
    outputs: Collection[str],
    delayed: Collection[str],
) -> frozenset[Edge]:
    """Return the edges, out of neurons, that take a step so that every loop has one.

    ``delayed`` names the nodes that delay their output.  Nodes are executed once all their sources are done; when none
    is ready, the loop is closed at the node by which it is entered: the one nearest to the inputs, then farthest from
    the outputs, then first by name.
    """
    waits_for: dict[str, set[str]] = {end: set() for edge in sorted(edges) for end in edge}
    for source, target in edges:
        if source not in delayed:
            waits_for[target].add(source)
    depth, height = _distances(edges, inputs, neurons), _distances([(b, a) for a, b in edges], outputs, neurons)
    closing: set[Edge] = set()
    pending = _nodes_waiting_for_loop(waits_for)
    while pending:
        blocked = set(pending)
        links = [Link(a, b, 1) for b in pending for a in sorted(waits_for[b] & blocked)]
        loop = set(components(pending, links)[0])
        entry = min(
            sorted(loop),
            key=lambda n: (waits_for[n] <= loop, depth.get(n, inf), -height.get(n, inf)),
        )
        for source, target in _edges_into(entry, loop, waits_for, neurons):
            waits_for[target].discard(source)
            closing.add((source, target))
        pending = _nodes_waiting_for_loop({n: waits_for[n] & blocked for n in pending})
    return frozenset(closing)


def self_feeding_neurons(edges: Collection[Edge], neurons: Collection[str]) -> frozenset[str]:
    """Return the neurons that feed themselves through nodes without neurons."""
    sources: dict[str, set[str]] = {end: set() for edge in edges for end in edge}
    for source, target in edges:
        sources[target].add(source)
    found = {n for n in sources if n in neurons for a, _ in _edges_into(n, set(sources), sources, neurons) if a == n}
    return frozenset(found)


def _nodes_waiting_for_loop(waits_for: Mapping[str, set[str]]) -> list[str]:
    """Return the nodes that cannot be executed because they wait for a loop, sorted."""
    left = {name: len(sources) for name, sources in waits_for.items()}
    targets: dict[str, list[str]] = {name: [] for name in waits_for}
    for name, sources in waits_for.items():
        for source in sources:
            targets[source].append(name)
    ready = [name for name, count in left.items() if not count]
    while ready:
        for target in targets[ready.pop()]:
            left[target] -= 1
            if not left[target]:
                ready.append(target)
    return sorted(name for name, count in left.items() if count)


def _edges_into(entry: str, loop: set[str], waits_for: Mapping[str, set[str]], neurons: Collection[str]) -> list[Edge]:
    """Return the edges out of neurons of ``loop`` that reach ``entry`` through nodes without neurons only."""
    found, seen, waiting = [], {entry}, [entry]
    while waiting:
        target = waiting.pop()
        for source in sorted(waits_for[target] & loop):
            if source in neurons:
                found.append((source, target))
            elif source not in seen:
                seen.add(source)
                waiting.append(source)
    return found


def _distances(edges: Iterable[Edge], starts: Collection[str], neurons: Collection[str]) -> dict[str, int]:
    """Return the number of neurons on the shortest path from ``starts`` to each node, the node included."""
    ahead: dict[str, list[str]] = {}
    for source, target in edges:
        ahead.setdefault(source, []).append(target)
    distance = dict.fromkeys(starts, 0)
    waiting = deque(sorted(starts))
    while waiting:
        name = waiting.popleft()
        for target in ahead.get(name, ()):
            further = distance[name] + (target in neurons)
            if further < distance.get(target, inf):
                distance[target] = further
                if target in neurons:
                    waiting.append(target)
                else:
                    waiting.appendleft(target)
    return distance
