"""What readers of program files share: parts of an HDF5 tree that is not trusted, checked for their kind."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.network.ops import Pair, Shape
from spear_deploy.untrusted.hdf5 import Group


def subgroup(group: Group, *names: str) -> Group:
    """Return the group at a path of ``names``; raise KeyError if there is none."""
    for name in names:
        member = group.members[name]
        if not isinstance(member, Group):
            raise KeyError(f"{name} is no group")
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
