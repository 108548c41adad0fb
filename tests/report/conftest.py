"""Reports: a real one, and the same with every optional part filled."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

_REAL = Path(__file__).parent / "digits.json"


@pytest.fixture
def report() -> dict[str, Any]:
    """Return the report of compiling the digits example for Loihi 2 at half its SynOps, to lose 2 points at most.

    Its ``command`` made it, in a folder with examples/digits/digits.nir; digits.txt is what that printed.
    """
    loaded: dict[str, Any] = json.loads(_REAL.read_text(encoding="utf-8"))
    return loaded


@pytest.fixture
def validated(report: dict[str, Any]) -> dict[str, Any]:
    """Return the same with a backend run that agrees, a placement of its own, estimates, and a note."""
    full = copy.deepcopy(report)
    full["accuracy"]["backend"] = 0.96875
    full["synops"]["backend"] = {**full["synops"]["measured"], "mean": 79_101.5, "samples": 32}
    full["validation"] = {
        "backend": "lava",
        "samples": 32,
        "steps": 16,
        "populations": ["1", "3", "6", "8"],
        "bins": 461_824,
        "spikes": 48_012,
        "mismatches": 0,
        "first_divergence": None,
        "seconds": 41.3,
    }
    full["energy"] = {
        "low": 3.1e-6,
        "high": 5.2e-6,
        "parts": [
            {"name": "synaptic operations", "low": 1.8e-6, "high": 2.7e-6},
            {"name": "neuron updates", "low": 1.2e-6, "high": 1.9e-6},
            {"name": "spikes", "low": 0.1e-6, "high": 0.6e-6},
        ],
        "source": "Davies et al. 2018, https://doi.org/x",
        "estimate": True,
    }
    full["bottleneck"]["placement"] = "balance"
    full["bottleneck"]["by_own_rule"] = {"synops": 2_310.5, "messages": 96.2, "cores": 4}
    full["bottleneck"]["latency"] = {
        "low": 9.8e-5,
        "high": 2.6e-4,
        "bound": ["memory", "compute"],
        "source": "Yik et al. 2025, https://doi.org/y",
        "estimate": True,
    }
    full["adaptation"] = {
        "changed": ["1", "3"],
        "source": {"accuracy": 0.9833, "spikes": 1527.4},
        "adapted": {"accuracy": 0.9111, "spikes": 1204.9},
        "finetuned": {"accuracy": 0.9806, "spikes": 1318.2},
    }
    note = {"code": "N003", "where": "population '1'", "message": "they differ only at equality"}
    counted = {"code": "N004", "where": "population '3'", "message": "a decay was rounded"}
    full["notes"] = [
        {**note, "value": None, "limit": None, "slack": None},
        {**counted, "value": 0.03, "limit": 0.01, "slack": -0.02},
    ]
    full["steps"][-1].update(seconds=41.4, parts=[{"name": "validate", "seconds": 41.3}])
    return full


@pytest.fixture
def unproven(report: dict[str, Any]) -> dict[str, Any]:
    """Return a run whose backend died."""
    return {**copy.deepcopy(report), "failure": "E061 lava: the process died\n     fix: try again"}


@pytest.fixture
def diverged(validated: dict[str, Any]) -> dict[str, Any]:
    """Return a run on a backend that disagrees in three bins."""
    first = {"sample": 3, "step": 7, "population": "3", "neuron": [0, 4, 2], "emulator": 1, "backend": 0}
    validated["validation"].update(mismatches=3, first_divergence=first)
    return validated
