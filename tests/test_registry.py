"""Tables by name: lazily imported, open to other distributions and to the running program."""

from __future__ import annotations

import subprocess
import sys
import types
from importlib.metadata import EntryPoint

import pytest

from spear_deploy import registry
from spear_deploy.errors import InputError, PluginError
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


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("no_such_module:entry", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("math:no_such_entry", "AttributeError"),
        ("json:", ""),
        ("this is not a location", ""),
        ("tests.broken_entry:entry", "ZeroDivisionError: division by zero"),
    ],
)
def test_broken_entries_of_other_distributions(location, told, table, monkeypatch):
    """One that cannot be loaded, for whatever reason, is E065 with its name and its distribution's fault."""
    broken = types.ModuleType("tests.broken_entry")
    broken.__getattr__ = lambda name: 1 / 0
    monkeypatch.setitem(sys.modules, "tests.broken_entry", broken)
    points = [EntryPoint("broken", location, table.group), EntryPoint("floor", "math:floor", table.group)]
    monkeypatch.setattr(
        registry, "entry_points", lambda group, name=None: [p for p in points if name in (None, p.name)]
    )
    if location != "json:":
        with pytest.raises(PluginError) as caught:
            table.get("broken")
        (finding,) = caught.value.findings
        assert (finding.code, finding.where) == ("E065", "broken")
        assert told in finding.message
        assert location in finding.fix
        assert [name for name, _ in table.items()] == ["prod", "dumps", "floor"]
    assert table.names() == ("prod", "dumps", "broken", "floor")


def test_nothing_replaces_what_is_built_in(table, monkeypatch):
    """Of entries of one name the built-in one counts, then the first that is installed; each name is told once."""
    points = [
        EntryPoint("prod", "math:floor", table.group),
        EntryPoint("mine", "math:ceil", table.group),
        EntryPoint("mine", "math:floor", table.group),
    ]
    monkeypatch.setattr(
        registry, "entry_points", lambda group, name=None: [p for p in points if name in (None, p.name)]
    )
    assert table.names() == ("prod", "dumps", "mine")
    assert table.get("prod")([2, 3]) == 6
    assert table.get("mine")(2.5) == 3


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


def test_an_entry_whose_package_is_missing_names_it() -> None:
    """E065 with the package, where it is another's; a fault of our own is not a user's."""
    table = Registry("method", {"far": "json.nowhere_at_all:X", "own": "spear_deploy.nowhere:X"}, group="none")
    with pytest.raises(PluginError, match=r"needs the package json\.nowhere_at_all"):
        table.get("far")
    with pytest.raises(ModuleNotFoundError):
        table.get("own")
