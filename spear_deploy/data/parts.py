"""Making a data set from samples of any kind: its parts, given or drawn, and notes on them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.data.dataset import Dataset, parts_of, with_validation
from spear_deploy.data.keys import SPLIT
from spear_deploy.data.notes import part_notes
from spear_deploy.data.samples import Samples
from spear_deploy.data.split import TEST, VALIDATION, draw
from spear_deploy.errors import Finding

Array = NDArray[Any]
_SPLIT_SEED = 0
"""Seed of the test samples of arrays without a split: independent of a run's seed, so that runs can be compared."""


def in_parts(name: str, samples: Samples, labels: Array, given: int | None, seed: int, where: str) -> Dataset:
    """Return the data set ``name`` of samples with labels (N,), with notes on its parts (N006, N009).

    The first ``given`` samples are for training and the others for the test; without it a fifth is drawn for the test,
    stratified by label.  ``where`` names the place of the samples.
    """
    if given is None:
        data = _drawn(name, samples, labels, seed)
    else:
        train, test = np.split(np.arange(len(labels)), [given])
        data = with_validation(name, samples, labels, train, test, seed)
    return replace(data, notes=(*_split_note(data, where), *part_notes(data, where)))


def _drawn(name: str, samples: Samples, labels: Array, seed: int) -> Dataset:
    """Return the data set of samples without a split: a fifth for the test, a fifth of the rest for validation."""
    test, pool = draw(labels, np.arange(len(labels)), max(1, round(len(labels) / 5)), _SPLIT_SEED, TEST, keep=2)
    val, train = draw(labels, pool, min(max(1, len(pool) // 5), 1000), seed, VALIDATION, keep=1)
    return replace(parts_of(name, samples, labels, (train, val, test)), split="drawn")


def _split_note(data: Dataset, where: str) -> Iterator[Finding]:
    if data.split == "drawn":
        total = sum(map(len, data.parts.values()))
        message = (
            f"samples come without a split: {len(data.test)} of {total} were drawn for the test, stratified by label; "
            f"where some belong together, give {', '.join(SPLIT)}, or folders train and test"
        )
        yield Finding("N006", where, message, severity="note")
