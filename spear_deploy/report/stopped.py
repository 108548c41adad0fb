"""The results so far of a deployment stopped with ``--until``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.console import Console

from spear_deploy.deployment.work import Work
from spear_deploy.measure.activity import Activity
from spear_deploy.printable import duration, plain, plain_lines
from spear_deploy.report.data import data_parts, describe_data


def found_so_far(work: Work) -> dict[str, Any]:
    """Return the figures of the steps that were done, as JSON."""
    found: dict[str, Any] = {"done": list(work.done)}
    found["data"] = describe_data(work.data)
    if work.rule is not None:
        found["decision"] = {"rule": work.rule.name, "text": work.rule.text}
    found["notes"] = [str(note) for note in work.data.notes]
    if work.lowered is not None:
        placement = work.lowered.placement
        found["cores"] = {"used": placement.cores, "of": work.chip.cores}
        found["findings"] = [str(finding) for finding in (*work.lowered.findings, *work.notes)]
    if work.baseline is not None:
        found["unpruned"] = {"float": _figures(work.baseline.float_test), "chip": _figures(work.baseline.chip_test)}
    if work.goal is not None:
        found["budgets"] = {budget.resource.name: budget.limit for budget in work.goal.budgets}
    if work.on_test is not None:
        found["pruned"] = {"chip": _figures(work.on_test.activity)}
    return found


def print_found(found: Mapping[str, Any], console: Console) -> None:
    """Print it, followed by the plan of a dry run."""
    lines = [f"stopped after {found['done'][-1]}"]
    lines.append(f"data        {plain(found['data']['name'])}: {data_parts(found['data'])}")
    if "decision" in found:
        lines.append(f"decision    {found['decision']['rule']}: {found['decision']['text']}")
    lines += map(plain, found["notes"])
    if "cores" in found:
        lines += [f"cores       {found['cores']['used']:,} of {found['cores']['of']:,}", *found["findings"]]
    for name in ("unpruned", "pruned"):
        for where, figures in found.get(name, {}).items():
            lines.append(
                f"{name:<11} {where}: accuracy {figures['accuracy']:.2%}, {figures['synops']:,.0f} SynOps a sample"
            )
    _print(lines, console)
    print_plan(found, console)


def print_plan(found: Mapping[str, Any], console: Console) -> None:
    """Print the budgets if they are set, and what a run would take if that was predicted."""
    lines = []
    if "budgets" in found:
        limits = ", ".join(f"{name} {limit:,.6g}" for name, limit in found["budgets"].items())
        lines.append(f"budgets     {limits}")
    if "forecast" in found:
        lines += _forecast(found["forecast"])
    _print(lines, console)


def _print(lines: Iterable[str], console: Console) -> None:
    for line in map(plain_lines, lines):
        console.print(line, markup=False, soft_wrap=True)


def _forecast(forecast: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of what a run would take; see :class:`~spear_deploy.deployment.forecast.Forecast`."""
    if forecast["method"] is None:
        yield "search      none: the unpruned network is within the budgets"
    else:
        in_float, on_chip = (1000 * forecast[f"{kind}_batch"] for kind in ("float", "chip"))
        paces = f"{in_float:.0f} ms a batch in float, {on_chip:.0f} as the chip"
        yield f"search      {forecast['method']}: at most about {duration(forecast['seconds'])} of training ({paces})"
    yield f"memory      {forecast['memory'].removeprefix('memory: ')}"
    yield "dry run: nothing was written"


def _figures(activity: Activity) -> dict[str, float]:
    return {"accuracy": activity.accuracy, "synops": activity.mean_synops}
