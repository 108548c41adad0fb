"""The report as one self-contained page: no script, no network, readable in light and dark.

The same report gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from spear_deploy import printable
from spear_deploy.report import formats, wording
from spear_deploy.report.box_plots import box_plots
from spear_deploy.report.fidelity import columns, overview
from spear_deploy.report.pictures import drawings
from spear_deploy.report.pictures.svg import SHEETS, Drawing
from spear_deploy.storage import atomic


@dataclass(frozen=True)
class Gauge:
    """A bar against a limit; all figures are positions in 0..100 on the bar's track."""

    measured: float
    limit: float
    predicted: float | None


def write_page(path: Path, report: Mapping[str, Any]) -> None:
    """Write the page, atomically; raises :class:`InputError` (E009) if the folder cannot be written."""
    with atomic(path) as temporary:
        temporary.write_text(page(report), encoding="utf-8", newline="\n")


def environment() -> Environment:
    """Return what templates are filled with: escaping everything, and stopping at what is not there."""
    # Every name comes from a file of somebody else's: nothing is put in unescaped.
    environment = Environment(
        loader=PackageLoader("spear_deploy.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        number=formats.number,
        percent=formats.percent,
        kib=formats.kib,
        duration=printable.duration,
        resource=wording.resource,
        amount=formats.amount,
        plain=printable.plain,
        joules=formats.joules,
        short_time=formats.seconds,
        noted=wording.noted,
        transposed=lambda cells: zip(*cells, strict=True),
    )
    return environment


def page(report: Mapping[str, Any]) -> str:
    """Return the page as text."""
    layers = report["layers"]
    text: str = (
        environment()
        .get_template("report.html")
        .render(
            report=report,
            verdict=wording.verdict(report),
            summary=wording.summary(report),
            facts=dict(wording.facts(report)),
            semantics=wording.semantics(report),
            accuracy=wording.accuracy_steps(report),
            standard_error=wording.standard_error(report),
            gauges=[gauge(budget) for budget in report["budgets"]],
            totals=wording.totals(layers),
            busiest=_largest(layers, ("synops_before", "synops_measured")),
            steps=wording.steps_at_work(report),
            longest=_largest(report["steps"], ("seconds",)),
            seconds=sum(step["seconds"] for step in report["steps"]),
            scaled=formats.ratio,
            use=wording.use,
            fidelity=_fidelity(report["fidelity"]),
            box_plots=box_plots(report["fidelity"]["distributions"]),
            drawn=_drawn(report),
        )
    )
    return text


def _drawn(report: Mapping[str, Any]) -> dict[str, list[tuple[Drawing, ...]]]:
    """Return each picture of each part on every sheet."""
    sheets = [drawings(report, sheet) for sheet in SHEETS]
    return {part: [*zip(*(each[part] for each in sheets), strict=True)] for part in sheets[0]}


def _fidelity(fidelity: Mapping[str, Any]) -> dict[str, Any]:
    deployed, unpruned = fidelity["deployed"], fidelity["unpruned"]
    return {
        "sentence": overview(deployed),
        "columns": columns(deployed["populations"]),
        "unpruned_sentence": overview(unpruned),
        "unpruned_columns": columns(unpruned["populations"]),
    }


def notebook_view(report: Mapping[str, Any]) -> str:
    """Return verdict, budgets and layers as a fragment for a notebook's cell."""
    layers = report["layers"]
    text: str = (
        environment()
        .get_template("notebook.html")
        .render(
            report=report,
            verdict=wording.verdict(report),
            summary=wording.summary(report),
            use=wording.use,
            totals=wording.totals(layers),
        )
    )
    return text


def gauge(budget: Mapping[str, Any]) -> Gauge:
    """Return the bar of a budget; the track reaches a little beyond the largest of its figures."""
    limit, measured, predicted = budget["limit"], budget["judged"], budget["predicted"]
    track = 1.1 * max(limit, measured, predicted or 0.0) or 1.0
    shown = None if predicted is None else 100 * predicted / track
    return Gauge(max(0.0, 100 * measured / track), 100 * limit / track, shown)


def _largest(rows: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> float:
    return max((float(row[key]) for row in rows for key in keys), default=0.0)
