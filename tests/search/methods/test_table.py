"""The table of methods: importing one imports no other, nor its library."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"gymnasium", "stable_baselines3", "optuna", "cmaes"}


@pytest.mark.parametrize(
    ("name", "needed"),
    [
        ("uniform", set()),
        ("taylor", set()),
        ("random", set()),
        ("tpe", {"optuna"}),
        ("cmaes", {"optuna"}),
        ("spear", {"gymnasium", "stable_baselines3"}),
    ],
)
def test_a_method_imports_its_own_library_alone(name: str, needed: set[str]) -> None:
    """Neither reinforcement learning nor Optuna is imported for a method that needs it not."""
    code = (
        f"import sys; from spear_deploy.search.methods import METHODS; METHODS.get({name!r});"
        f"assert {HEAVY!r} & set(sys.modules) == {needed or 'set()'}, {HEAVY!r} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
