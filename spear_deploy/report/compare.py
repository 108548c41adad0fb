"""Two reports side by side: what changed, by how much, and whether that is more than is tolerated.

Pure functions from report data to plain data and to Markdown; :func:`tables` has the cells of both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import hypot
from typing import Any

from spear_deploy.errors import BudgetNotMetError, Finding, InputError
from spear_deploy.printable import plain
from spear_deploy.report.wording import standard_error, totals

Report = Mapping[str, Any]

VERSION = 1
"""Version of the JSON of ``diff``."""
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Figure:
    """One figure of a report.

    Attributes:
        name: what ``--tolerance`` calls it.
        title: what it is, with its unit.
        digits: decimals it is shown with.
        worse: 1 if more is worse, -1 if less is.
        value: of a report; None where it has none.
        error: its standard error, where it has one.
    """

    name: str
    title: str
    digits: int
    worse: int
    value: Callable[[Report], float | None]
    error: Callable[[Report], float] | None = None


def _mismatches(report: Report) -> float | None:
    check = report["validation"]
    return None if check is None else check["mismatches"]


FIGURES = (
    Figure("missed", "budgets missed", 0, 1, lambda r: sum(not row["within"] for row in r["budgets"])),
    Figure(
        "accuracy",
        "accuracy, %",
        2,
        -1,
        lambda r: 100 * r["accuracy"]["quantised"],
        lambda r: 100 * standard_error(r),
    ),
    Figure("drop", "points lost", 2, 1, lambda r: r["accuracy"]["drop"], lambda r: r["accuracy"]["drop_error"]),
    Figure("synops", "SynOps a sample", 0, 1, lambda r: r["synops"]["measured"]["mean"]),
    Figure("synops_p95", "SynOps, p95", 0, 1, lambda r: r["synops"]["measured"]["p95"]),
    Figure("cores", "cores", 0, 1, lambda r: totals(r["layers"])["cores"]),
    Figure("memory", "memory, KiB", 1, 1, lambda r: totals(r["layers"])["memory_bits"] / 8192),
    Figure("agreement", "decided as in float, %", 2, -1, lambda r: 100 * r["fidelity"]["deployed"]["same_decisions"]),
    Figure("mismatches", "bins that differ from the backend", 0, 1, _mismatches),
)
"""What is compared, in the order of the table."""


@dataclass(frozen=True)
class Tolerance:
    """How much worse a figure may be: by an amount, or by a share of the first report's (``relative``)."""

    name: str
    amount: float
    relative: bool

    @classmethod
    def of(cls, text: str) -> Tolerance:
        """Read ``NAME=N`` or ``NAME=N%``; raises :class:`InputError` (E007)."""
        name, _, amount = (part.strip() for part in text.partition("="))
        names = [figure.name for figure in FIGURES]
        try:
            value = float(amount.removesuffix("%"))
        except ValueError:
            value = -1.0
        if name not in names or not 0 <= value < float("inf"):
            fix = f"give NAME=N or NAME=N%, with a name of: {', '.join(names)}"
            raise InputError.of("E007", "--tolerance", f"{text!r} cannot be used", fix)
        return cls(name, value / 100 if amount.endswith("%") else value, amount.endswith("%"))

    def beside(self, value: float) -> float:
        """Return it as an amount, relative to the first report's ``value``."""
        return self.amount * abs(value) if self.relative else self.amount


def compare(a: Report, b: Report, tolerances: Iterable[Tolerance] = ()) -> dict[str, Any]:
    """Return what differs between two reports, as JSON; ``beyond`` names the figures that are too much worse in b."""
    allowed = {tolerance.name: tolerance for tolerance in tolerances}
    figures = [_figure(figure, a, b, allowed.get(figure.name)) for figure in FIGURES]
    return {
        "diff": VERSION,
        "beyond": [row["name"] for row in figures if row["beyond"]],
        "figures": figures,
        "budgets": _budgets(a, b),
        "layers": _layers(a, b),
        "inputs": _inputs(a, b),
    }


def _figure(figure: Figure, a: Report, b: Report, tolerance: Tolerance | None) -> dict[str, Any]:
    before, after = figure.value(a), figure.value(b)
    change = None if before is None or after is None else after - before
    allowed = None if tolerance is None or before is None else tolerance.beside(before)
    beyond = False
    if tolerance is not None:  # a figure that the second report lacks cannot be told to be good enough
        beyond = change is None or allowed is None or figure.worse * change > allowed + _ROUNDING
    error = None if figure.error is None else hypot(figure.error(a), figure.error(b))
    named = {"name": figure.name, "title": figure.title, "digits": figure.digits}
    return {
        **named,
        "a": before,
        "b": after,
        "change": change,
        "error": error,
        "worse": None if change is None else figure.worse * change > _ROUNDING,
        "tolerance": allowed,
        "beyond": beyond,
    }


def _budgets(a: Report, b: Report) -> list[dict[str, Any]]:
    """Return each budget of either with its limit, what decides on it, and whether it is kept."""
    keys = {key: key for key in ("limit", "judged", "within")}
    return [
        {key: row[key] for key in ("resource", "title", "digits")} | sides
        for row, sides in _paired(a["budgets"], b["budgets"], "resource", keys)
    ]


def _layers(a: Report, b: Report) -> list[dict[str, Any]]:
    """Return each layer of either: units, spikes, SynOps, cores and memory."""
    keys = {"units": "units_after", "spikes": "spikes", "synops": "synops_measured", "cores": "cores"}
    return [{"name": row["name"]} | sides for row, sides in _paired(a["layers"], b["layers"], "name", keys)]


