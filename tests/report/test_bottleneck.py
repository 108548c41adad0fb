"""The busiest core and the time of a sample, in words."""

from __future__ import annotations

from typing import Any

from spear_deploy.report.bottleneck import bottleneck_words, latency_words


def test_the_core_is_named_with_what_it_does(report: dict[str, Any]) -> None:
    """Core, population, SynOps a step, its share; what could not be said of the time, and why."""
    found, loads = report["bottleneck"], report["pictures"]["cores"]["loads"]
    assert found["synops"] == max(load["synops"] for load in loads)
    words = bottleneck_words(report)
    assert words.startswith(
        f"core {found['core']} (population {found['population']!r}): 1,924 SynOps a step, 40.5% of all; "
    )
    assert "by the chip's own rule" not in words
    assert latency_words(report) == "not estimated: no times of operations are published for loihi2"


def test_a_placement_of_its_own_is_held_beside_the_rule(validated: dict[str, Any]) -> None:
    """What the target's own rule would give, and the estimate with its sources and what bounds it."""
    words = bottleneck_words(validated)
    assert words.endswith("; placed by balance: by the chip's own rule 2,310 SynOps, 96 messages")
    latency = latency_words(validated)
    assert latency.startswith(
        "98 us to 260 us a sample, bound by memory (reading synapses) or compute (updating neurons)"
    )
    assert "an ESTIMATE" in latency
    assert latency.endswith("(Yik et al. 2025, https://doi.org/y)")
