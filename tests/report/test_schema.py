"""The schema takes real reports, misses nothing, and agrees with the dataclasses that reports are made of."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from jsonschema import Draft202012Validator

from spear_deploy.chips.energy import EnergyRange
from spear_deploy.deployment.options import STEP_NAMES
from spear_deploy.deployment.steps import STEPS
from spear_deploy.frontends.semantics import Semantics
from spear_deploy.report.schema import VERSION, schema
from spear_deploy.validate.crosscheck import Divergence, Validation

ROOT = Path(__file__).parents[2]
VALIDATOR = Draft202012Validator(schema())
Place = tuple[str | int, ...]
FREE = {("search", "frozen"), ("search", "figures"), *(("search", "candidates", index, "units") for index in range(9))}
LIBRARIES = {"numpy", "h5py", "torch", "stable-baselines3"}
"""Versions of what may not be installed."""


def _objects(value: Any, place: Place = ()) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Yield every JSON object inside ``value`` with the way to it."""
    items: Any = ()
    if isinstance(value, dict):
        yield place, value
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, item in items:
        yield from _objects(item, (*place, key))


def _at(value: Any, place: Place) -> Any:
    for key in place:
        value = value[key]
    return value


def test_schema_is_a_schema():
    """It is valid under its own draft."""
    Draft202012Validator.check_schema(schema())


def test_real_report_is_valid(report):
    """A real report without a backend."""
    VALIDATOR.validate(report)


def test_filled_reports_are_valid(validated, unproven):
    """With a backend, energy and notes; with a backend that failed."""
    VALIDATOR.validate(validated)
    VALIDATOR.validate(unproven)


def test_report_without_a_search_is_valid(report):
    """A network that was within its budgets from the start."""
    report["lre"] = report["search"] = None
    report["synops"]["predicted"] = None
    VALIDATOR.validate(report)


def test_every_property_is_required(diverged):
    """Removing any property of any object makes the report invalid, free maps and libraries apart."""
    VALIDATOR.validate(diverged)
    removals = [(place, key) for place, found in _objects(diverged) for key in found if place not in FREE]
    removals = [(place, key) for place, key in removals if place != ("versions",) or key not in LIBRARIES]
    assert len(removals) > 150
    for place, key in removals:
        damaged = copy.deepcopy(diverged)
        del _at(damaged, place)[key]
        assert not VALIDATOR.is_valid(damaged), f"{place} {key}"


def test_unknown_properties_are_refused(diverged):
    """No object takes a property that the schema does not know, free maps apart."""
    for place, _ in _objects(diverged):
        if place in FREE:
            continue
        damaged = copy.deepcopy(diverged)
        _at(damaged, place)["unheard_of"] = 1
        assert not VALIDATOR.is_valid(damaged), place


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("schema",), 3),
        (("schema",), 1),
        (("budgets", 0, "sense"), "about"),
        (("accuracy", "float"), 98.3),
        (("hashes", "model"), "abc"),
        (("budgets",), []),
        (("layers", 0, "cores"), 0),
        (("layers", 0, "synapses"), 1.5),
        (("semantics", "reset"), "soft"),
        (("seed",), None),
    ],
)
def test_wrong_values_are_refused(report, place, value):
    """Shares are 0..1, counts are whole, hashes are hashes."""
    _at(report, place[:-1])[place[-1]] = value
    assert not VALIDATOR.is_valid(report)


def test_every_property_is_described():
    """Each says what it is; objects name all their properties as required."""
    for place, found in _objects(schema()):
        if not isinstance(found.get("properties"), dict):
            continue
        assert set(found["required"]) == set(found["properties"]), place
        for name, item in found["properties"].items():
            assert item.get("description", "").endswith("."), (*place, name)


@pytest.mark.parametrize(
    ("kind", "place"),
    [
        (Semantics, ("semantics",)),
        (Validation, ("validation",)),
        (Divergence, ("validation", "properties", "first_divergence")),
        (EnergyRange, ("energy",)),
    ],
)
def test_schema_follows_the_dataclasses(kind, place):
    """What reports take over with ``asdict`` has the same fields and choices here."""
    described = _at(schema()["properties"], place)
    extra = {"seconds"} if kind is Validation else set()
    assert {field.name for field in fields(kind)} | extra == set(described["properties"])
    for name, hint in get_type_hints(kind).items():
        if "enum" in described["properties"][name]:
            assert set(get_args(hint)) == set(described["properties"][name]["enum"])


def test_steps_are_those_of_a_deployment():
    """Steps and their parts have one name each: in the code, the schema, the options and the documentation."""
    item = schema()["properties"]["steps"]["items"]["properties"]
    names, parts = item["name"]["enum"], item["parts"]["items"]["properties"]["name"]["enum"]
    assert tuple(names) == STEP_NAMES == tuple(step.name for step in STEPS)
    assert parts == [part for step in STEPS for part in step.parts]
    for page in ("docs/report.md", "docs/reference/entries.md"):
        rows = re.findall(r"^\| `([\w-]+)` \|.*\| ([^|]*) \|$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
        documented = {name: tuple(re.findall(r"`([\w-]+)`", told)) for name, told in rows if name in STEP_NAMES}
        assert documented == {step.name: step.parts for step in STEPS}, page


def test_version_is_the_builders():
    """The schema and the builder change together."""
    assert schema()["properties"]["schema"]["const"] == VERSION
