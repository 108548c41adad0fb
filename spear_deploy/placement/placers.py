"""Placers, which put populations on cores, by name: ``default`` is the target's own rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias

from spear_deploy.placement import Placement
from spear_deploy.placement.cuts import Cut
from spear_deploy.placement.load import Load
from spear_deploy.registry import Registry

Recut: TypeAlias = Callable[[Mapping[str, Sequence[Cut]]], Placement | None]
"""Places a network whose populations, by name, are cut in this way; None if a part does not fit a core."""


class Placer(Protocol):
    """Chooses a placement that needs no more cores than the one it is given."""

    def __call__(self, placement: Placement, load: Load, recut: Recut) -> Placement:
        """Return a placement; ``load`` is the activity of the network on samples."""


PLACERS: Registry[Placer] = Registry(
    "placement",
    {
        "default": "spear_deploy.placement.placers:keep",
        "balance": "spear_deploy.placement.balance:balance",
    },
    group="spear_deploy.placements",
)


def keep(placement: Placement, load: Load, recut: Recut) -> Placement:
    """Keep the placement by the target's own rule."""
    return placement


def keeps_rule(name: str) -> bool:
    """Whether a placer is the target's own rule; raise :class:`InputError` (E008) for an unknown name."""
    return PLACERS.get(name) is keep
