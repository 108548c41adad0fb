"""What tells two runs apart is told by the options that set it."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest

from spear_deploy.frontends.semantics import preset
from spear_deploy.identity import differing
from spear_deploy.search.options import EFFORTS, SearchOptions
from spear_deploy.storage import as_json
from spear_deploy.train.config import FinetuneConfig

SNN = preset("snntorch")
EARLY = replace(SNN, dt=1e-3, reset_delay=False)


def identity(search: SearchOptions = EFFORTS["normal"], **parts: Any) -> dict[str, Any]:
    """Return the identity of a run, as its journal holds it."""
    usual = {
        "network": 64 * "a",
        "semantics": SNN.to_json(),
        "chip": ["loihi2", "f"],
        "weight_bits": 8,
        "keep_to": None,
        "data": ["digits", "f"],
        "limits": {"synops": 500.0},
        "seed": 0,
        "search": as_json(asdict(search)),
        "versions": {"numpy": "1"},
    }
    return usual | parts


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (identity(network=64 * "b"), "MODEL"),
        (
            identity(semantics=EARLY.to_json()),
            "--dt (0.0001, now 0.001), --reset-delay",
        ),
        (identity(semantics=replace(SNN, gain="literal").to_json()), "--semantics (unit, now literal)"),
        (identity(chip=["loihi1", "g"], data=["digits", "g"]), "--chip, --data"),
        (identity(weight_bits=4, keep_to="net"), "--net (none, now net), --weight-bits (8, now 4)"),
        (identity(limits={"synops_p95": 9.0}), "--synops (500.0, now none), --synops-p95 (none, now 9.0)"),
        (identity(versions={"numpy": "2"}), "the version of numpy (1, now 2)"),
        (identity(replace(EFFORTS["normal"], method="spear")), "--method (synapses, now spear)"),
        (identity(replace(EFFORTS["normal"], finish=FinetuneConfig(epochs=3))), "--epochs"),
        (identity(EFFORTS["quick"]), "--effort"),
        (identity(EFFORTS["normal"].training(decide="last", augment=())), "--decide (none, now last)"),
        (identity(semantics="no JSON"), "--semantics"),
    ],
)
def test_options_are_named(other: dict[str, Any], told: str) -> None:
    """By the one that was typed, with both values where they are short."""
    assert differing(identity(), other).startswith(told)
    assert differing(identity(), identity()) == ""
