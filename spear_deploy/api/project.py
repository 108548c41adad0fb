"""The project file of a call of ``spear_deploy.deploy``: its keywords as options of the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from spear_deploy.deployment.options import PROJECT
from spear_deploy.deployment.project import PATHS, PATHS_OR_NAMES, led, write_project

_PLACES = (*PATHS, *PATHS_OR_NAMES)
_EXPORT = "net"
"""The format to keep to that the command line has an option for."""


@dataclass(frozen=True)
class Project:
    """``options`` of the command line, paths absolute; ``unnamed`` are the arguments that were objects."""

    options: Mapping[str, Any]
    unnamed: tuple[str, ...]

    @classmethod
    def of(cls, model: object, data: object, chip: object, settings: Mapping[str, Any]) -> Project:
        """Return what a call says."""
        given = {"model": model, "chip": chip, "data": data}
        named = {name: fspath(value) for name, value in given.items() if isinstance(value, str | PathLike)}
        objects = [name for name in _PLACES if not isinstance(settings.get(name), str | PathLike | None)]
        left_out = ("progress", *objects)
        options = {**named, **{name: value for name, value in settings.items() if name not in left_out}}
        placed = {name: _placed(name, options[name]) for name in _PLACES if options.get(name) is not None}
        kept = options.pop("keep_to", None)
        texts = {name: _SAID[name](options[name]) for name in _SAID if options.get(name) is not None}
        proof = {"backend": settings.get("backend") or "emulator", "net": kept == _EXPORT}
        if "samples" in options and options["samples"] is None:
            texts["samples"] = "all"
        unnamed = [*(name for name in given if name not in named), *objects]
        unnamed += [] if kept in (None, _EXPORT) else ["keep_to"]
        return cls({**options, **placed, **texts, **proof}, tuple(unnamed))

    def write(self, folder: Path) -> None:
        """Write it into the folder of a bundle; raise :class:`InputError`, E009."""
        write_project(folder / PROJECT, {**self.options, "output": folder}, self.unnamed)


def _placed(name: str, value: Any) -> str:
    """Return a value whose path holds in any folder."""
    return led(name, fspath(value), Path(), lambda path: str(path.absolute()))


def _listed(values: Any) -> str:
    return values if isinstance(values, str) else ",".join(map(str, values))


def _normalisation(value: Any) -> str:
    """Return mean and deviation as ``--normalise`` takes them."""
    if isinstance(value, str):
        return value
    of_channels = any(isinstance(part, Sequence) or getattr(part, "ndim", 0) for part in value)
    return "/".join(map(_listed, value)) if of_channels else _listed(value)


_SAID = {"sensor": _listed, "normalise": _normalisation, "augment": _listed}
"""Settings that the command line takes as text."""
