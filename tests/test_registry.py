"""Tables by name: lazily imported, open to other distributions and to the running program."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from spear_deploy import registry
from spear_deploy.errors import InputError
from spear_deploy.registry import Registry


@pytest.fixture
def table() -> Registry[object]:
    return Registry("thing", {"prod": "math:prod", "dumps": "json:dumps"}, group="spear_deploy.things")


def test_entries_are_imported_by_their_location(table):
    """A name gives the attribute of the module; names keep their order."""
    import json
    import math

    assert table.names() == ("prod", "dumps")
    assert dict(table.items()) == {"prod": math.prod, "dumps": json.dumps}


def test_unknown_names_are_told_with_the_nearest_and_all(table):
    """E008 names the kind, the nearest name and every name."""
    with pytest.raises(InputError) as caught:
        table.get("dump")
    (finding,) = caught.value.findings
    assert (finding.code, finding.where) == ("E008", "dump")
    assert "thing" in finding.message
    assert finding.fix == "did you mean dumps? prod, dumps"


def test_entries_can_be_added_and_taken_away(table):
    """An added entry is one of the names; a name that is taken is refused."""
    table.add("mine", 7)
    assert table.names()[-1] == "mine"
    assert table.get("mine") == 7
    with pytest.raises(ValueError, match="mine"):
        table.add("mine", 8)
    with pytest.raises(ValueError, match="prod"):
        table.add("prod", 8)
    table.remove("mine")
    assert "mine" not in table.names()


def test_other_distributions_add_entries(table, monkeypatch):
    """An entry point of the table's group is an entry."""
    point = EntryPoint("floor", "math:floor", "spear_deploy.things")

    def entry_points(**given: str) -> list[EntryPoint]:
        assert given.pop("group") == "spear_deploy.things"
        return [point] if given.get("name", "floor") == "floor" else []

    monkeypatch.setattr(registry, "entry_points", entry_points)
    assert table.names() == ("prod", "dumps", "floor")
    assert table.get("floor")(2.5) == 2
    with pytest.raises(InputError):
        table.get("ceil")


def test_asking_for_names_imports_nothing():
    """The names of all tables are known without torch, numba or Stable-Baselines3."""
    code = (
        "import sys\n"
        "from spear_deploy.targets import TARGETS\n"
        "from spear_deploy.backends import BACKENDS\n"
        "from spear_deploy.search.methods import METHODS\n"
        "from spear_deploy.budgets import RESOURCES\n"
        "print([len(t.names()) for t in (TARGETS, BACKENDS, METHODS, RESOURCES)])\n"
        "METHODS.get('uniform')\n"
        "assert not {'torch', 'numba', 'stable_baselines3', 'lava'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
