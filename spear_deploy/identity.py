"""What tells a run from the one that a folder was written by, in the words that its user typed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

_NAMED = {"network": "MODEL", "keep_to": "--net", "limits": "", "settings": "", "search": "--effort"}
"""What parts of an identity are called; the others are options of their name, and of no part of theirs."""
_OF_SEMANTICS = {"late": "--reset-delay"} | {
    name: f"--{name}" for name in ("dt", "reset", "compare", "spikes", "floor", "start")
}
"""Fields of semantics that have an option of their own, as they are stored."""
_OF_SEARCH = {"method", "episodes", "candidates", "lowest_ratio", "decide", "augment"}
_OF_FINISH = {"epochs", "max_steps", "least_steps"}
"""Fields of the closing fine-tuning that ``--epochs`` sets."""
_SET_BY_EFFORT = {"--episodes", "--candidates", "--epochs"}
_LONGEST = 24
"""Characters of a value that is told."""


def differing(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Say in which options two identities differ, with the values of the first and the second where they are short."""
    told: dict[str, str] = {}
    for path, then, now in _leaves(_opened(found), _opened(wanted), ()):
        option = _option(path)
        values = _values(then, now)
        told[option] = values if told.get(option, values) == values else ""
    if "--effort" in told:
        told = {option: values for option, values in told.items() if option not in _SET_BY_EFFORT} | {"--effort": ""}
    return ", ".join(f"{option}{values}" for option, values in sorted(told.items()))


def _opened(identity: Mapping[str, Any]) -> dict[str, Any]:
    """Return an identity whose semantics, stored as text, are a table."""
    try:
        return {**identity, "semantics": json.loads(identity["semantics"])}
    except (KeyError, TypeError, ValueError):  # of a file that was changed by hand
        return dict(identity)


def _leaves(found: Any, wanted: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Yield the path of every difference with both values, None for one that is not there."""
    if isinstance(found, Mapping) and isinstance(wanted, Mapping):
        for name in sorted({*found, *wanted}):
            yield from _leaves(found.get(name), wanted.get(name), (*path, name))
    elif found != wanted:
        yield path, found, wanted


def _option(path: tuple[str, ...]) -> str:
    """Return what sets the part of an identity."""
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
    """Tell both values, unless one of them is long or a structure."""
    told = ["none" if value is None else str(value) for value in (then, now)]
    if any(isinstance(value, list | Mapping) for value in (then, now)) or max(map(len, told)) > _LONGEST:
        return ""
    return f" ({told[0]}, now {told[1]})"
