"""The figures of a chip's profile, each by its path, for tests that change one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from spear_deploy.chips import Sourced


def paths(value: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return the paths to all figures."""
    if isinstance(value, Sourced):
        return [path]
    if not is_dataclass(value):
        return []
    return [found for field in fields(value) for found in paths(getattr(value, field.name), (*path, field.name))]


def changed(value: Any, path: tuple[str, ...], others: Mapping[str, Any]) -> Any:
    """Return ``value`` with the figure at ``path`` as ``others`` have it."""
    if len(path) == 1:
        return replace(value, **{path[0]: replace(getattr(value, path[0]), value=others[path[0]])})
    return replace(value, **{path[0]: changed(getattr(value, path[0]), path[1:], others)})
