"""Check a report read from a file: it has to follow the schema, and its figures have to support its verdict."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from math import isclose, prod
from pathlib import Path
from typing import Any

from spear_deploy.deployment.bundle import MANIFEST, REPORT
from spear_deploy.errors import Finding, InputError
from spear_deploy.printable import plain
from spear_deploy.report.schema import VERSION, schema
from spear_deploy.storage import is_file

Report = Mapping[str, Any]

_LARGEST = 1e18
"""Numbers beyond it are none that a run counts, and no table has room for them."""
_MOST_DIGITS = 12
_TOLERANCE = 1e-6
_SHOWN = 5
_DAMAGE = (ValueError, RecursionError)


def read_report(path: Path) -> dict[str, Any]:
    """Return the report in a bundle's folder, or the one that is this file.

    Raises :class:`InputError`: E001 if there is none, E010 if it is damaged or of another version, E053 if its parts
    contradict one another or the bundle beside it; with all findings.
    """
    path = path / REPORT if path.is_dir() or not path.suffix else path
    if not is_file(path):
        raise InputError.of("E001", path, "there is no report", "run spear-deploy deploy first")
    try:
        report = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
    except (OSError, *_DAMAGE) as error:
        raise InputError.of("E010", path, f"is damaged: {plain(error)}", "deploy again") from error
    if not isinstance(report, dict) or report.get("schema") != VERSION:
        raise InputError.of("E010", path, "is not a report of this version", "deploy again")
    if departures := list(_departures(report)) or list(_too_fine(report)):
        more = [f"and {len(departures) - _SHOWN} more"] if len(departures) > _SHOWN else []
        message = "; ".join(["does not follow the schema", *departures[:_SHOWN], *more])
        raise InputError.of("E010", path, message, "deploy again")
    if contradictions := [*_contradictions(report), *_beside(report, path.parent)]:
        fix = "do not trust it: deploy again"
        raise InputError(Finding("E053", str(path), contradiction, fix) for contradiction in contradictions)
    return report


def _refuse(constant: str) -> None:
    raise ValueError(f"it holds {constant}")


def _departures(report: Report) -> Iterator[str]:
    """Yield where a report departs from the schema."""
    from jsonschema import Draft202012Validator

    try:
        for error in Draft202012Validator(schema()).iter_errors(report):
            yield plain(f"{error.json_path}: {error.message[:120]}")
        yield from _numbers_beyond(report, "$")
    except _DAMAGE as error:
        yield plain(error)


def _too_fine(report: Report) -> Iterator[str]:
    """Yield budgets whose figures have more decimals than a text has room for."""
    for index, budget in enumerate(report["budgets"]):
        if budget["digits"] > _MOST_DIGITS:
            yield f"$.budgets[{index}].digits: {budget['digits']} decimals cannot be shown"


def _numbers_beyond(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, int | float) and not abs(value) <= _LARGEST:
        yield f"{path}: no run counts so far"
    elif isinstance(value, Mapping):
        for name, member in value.items():
            yield from _numbers_beyond(member, f"{path}.{plain(name)}")
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _numbers_beyond(member, f"{path}[{index}]")


def _contradictions(report: Report) -> Iterator[str]:
    budgets, synops, accuracy, layers = (report[name] for name in ("budgets", "synops", "accuracy", "layers"))
    if report["within"] != all(budget["within"] for budget in budgets):
        yield "within is not what the budgets say"
    for budget in budgets:
        yield from _of_budget(budget, report)
    if not _equal(accuracy["drop"], 100 * (accuracy["float"] - accuracy["quantised"])):
        yield f"a drop of {accuracy['drop']:g} points is not from {accuracy['float']:g} to {accuracy['quantised']:g}"
    measured = synops["measured"]
    if not measured["p50"] <= measured["p95"] <= measured["max"] or measured["mean"] > measured["max"] + _TOLERANCE:
        yield "the statistics of the SynOps are of no samples"
    if measured["samples"] != report["data"]["test"]:
        yield f"SynOps of {measured['samples']} samples, and {report['data']['test']} test samples"
    if not _equal(sum(layer["synops_measured"] for layer in layers), measured["mean"]):
        yield "the layers' SynOps do not add up to the mean"
    yield from (
        f"layer {plain(layer['name'])} has more units than before"
        for layer in layers
        if layer["units_after"] > layer["units_before"]
    )
    yield from _of_validation(report["validation"])
    yield from _of_cores(report)


def _of_cores(report: Report) -> Iterator[str]:
    """Yield contradictions between cores and their description; a target may not describe its cuts."""
    placed, found = report["pictures"]["cores"], report["bottleneck"]
    for each in placed["populations"]:
        parts = [len(cut["sizes"]) for cut in each["cuts"]]
        extents = [sum(cut["sizes"]) for cut in each["cuts"]]
        orders = all(not cut["order"] or sorted(cut["order"]) == [*range(sum(cut["sizes"]))] for cut in each["cuts"])
        if extents != each["shape"] or prod(parts) not in (1, each["cores"]) or not orders:
            yield f"{plain(each['name'])} is not cut into the parts that its cores hold"
    synops = [load["synops"] for load in placed["loads"]]
    if not _equal(sum(synops) * report["data"]["steps"], report["synops"]["measured"]["mean"]):
        yield "the SynOps of the cores do not add up to the mean"
    of_it = [load["synops"] for load in placed["loads"] if load["core"] == found["core"]]
    if not of_it or not _equal(max(synops), found["synops"]) or not _equal(of_it[0], found["synops"]):
        yield f"core {found['core']} is not the busiest one"


def _of_budget(budget: Report, report: Report) -> Iterator[str]:
    sign = 1 if budget["sense"] == "at most" else -1
    beyond = {key: sign * (budget[key] - budget["limit"]) > 0 for key in ("judged", "measured")}
    name = plain(budget["resource"])
    if budget["within"] and beyond["judged"]:
        yield f"budget {name} is said to be kept: {budget['judged']:g} of {budget['limit']:g}"
    if not budget["within"] and not any(beyond.values()):
        yield f"budget {name} is said to be missed: {budget['judged']:g} of {budget['limit']:g}"
    if name == "synops" and not _equal(budget["measured"], report["synops"]["measured"]["mean"]):
        yield "the budget of SynOps was not measured as the SynOps were"


def _of_validation(validation: Report | None) -> Iterator[str]:
    if validation is None:
        return
    if bool(validation["mismatches"]) != (validation["first_divergence"] is not None):
        yield f"{validation['mismatches']} mismatches, and a first divergence is {validation['first_divergence']}"
    if validation["mismatches"] > validation["bins"]:
        yield f"{validation['mismatches']} of {validation['bins']} bins differ"


def _beside(report: Report, folder: Path) -> Iterator[str]:
    """Yield files of the bundle beside the report that differ from those that it was made from."""
    try:
        files = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
        differing = [name for name, found in files.items() if report["hashes"].get(name) != found]
    except (OSError, LookupError, TypeError, AttributeError, *_DAMAGE):  # a report may be read alone
        return
    yield from (f"is of another {plain(name)} than the bundle's" for name in differing)


def _equal(one: float, other: float) -> bool:
    return isclose(one, other, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)
