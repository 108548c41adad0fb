"""A sweep as data, on a terminal and as a page: one table, one picture, one answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.text import Text

from spear_deploy.printable import plain
from spear_deploy.report.formats import number, percent, plural
from spear_deploy.report.html import environment
from spear_deploy.report.pictures.svg import SHEETS, WIDE, Drawing, Sheet
from spear_deploy.report.pictures.tradeoff import Mark, tradeoff
from spear_deploy.report.points import Level, Point, front, levels, smallest
from spear_deploy.report.tables import Column, FittingTable
from spear_deploy.report.terminal import Page
from spear_deploy.storage import atomic

VERSION = 2
"""Version of ``sweep.json``."""
_DISPENSABLE = ("cores", "limit", "SynOps\ntest", "front")


@dataclass(frozen=True)
class Reference:
    """What all points are compared with: the unpruned network on the validation samples."""

    model: str
    data: str
    chip: str
    samples: int
    test_samples: int
    float_accuracy: float
    unpruned_accuracy: float
    unpruned_synops: float

    @classmethod
    def of(cls, report: Mapping[str, Any]) -> Reference:
        """Return it from the report of any point."""
        decided = report["on_validation"]
        return cls(
            report["model"],
            report["data"]["name"],
            report["chip"],
            decided["samples"],
            report["data"]["test"],
            decided["float"]["accuracy"],
            decided["unpruned"]["accuracy"],
            decided["unpruned"]["synops"],
        )


def sweep_data(points: Sequence[Point], reference: Reference | None, max_drop: float, command: str) -> dict[str, Any]:
    """Return what ``sweep.json`` holds; ``reference`` is None where no point gave a network."""
    answer = smallest(points, max_drop)
    return {
        "sweep": VERSION,
        "command": command,
        "max_drop": max_drop,
        "sentence": sentence(points, max_drop),
        "answer": None if answer is None else asdict(answer),
        "reference": None if reference is None else asdict(reference),
        "points": [asdict(point) | {"within_drop": point.loses_at_most(max_drop)} for point in points],
        "front": [point.folder for point in front(points)],
        "levels": [asdict(level) for level in levels(points)],
    }


def sentence(points: Sequence[Point], max_drop: float) -> str:
    """Return the answer in words: what is lost on the validation samples, and what on the test samples."""
    answer = smallest(points, max_drop)
    asked = f"at most {max_drop:g} {'point' if max_drop == 1 else 'points'} of accuracy"
    if answer is None:
        return f"no budget of the sweep loses {asked} on the validation samples"
    of = f" (mean of {answer.seeds} seeds)" if answer.seeds > 1 else ""
    told = f"the smallest budget that loses {asked} on the validation samples is {answer.budget}: {_loss(answer)}{of}"
    failing = [
        each.budget for each in levels(points) if each.synops > answer.synops and not each.loses_at_most(max_drop)
    ]
    noise = f"; larger ones that lose more, or miss a budget: {', '.join(failing)}" if failing else ""
    return f"{told}; bundle {answer.best}{noise}"


def _loss(level: Level) -> str:
    val = f"{level.drop:.2f} (+-{level.drop_error:.2f})"
    return f"{val} lost there, {level.test_drop:.2f} (+-{level.test_drop_error:.2f}) on the test samples"


def print_sweep(result: Mapping[str, Any], console: Console) -> None:
    """Print table and answer."""
    told = Text(f"\n{plain(result['sentence'])}"), Text(_explained(result), style="dim")
    console.print(Page(Group(FittingTable([_columns(result)], _DISPENSABLE), *told)), crop=console.is_terminal)


def _explained(result: Mapping[str, Any]) -> str:
    reference = result["reference"]
    if reference is None:
        return "no point gave a network"
    unpruned = f"{percent(reference['unpruned_accuracy'], 2)} at {number(reference['unpruned_synops'])} SynOps"
    samples = f"{plural(reference['samples'], 'validation sample')}, {plural(reference['test_samples'], 'test sample')}"
    return (
        f"lost: points against the float network, +- one standard error; judged on the validation samples, test beside "
        f"it ({samples}); budgets: whether all are kept; drop: whether at most {result['max_drop']:g} lost, of several "
        f"seeds their mean decides; unpruned on {plain(reference['chip'])}: {unpruned}; *: on the Pareto front"
    )


def _columns(result: Mapping[str, Any]) -> dict[str, Column]:
    points, best = result["points"], set(result["front"])

    def column(part: str, show: Any) -> Column:
        return Column(["" if point[part] is None else show(point[part]) for point in points])

    return {
        "budget": Column([plain(point["budget"]) for point in points], left=True),
        "seed": Column([str(point["seed"]) for point in points]),
        "limit": column("limit", number),
        "SynOps": column("val", lambda val: number(val["synops"])),
        "accuracy": column("val", lambda val: percent(val["accuracy"], 2)),
        "lost": column("val", _lost),
        "front": Column(["*" if point["folder"] in best else "" for point in points]),
        "SynOps\ntest": column("test", lambda test: number(test["synops"])),
        "accuracy\ntest": column("test", lambda test: percent(test["accuracy"], 2)),
        "lost\ntest": column("test", _lost),
        "cores": column("cores", number),
        "budgets": Column([_state(point) for point in points], left=True),
        "drop": column("within_drop", lambda within: "within" if within else "BEYOND"),
    }


def _lost(figures: Mapping[str, float]) -> str:
    return f"{figures['drop']:.2f} (+-{figures['drop_error']:.2f})"


def _state(point: Mapping[str, Any]) -> str:
    if point["error"] is None:
        return "within"
    code = point["error"].split(maxsplit=1)[0]
    if point["val"] is None:
        return f"lost ({code})" if code == "E068" else f"out of reach ({code})"
    return str(point["error"].split(":")[0])


def sweep_picture(result: Mapping[str, Any], sheet: Sheet = WIDE) -> Drawing | None:
    """Return accuracy against SynOps of all points, with the front and the answer; None where there is none."""
    answer, reference = result["answer"], result["reference"]
    if reference is None:
        return None
    chosen = None if answer is None else answer["best"]
    marks = [Mark(reference["unpruned_synops"], reference["unpruned_accuracy"], "before", "unpruned")]
    on_front = {}
    one_seed = len({point["seed"] for point in result["points"]}) == 1  # dots of a budget lie together, so do labels
    for point in result["points"]:
        if point["val"] is None:
            continue
        is_chosen, is_best = point["folder"] == chosen, point["folder"] in result["front"]
        kind = "chosen" if is_chosen else "measured" if is_best else "quiet-dot"
        label = point["budget"] if is_chosen or is_best or one_seed else ""
        note = f"budget {point['budget']}, seed {point['seed']}"
        marks.append(Mark(point["val"]["synops"], point["val"]["accuracy"], kind, label, note))
        on_front[point["folder"]] = marks[-1]
    joined = [on_front[folder] for folder in result["front"]]
    front = "The line is the Pareto front; the" if len(joined) > 1 else "The"
    caption = f"On the validation samples. {front} ringed point is the answer."
    return tradeoff("sweep", "Accuracy against SynOps of all points", marks, caption, joined=joined, sheet=sheet)


def _rendered(template: str, result: Mapping[str, Any]) -> str:
    drawn = [each for sheet in SHEETS if (each := sweep_picture(result, sheet)) is not None]
    shown = {"result": result, "drawn": drawn, "columns": _columns(result)}
    text: str = environment().get_template(template).render(**shown, explained=_explained(result))
    return text


def sweep_view(result: Mapping[str, Any]) -> str:
    """Return the answer as a fragment for a notebook's cell."""
    return _rendered("sweep_notebook.html", result)


def sweep_page(result: Mapping[str, Any]) -> str:
    """Return the page: the answer, a picture and the table."""
    return _rendered("sweep.html", result)


def write_sweep_page(path: Path, result: Mapping[str, Any]) -> None:
    """Write the page, atomically; raises :class:`InputError` (E009) if the folder cannot be written."""
    with atomic(path) as temporary:
        temporary.write_text(sweep_page(result), encoding="utf-8", newline="\n")
