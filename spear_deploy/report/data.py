"""A data set in the report: what each part holds, and what was done to its values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spear_deploy.data import Dataset
from spear_deploy.printable import plain
from spear_deploy.report.formats import plural


def describe_data(data: Dataset) -> dict[str, Any]:
    """Return the report's words on a data set: samples and classes of each part, steps, split and transform."""
    return {
        "name": data.name,
        **{name: len(part) for name, part in data.parts.items()},
        "classes": {name: len(part.classes) for name, part in data.parts.items()},
        "split": data.split,
        "steps": data.steps,
        "transform": None if data.transform.is_identity else str(data.transform),
    }


def data_parts(data: Mapping[str, Any]) -> str:
    """Return how many samples and classes each part of a data set holds, and where the split came from."""
    parts = (("train", "train"), ("val", "validation"), ("test", "test"))
    counts = ", ".join(f"{data[key]:,} {title}" for key, title in parts)
    classes = [data["classes"][key] for key, _ in parts]
    unlike = f"{classes[0]}, {classes[1]} and {classes[2]} classes"
    spoken = unlike if len(set(classes)) > 1 else plural(classes[0], "class", "classes")
    drawn = ", drawn by label" if data["split"] == "drawn" else ""
    return f"{counts} sample{'s' * (data['test'] != 1)} of {spoken}{drawn}, {plural(data['steps'], 'step')} each"


def data_words(report: Mapping[str, Any]) -> str:
    """Return the report's sentence on its data."""
    data = report["data"]
    raw = f"; fed raw, {plain(data['transform'])} is folded into the first layer" if data["transform"] else ""
    return f"{plain(data['name'])}: {data_parts(data)}{raw}; seed {report['seed']}"
