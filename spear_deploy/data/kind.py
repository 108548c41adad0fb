"""What a kind of data is: which names are of it, which options it takes, and how it is loaded."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from spear_deploy.data.dataset import Dataset
from spear_deploy.data.options import DataOptions


@dataclass(frozen=True)
class Kind:
    """One kind of data.

    Attributes:
        form: how ``--data`` names it, for messages.
        takes: whether a name is of this kind.
        options: those of the options' fields that say how data become input which have a meaning for a name.
        load: returns the data set of a name; raises :class:`InputError` with all findings.
    """

    form: str
    takes: Callable[[str], bool]
    options: Callable[[str, DataOptions], Collection[str]]
    load: Callable[[str, DataOptions], Dataset]


def of_arrays(_: str, options: DataOptions) -> tuple[str, ...]:
    """Return the options of arrays: values, which ``steps`` tells from spikes, have an encoding."""
    return ("steps", "encoding") if options.steps else ("steps",)
