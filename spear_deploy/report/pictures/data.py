"""Data for the pictures of a report that no table needs: small, and part of ``report.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from spear_deploy.deployment.work import Work
from spear_deploy.measure.activity import Activity
from spear_deploy.measure.course import Course, PopulationCourse, in_order
from spear_deploy.network import Network
from spear_deploy.placement.cuts import whole
from spear_deploy.search.loop import SearchResult

_MOST_CLASSES = 20
"""Larger confusion matrices cannot be read."""
_CONFIDENCE = 0.9


def picture_data(work: Work, loads: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the data of all pictures of a deployment that is done; ``loads`` are those of its cores."""
    assert work.baseline is not None
    assert work.measured is not None
    assert work.on_test is not None
    assert work.course is not None
    before, after = work.baseline.network, work.measured.network
    return {
        "pairs": [] if work.search is None else _pairs(work.search),
        "course": _course(work.course),
        "confusion": _confusion(work.baseline.as_given, work.on_test.activity),
        "cores": {"of": work.chip.cores, "populations": _cores(work), "loads": list(loads)},
        "graph": _graph(before, after, in_order(after, work.measured.lowered)),
    }


def _pairs(search: SearchResult) -> list[dict[str, Any]]:
    """Return LRE's pairs with what it predicts for each, and the interval of a network like it."""
    lre = search.lre
    rows = []
    for pair in lre.pairs:
        low, high = lre.interval(pair.pre, pair.ratios, _CONFIDENCE)
        known = bool(np.isfinite(high))
        rows.append(
            {
                "before": pair.pre,
                "after": pair.post,
                "predicted": lre.predict(pair.pre, pair.ratios),
                "low": low if known else None,
                "high": high if known else None,
                "chosen": pair in lre.chosen,
            }
        )
    return rows


def _course(course: Course) -> dict[str, Any]:
    return {
        "samples": course.samples,
        "sample": course.sample,
        "points": list(course.points),
        "accuracy_float": _rounded(course.accuracy[0]),
        "accuracy_chip": _rounded(course.accuracy[1]),
        "populations": [_population(each) for each in course.populations],
    }


def _population(course: PopulationCourse) -> dict[str, Any]:
    rasters = [["".join(str(min(9, count)) for count in neuron) for neuron in side] for side in course.rasters]
    return {
        "name": course.name,
        "size": course.size,
        "rates_float": _rounded(course.rates[0]),
        "rates_chip": _rounded(course.rates[1]),
        "neurons": course.neurons.tolist(),
        "raster_float": rasters[0],
        "raster_chip": rasters[1],
    }


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(float(value), 5) for value in values]


def _confusion(before: Activity, after: Activity) -> dict[str, Any] | None:
    """Return rows of counts, label by decision: float network and deployed one; None for many classes."""
    classes = before.scores.shape[1]
    if classes > _MOST_CLASSES:
        return None
    return {"float": _matrix(before, classes), "deployed": _matrix(after, classes)}


def _matrix(activity: Activity, classes: int) -> list[list[int]]:
    counts = np.zeros((classes, classes), np.int64)
    known = activity.labels < classes
    np.add.at(counts, (activity.labels[known], activity.answers[known]), 1)
    rows: list[list[int]] = counts.tolist()
    return rows


def _cores(work: Work) -> list[dict[str, Any]]:
    assert work.measured is not None
    lowered = work.measured.lowered
    shapes = lowered.program.shapes
    return [
        {
            "name": place.name,
            "shape": list(shapes[place.name]),
            "tile": list(place.tile),
            "cuts": [asdict(cut) for cut in place.cuts or whole(shapes[place.name])],
            "first": place.first_core,
            "cores": place.cores,
            "use": [{"resource": name, "share": float(share)} for name, share in place.utilisation.items()],
            "binding": place.binding,
        }
        for place in lowered.placement.populations
    ]


def _graph(before: Network, after: Network, order: Sequence[str]) -> dict[str, Any]:
    """Return populations with their units before and after, and what leads from one to another.

    What a target added, such as sources of biases, is left out.
    """
    nodes = [
        {"name": each.name, "before": before[each.name].shape[0], "after": each.shape[0], "neurons": each.size}
        for each in (after[name] for name in order if name in before.shapes)
    ]
    pairs = ((projection.source, projection.target) for projection in after.projections)
    edges = dict.fromkeys(pair for pair in pairs if pair[0] in before.shapes)
    return {"nodes": nodes, "edges": [{"source": source, "target": target} for source, target in edges]}
