"""Kinds of data: their names, their options, and how they are loaded."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from spear_deploy.data.dataset import Dataset
from spear_deploy.data.options import DataOptions


@dataclass(frozen=True)
class Kind:
    """One kind of data.

    Attributes:
        form: its form for ``--data``, in messages.
        takes: whether a name is of this kind.
        options: the fields of the options that apply to a name.
        load: returns the data set of a name; raises :class:`InputError` with all findings.
    """

    form: str
    takes: Callable[[str], bool]
    options: Callable[[str, DataOptions], Collection[str]]
    load: Callable[[str, DataOptions], Dataset]


def of_arrays(_: str, options: DataOptions) -> tuple[str, ...]:
    """Return the options of arrays; ``encoding`` applies to values, which need ``steps``."""
    return ("steps", "encoding") if options.steps else ("steps",)
