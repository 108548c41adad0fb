"""How often a deployment does the same work: composing, lowering."""

from __future__ import annotations

import hashlib
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
        projections, digest = tuple(projections), hashlib.sha256()
        graph._feed(digest, (projections, tuple(arguments[0].items()) if arguments else ()))
        found["composed", digest.hexdigest()] += 1
        return composing(projections, *arguments)

    def lower(self: LoihiCompiler, network: Any) -> Any:
        found["lowered", network.content_hash] += 1
        return lowering(self, network)

    monkeypatch.setattr(graph, "compose", compose)
    monkeypatch.setattr(LoihiCompiler, "lower", lower)
    return found


def test_no_network_is_composed_or_lowered_again(
    counts: Counter[tuple[str, Any]], run_deploy: Deploy, tmp_path: Path
) -> None:
    """Equal networks are lowered once and composed once; those chosen for fine-tuning, long after, once more at most.

    All networks that were judged would fill the memory if they were kept until then.
    """
    work = run_deploy(tmp_path / "build")
    assert {kind for kind, _ in counts} == {"composed", "lowered"}
    assert {count for (kind, _), count in counts.items() if kind == "lowered"} == {1}
    again = [count - 1 for (kind, _), count in counts.items() if kind == "composed" and count > 1]
    assert set(again) <= {1}
    assert len(again) <= len(work.search.compared)
