"""The placer of a run: whether it can be used, and the placement by the target's own rule beside it."""

from __future__ import annotations

from dataclasses import replace

from spear_deploy.deployment.work import Work
from spear_deploy.errors import InputError
from spear_deploy.placement.placers import keeps_rule
from spear_deploy.targets import Compiler, Recutter


def refuse_placer(name: str, compiler: Compiler) -> None:
    """Raise :class:`InputError` (E008) for an unknown placer, or a chip without any choice of placement."""
    if not keeps_rule(name) and not isinstance(compiler, Recutter):
        message = f"{compiler.chip.name} holds every population whole: there is nothing to choose"
        raise InputError.of("E008", f"place {name}", message, "leave it out")


def with_own_rule(work: Work) -> Work:
    """Return the work with the placement by the target's own rule as ``ruled``, if another placer was asked for."""
    compiler, measured = work.compiler, work.measured
    assert measured is not None
    if keeps_rule(work.options.place) or not isinstance(compiler, Recutter):
        return work
    return replace(work, ruled=compiler.recut(measured.lowered, {}))
