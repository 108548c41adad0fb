"""Backends, which run chip programs, each in an environment and a process of its own, through two files.

A new one is a file and a line in this table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spear_deploy.backends.protocol import Backend
from spear_deploy.errors import BackendError, UnsupportedError
from spear_deploy.registry import Registry

if TYPE_CHECKING:
    from spear_deploy.targets import Program

__all__ = ["BACKENDS", "Backend", "check_runs", "default_prover", "proving_backends"]

BACKENDS: Registry[Backend] = Registry(
    "backend",
    {
        "emulator": "spear_deploy.backends.emulator:EMULATOR",
        "lava": "spear_deploy.backends.lava:LAVA",
        "netx": "spear_deploy.backends.netx:NETX",
        "reference": "spear_deploy.backends.emulator:REFERENCE",
        "speck": "spear_deploy.backends.speck:SPECK",
        "xylo": "spear_deploy.backends.xylo:XYLO",
    },
    group="spear_deploy.backends",
)
"""Backends by name."""


def proving_backends() -> tuple[str, ...]:
    """Return the backends that can confirm a result: all except the emulator itself."""
    return tuple(name for name in BACKENDS.names() if BACKENDS.get(name).is_independent)


def default_prover(target: str) -> str:
    """Return the first backend that can prove a target's programs; raise :class:`BackendError` (E060) without one."""
    for name in proving_backends():
        serves = BACKENDS.get(name).targets
        if serves is None or target in serves:
            return name
    fix = "use compile, which measures on the emulator alone"
    raise BackendError.of("E060", f"target {target}", "no backend runs its programs", fix)


def check_runs(name: str, program: Program) -> None:
    """Make sure that a backend can run a program.

    Raises :class:`BackendError` (E060) if it does not serve the target, :class:`UnsupportedError` with its refusals.
    """
    backend = BACKENDS.get(name)
    if backend.targets is not None and program.target not in backend.targets:
        message = f"runs programs of {', '.join(sorted(backend.targets))}, this one is of {program.target}"
        raise BackendError.of("E060", name, message, "choose another --backend")
    if refusals := backend.refusals(program):
        raise UnsupportedError(refusals)