def _paired(
    a: Sequence[Report], b: Sequence[Report], by: str, keys: Mapping[str, str]
) -> Iterator[tuple[Report, dict[str, Any]]]:
    """Yield the rows of both, paired ``by`` a name, with the values of ``keys`` on either side, or None."""
    sides = {side: {row[by]: row for row in rows} for side, rows in (("a", a), ("b", b))}
    for name in dict.fromkeys([*sides["a"], *sides["b"]]):
        found = {side: rows.get(name) for side, rows in sides.items()}
        taken = {side: row and {key: row[of] for key, of in keys.items()} for side, row in found.items()}
        yield next(row for row in found.values() if row is not None), taken


def _inputs(a: Report, b: Report) -> list[dict[str, Any]]:
    """Return what the two were made of, where it is not the same."""
    known: dict[str, Callable[[Report], Any]] = {
        "model": lambda r: r["hashes"]["model"],
        "data": lambda r: r["data"]["name"],
        "test samples": lambda r: r["data"]["test"],
        "steps": lambda r: r["data"]["steps"],
        "decision": lambda r: r["decision"]["rule"],
        "chip": lambda r: r["chip"],
        "weight bits": lambda r: r["weight_bits"],
        "augmentation": lambda r: ", ".join(r["augmentation"]) or "none",
        "seed": lambda r: r["seed"],
        "spear-deploy": lambda r: r["versions"]["spear-deploy"],
    }
    return [{"name": name, "a": of(a), "b": of(b)} for name, of in known.items() if of(a) != of(b)]


def error_beyond(found: Mapping[str, Any]) -> BudgetNotMetError | None:
    """Return E047 with every figure that is too much worse, if any is."""
    rows = [row for row in found["figures"] if row["beyond"]]
    return BudgetNotMetError([_finding(row) for row in rows]) if rows else None


def _finding(row: Mapping[str, Any]) -> Finding:
    if row["change"] is None:
        return Finding("E047", row["title"], "one of the reports has no such figure", "leave this tolerance out")
    shown = f"{show(row, 'a')} -> {show(row, 'b')}"
    message = f"{shown}, worse by more than the {show(row, 'tolerance')} that are tolerated"
    return Finding("E047", row["title"], message, "fix the second, or tolerate more")


def show(row: Mapping[str, Any], key: str) -> str:
    """Return a figure of a row as text."""
    value = row[key]
    return "-" if value is None else f"{value:{'+' if key == 'change' else ''},.{row['digits']}f}"


def change_words(row: Mapping[str, Any]) -> str:
    """Return a change with its share of the first, or with its error where it has one."""
    if row["change"] is None:
        return "-"
    if row["error"] is not None:
        return f"{show(row, 'change')} (+-{row['error']:.2f})"
    return f"{show(row, 'change')} ({100 * row['change'] / row['a']:+.1f}%)" if row["a"] else show(row, "change")


def markdown(found: Mapping[str, Any], names: tuple[str, str]) -> str:
    """Return the comparison as Markdown: for a comment under a merge request."""
    parts = [_table(head, rows) for head, rows in tables(found, names) if rows]
    told = [f"**{row['title']}**: beyond the tolerance of {show(row, 'tolerance')}" for row in _beyond(found)]
    return "\n\n".join([*told, *parts]) + "\n"


def _beyond(found: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [row for row in found["figures"] if row["beyond"]]


def tables(found: Mapping[str, Any], names: tuple[str, str]) -> list[tuple[list[str], list[list[str]]]]:
    """Return heads and rows of text: figures, budgets, layers, and what the two were made of."""
    a, b = (plain(name) for name in names)
    figures = [
        [row["title"], show(row, "a"), show(row, "b"), change_words(row), _tolerance(row)]
        for row in found["figures"]
        if row["a"] is not None or row["b"] is not None
    ]
    budgets = [[plain(row["title"]), _budget(row, "a"), _budget(row, "b")] for row in found["budgets"]]
    keys = ("units", "spikes", "synops", "cores")
    layers = [[plain(row["name"]), *(_pair(row, key) for key in keys)] for row in found["layers"]]
    inputs = [[row["name"], plain(row["a"])[:16], plain(row["b"])[:16]] for row in found["inputs"]]
    return [
        (["figure", a, b, "change", "tolerance"], figures),
        (["budget", a, b], budgets),
        (["layer", "units", "spikes", "SynOps", "cores"], layers),
        (["differs in", a, b], inputs),
    ]


def _tolerance(row: Mapping[str, Any]) -> str:
    return "BEYOND" if row["beyond"] else "" if row["tolerance"] is None else f"within {show(row, 'tolerance')}"


def _budget(row: Mapping[str, Any], side: str) -> str:
    if (found := row[side]) is None:
        return "-"
    judged, limit = (f"{found[key]:,.{row['digits']}f}" for key in ("judged", "limit"))
    return f"{judged} of {limit}{'' if found['within'] else ' MISSED'}"


def _pair(row: Mapping[str, Any], key: str) -> str:
    a, b = ("-" if row[side] is None else f"{row[side][key]:,.0f}" for side in ("a", "b"))
    return a if a == b else f"{a} -> {b}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    def line(cells: Iterable[str]) -> str:
        return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"

    return "\n".join([line(head), line("---" for _ in head), *map(line, rows)])
