"""Execution order: components, loops, and the order within them."""

from __future__ import annotations

from graphlib import CycleError
from itertools import pairwise

import networkx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spear_deploy.network.order import Link, components, loops


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[str], list[Link]]:
    """Names, and links of any lag between any of them."""
    names = [f"n{i}" for i in range(draw(st.integers(1, 8)))]
    link = st.builds(Link, st.sampled_from(names), st.sampled_from(names), st.integers(0, 2))
    return names, draw(st.lists(link, max_size=16))


@settings(max_examples=300, deadline=None)
@given(graphs())
def test_components_are_strongly_connected_and_in_order(graph):
    """They are networkx's; no link leads back, and none without lag leads back within one; else CycleError."""
    names, links = graph
    oracle = networkx.MultiDiGraph()
    oracle.add_nodes_from(names)
    oracle.add_edges_from((k.source, k.target) for k in links)
    zero_lag_sources = networkx.DiGraph([(k.source, k.target) for k in links if k.lag == 0])
    if not networkx.is_directed_acyclic_graph(zero_lag_sources):
        with pytest.raises(CycleError):
            components(names, links)
        return
    groups = components(names, links)
    assert {frozenset(group) for group in groups} == set(map(frozenset, networkx.strongly_connected_components(oracle)))
    group_of = {name: index for index, group in enumerate(groups) for name in group}
    place = {name: index for index, name in enumerate(name for group in groups for name in group)}
    for link in links:
        assert group_of[link.source] <= group_of[link.target]
        assert link.lag or place[link.source] < place[link.target]
    recurrent = {frozenset(g) for g in groups if len(g) > 1} | {
        frozenset({k.source}) for k in links if k.source == k.target
    }
    assert {frozenset(loop) for loop in loops(groups, links)} == {
        g for g in recurrent if g in set(map(frozenset, groups))
    }


def test_long_chains_are_no_problem():
    """Thousands of populations in a row, and back to the first, need no deep recursion."""
    names = [f"n{i}" for i in range(5000)]
    links = [Link(a, b, 0) for a, b in pairwise(names)]
    assert components(names, links) == tuple((name,) for name in names)
    assert components(names, [*links, Link(names[-1], names[0], 1)]) == (tuple(names),)
