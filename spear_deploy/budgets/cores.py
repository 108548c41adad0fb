"""Cores used by the placement; they can never exceed the chip's."""

from __future__ import annotations

from spear_deploy.budgets.resource import Resource

CORES = Resource(
    name="cores",
    title="cores",
    help="Budget of cores; default: what the chip has.",
    whole=True,
    measured=lambda performance: performance.lowered.placement.cores,
    of_placement=lambda placement: placement.cores,
    of_chip=lambda chip: chip.cores,
)
