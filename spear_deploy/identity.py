"""Differences between two runs, in terms of the options that their user typed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

_NAMED = {"network": "MODEL", "keep_to": "--net", "limits": "", "settings": "", "search": "--effort"}
"""Options behind parts of an identity; other parts have the name of their option."""
_OF_SEMANTICS = {"late": "--reset-delay"} | {
    name: f"--{name}" for name in ("dt", "reset", "compare", "spikes", "floor", "start")
}
"""Stored fields of semantics that have an option of their own."""
_OF_SEARCH = {"method", "episodes", "candidates", "lowest_ratio", "decide", "augment"}
_OF_FINISH = {"epochs", "max_steps", "least_steps"}
"""Fields of the closing fine-tuning set by ``--epochs``."""
_SET_BY_EFFORT = {"--episodes", "--candidates", "--epochs"}
_LONGEST = 24
"""Longest value that is shown, in characters."""


def differing(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Return the options in which two identities differ, with both values if they are short."""
    told: dict[str, str] = {}
    for path, then, now in _leaves(_opened(found), _opened(wanted), ()):
        option = _option(path)
        values = _values(then, now)
        told[option] = values if told.get(option, values) == values else ""
    if "--effort" in told:
        told = {option: values for option, values in told.items() if option not in _SET_BY_EFFORT} | {"--effort": ""}
    return ", ".join(f"{option}{values}" for option, values in sorted(told.items()))


def _opened(identity: Mapping[str, Any]) -> dict[str, Any]:
    """Return an identity with its semantics, stored as text, as a table."""
    try:
        return {**identity, "semantics": json.loads(identity["semantics"])}
    except (KeyError, TypeError, ValueError):  # of a file that was changed by hand
        return dict(identity)


def _leaves(found: Any, wanted: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Yield the path of every difference with both values, None for a missing one."""
    if isinstance(found, Mapping) and isinstance(wanted, Mapping):
        for name in sorted({*found, *wanted}):
            yield from _leaves(found.get(name), wanted.get(name), (*path, name))
    elif found != wanted:
        yield path, found, wanted


def _option(path: tuple[str, ...]) -> str:
    """Return the option that sets a part of an identity."""
    first, last = path[0], path[-1]
    if first == "versions":
        return f"the version of {last}"
    if first in ("limits", "settings") and len(path) > 1:
        return _option(path[1:2])
    if first == "semantics" and last in _OF_SEMANTICS:
        return _OF_SEMANTICS[last]
    if first == "search" and last in _OF_SEARCH:
        return _as_option(last)
    if first == "search" and path[1:2] == ("finish",) and last in _OF_FINISH:
        return "--epochs"
    return _NAMED.get(first) or _as_option(first)


def _as_option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _values(then: Any, now: Any) -> str:
    """Return both values as text, unless one of them is long or a structure."""
    told = ["none" if value is None else str(value) for value in (then, now)]
    if any(isinstance(value, list | Mapping) for value in (then, now)) or max(map(len, told)) > _LONGEST:
        return ""
    return f" ({told[0]}, now {told[1]})"
