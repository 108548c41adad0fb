"""Notes (N009) on the parts of a data set on which an accuracy means little."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from spear_deploy.data.dataset import Dataset
from spear_deploy.errors import Finding

_FEW_CLASSES, _FEW_SAMPLES = 10, 10
_TITLES = {"train": "training", "val": "validation", "test": "test"}


def part_notes(data: Dataset, where: str) -> Iterator[Finding]:
    """Yield notes for labels that do not look like classes, parts that lack some, and a test part of few samples."""
    everywhere, counts = np.unique(np.concatenate([p.own_labels for p in data.parts.values()]), return_counts=True)
    total = int(counts.sum())
    if len(everywhere) > max(_FEW_CLASSES, total // 2):
        yield _note(where, f"y holds {len(everywhere)} different labels for {total} samples: are these classes?")
    elif len(everywhere) == 1:
        yield _note(where, f"all {total} labels are {everywhere[0]}: an accuracy on one class says nothing")
    elif data.split == "drawn" and (single := int(np.count_nonzero(counts == 1))):
        yield _note(where, f"{single} of {len(everywhere)} classes have one sample only, which no two parts can share")
    for name, part in data.parts.items():
        lacking = np.setdiff1d(everywhere, part.classes)
        if len(lacking):
            held = len(everywhere) - len(lacking)
            named = ", ".join([*map(str, lacking[:5]), *([".."] if len(lacking) > 5 else [])])
            yield _note(where, f"the {_TITLES[name]} part holds {held} of {len(everywhere)} classes; it lacks {named}")
    if len(data.test) < _FEW_SAMPLES:
        samples = f"{len(data.test)} sample{'s' * (len(data.test) > 1)}"
        yield _note(where, f"the test part holds {samples}: an accuracy on so few says little")


def _note(where: str, message: str) -> Finding:
    return Finding("N009", where, message, severity="note")
