"""Registries: tables of entries by name, such as targets, methods, backends and budgets.

An entry is imported when it is first used.  Another distribution adds entries through an entry-point group, a program
through :meth:`Registry.add`; nothing else has to be edited.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar

from spear_deploy.errors import InputError, PluginError

T = TypeVar("T")


class Registry(Generic[T]):
    """Entries of one ``kind`` (a noun, for messages), in the order of ``built_in``: name to ``module:attribute``.

    Of several entries with the same name the built-in one is used, else the first one installed.
    """

    def __init__(self, kind: str, built_in: Mapping[str, str], *, group: str) -> None:
        self.kind, self.group = kind, group
        self._built_in = dict(built_in)
        self._added: dict[str, T] = {}

    def names(self) -> tuple[str, ...]:
        """Return all names: built-in ones first, then those of other distributions, then added ones."""
        installed = sorted(point.name for point in entry_points(group=self.group))
        return tuple(dict.fromkeys((*self._built_in, *installed, *self._added)))

    def get(self, name: str) -> T:
        """Import and return an entry; raise :class:`InputError` (E008) with the nearest name for an unknown one."""
        if name in self._added:
            return self._added[name]
        if name in self._built_in:
            return self._import(self._built_in[name])
        for point in entry_points(group=self.group, name=name):
            return self._load(point)
        near = difflib.get_close_matches(name.lower(), self.names(), n=1, cutoff=0.4)
        meant = f"did you mean {near[0]}? " if near else ""
        raise InputError.of("E008", name, f"there is no {self.kind} of this name", f"{meant}{', '.join(self.names())}")

    def items(self) -> Iterator[tuple[str, T]]:
        """Yield every name with its imported entry, without entries of other distributions that fail to import."""
        for name in self.names():
            with suppress(PluginError):
                yield name, self.get(name)

    def add(self, name: str, entry: T) -> None:
        """Add an entry for this process; raise :class:`ValueError` if the name is taken."""
        if name in self.names():
            raise ValueError(f"there is a {self.kind} {name!r} already")
        self._added[name] = entry

    def remove(self, name: str) -> None:
        """Remove an entry that :meth:`add` made."""
        del self._added[name]

    def _import(self, location: str) -> T:
        module, _, attribute = location.partition(":")
        try:
            entry: T = getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as error:
            if error.name is None or error.name.partition(".")[0] == __name__.partition(".")[0]:
                raise
            message = f"{self.kind} needs the package {error.name}, which is not installed"
            fix = f"pip install {error.name}, or choose another {self.kind}"
            raise PluginError.of("E065", attribute, message, fix) from error
        return entry

    def _load(self, point: EntryPoint) -> T:
        """Load an entry of another distribution; any exception there is reported as its fault."""
        brought_by = point.dist.name if point.dist is not None else point.value
        try:
            entry: T = point.load()
        except Exception as error:
            message = f"{self.kind} of {brought_by} cannot be loaded: {type(error).__name__}: {error}"
            raise PluginError.of("E065", point.name, message, f"repair or uninstall {brought_by}") from error
        return entry
