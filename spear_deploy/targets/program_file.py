"""Reading the program files of all families: one error for any damage, and checked access to the tree."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.errors import InputError
from spear_deploy.network.ops import Pair, Shape
from spear_deploy.untrusted import UnreadableError
from spear_deploy.untrusted.hdf5 import Group

_DAMAGE = (OSError, UnreadableError, LookupError, ValueError, TypeError, OverflowError, AttributeError)


@contextmanager
def refusing_damage(path: Path) -> Iterator[None]:
    """Raise :class:`InputError` (E010) for any exception in the block, which reads a program file."""
    try:
        yield
    except _DAMAGE as error:
        raise InputError.of("E010", path, f"cannot be read as a program: {error}", "compile again") from error


def check_schema(group: Group, schema: int | str) -> None:
    """Raise :class:`ValueError` for a file of another schema, KeyError for one that names none."""
    if group.attrs["schema"] != schema:
        raise ValueError(f"schema {group.attrs['schema']} is not {schema}")


def subgroup(group: Group, *names: str) -> Group:
    """Return the group at a path of ``names``; raise KeyError if there is none."""
    for name in names:
        member = group.members[name]
        if not isinstance(member, Group):
            raise KeyError(f"{name} is not a group")
        group = member
    return group


def integers(group: Group, name: str) -> NDArray[np.integer]:
    """Return an array of integers; raise KeyError if there is none, ValueError for other numbers."""
    array = np.asarray(group.members[name])
    if array.dtype.kind not in "iu":
        raise ValueError(f"{name} holds no integers")
    return array


def shape_of(values: Any) -> Shape:
    """Return a shape as it is stored."""
    return tuple(int(n) for n in values)


def pair_of(values: Any) -> Pair:
    """Return a pair, such as a stride, as it is stored."""
    return int(values[0]), int(values[1])
