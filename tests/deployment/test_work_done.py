"""How often a deployment does the same work: composing, lowering."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from spear_deploy.network import graph
from spear_deploy.targets.loihi.target import LoihiCompiler
from tests.tiny_deployments import Deploy


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counter[tuple[str, Any]]:
    """Counts, for each network, how often its operations are composed and how often it is lowered."""
    found: Counter[tuple[str, Any]] = Counter()
    composing, lowering = graph.compose, LoihiCompiler.lower

    def compose(projections: Any, *arguments: Any) -> Any:
        projections = tuple(projections)
        found["composed", tuple(map(id, projections))] += 1
        return composing(projections, *arguments)

    def lower(self: LoihiCompiler, network: Any) -> Any:
        found["lowered", network.content_hash] += 1
        return lowering(self, network)

    monkeypatch.setattr(graph, "compose", compose)
    monkeypatch.setattr(LoihiCompiler, "lower", lower)
    return found


def test_every_network_is_composed_and_lowered_once(
    counts: Counter[tuple[str, Any]], run_deploy: Deploy, tmp_path: Path
) -> None:
    """Whoever asks for a network's synapses or program gets what was made before."""
    run_deploy(tmp_path / "build")
    assert {kind for kind, _ in counts} == {"composed", "lowered"}
    assert set(counts.values()) == {1}
