"""Put the deployed network on cores as it was asked for, by what it did on the validation samples."""

from __future__ import annotations

from dataclasses import replace

from spear_deploy.deployment.work import Work
from spear_deploy.errors import InputError
from spear_deploy.measure.load import measured_load
from spear_deploy.placement.placers import PLACERS, keep
from spear_deploy.targets import Compiler, Recutter


def refuse_placer(name: str, compiler: Compiler) -> None:
    """Raise :class:`InputError` (E008) for a placement that there is not, or that a chip leaves no choice for."""
    if PLACERS.get(name) is not keep and not isinstance(compiler, Recutter):
        message = f"{compiler.chip.name} holds every population whole: there is nothing to choose"
        raise InputError.of("E008", f"place {name}", message, "leave it out")


def placed(work: Work) -> Work:
    """Return the work with its network placed as asked; the placement by the target's own rule is kept beside it."""
    compiler, measured, on_test = work.compiler, work.measured, work.on_test
    placer = PLACERS.get(work.options.place)
    assert measured is not None
    assert on_test is not None
    if placer is keep or not isinstance(compiler, Recutter):
        return work
    ruled = measured.lowered
    load = measured_load(ruled.program, ruled.placement, measured.val, work.data.steps)
    placement = placer(ruled.placement, load, lambda cuts: compiler.recut(ruled, cuts))
    lowered = replace(ruled, placement=placement)
    return replace(
        work,
        measured=replace(measured, lowered=lowered),
        on_test=replace(on_test, lowered=lowered),
        ruled=ruled.placement,
    )
