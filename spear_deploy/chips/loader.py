"""Finding, reading and inheriting chip profiles."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from spear_deploy.chips.parse import Table, parse_profile
from spear_deploy.chips.profile import ChipProfile
from spear_deploy.errors import InputError
from spear_deploy.resources import resource
from spear_deploy.storage import is_file

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def chip_names() -> tuple[str, ...]:
    """Return the names of the profiles that come with the tool, sorted."""
    return tuple(sorted(path.stem for path in resource("hw_profiles").glob("*.toml")))


def load_profile(name_or_path: str | Path, schema_of: Callable[[str], type[ChipProfile]]) -> ChipProfile:
    """Load a profile by the name of a built-in chip (``loihi2``) or by the path of a TOML file.

    ``schema_of`` gives the schema of a target by its name, or raises :class:`InputError` (E008).  A profile may say
    ``inherits = "other"``: another file in its folder, else a built-in one, whose figures it then replaces one by one.

    Raises :class:`InputError`: E001 no such file, E008 unknown name, E011 damaged profile (all problems at once)
    or a cycle of inheritance.
    """
    path = _locate(str(name_or_path), folder=None)
    try:
        table = _resolve(path, ())
        return parse_profile(path.stem, table, path.name, _schema(table, path, schema_of))
    except RecursionError as error:
        message = "is nested too deeply, or inherits too many others"
        raise InputError.of("E011", path.name, message, "write figures as chips NAME shows them") from error


def _schema(table: Table, path: Path, schema_of: Callable[[str], type[ChipProfile]]) -> type[ChipProfile]:
    target = table.get("target")
    if not isinstance(target, str):
        problem = "must be a text" if "target" in table else "is missing"
        fix = 'name the chip family, as in target = "loihi", or inherit a profile, as in inherits = "loihi2"'
        raise InputError.of("E011", f"{path.name}: target", problem, fix)
    try:
        return schema_of(target)
    except InputError as error:
        raise InputError.of("E011", f"{path.name}: target", error.findings[0].message, error.findings[0].fix) from error


def _locate(name: str, folder: Path | None) -> Path:
    """Find a profile by name, in ``folder`` first, or by path."""
    if name.endswith(".toml"):
        path = Path(folder or "", name)
        if is_file(path):
            return Path(os.path.realpath(path))
        raise InputError.of("E001", name, "there is no such chip profile", f"looked for {path}")
    if folder is not None and is_file(folder / f"{name}.toml"):
        return folder / f"{name}.toml"
    if name in chip_names():
        return resource("hw_profiles") / f"{name}.toml"
    for file, fix in ((f"{name}.toml", f"give {name}.toml"), (name, f"rename it {name}.toml, and give that")):
        if is_file(Path(folder or "", file)):
            message = "there is no chip of this name, and the name of a profile's file ends in .toml"
            raise InputError.of("E008", name, message, fix)
    nearest = difflib.get_close_matches(name.lower(), chip_names(), n=1, cutoff=0.4)
    meant = f"did you mean {nearest[0]}? " if nearest else ""
    raise InputError.of("E008", name, "there is no chip of this name", f"{meant}one of: {', '.join(chip_names())}")


def _resolve(path: Path, heirs: tuple[Path, ...]) -> Table:
    """Read a profile's table with everything that it inherits."""
    if path in heirs:
        chain = " -> ".join(heir.stem for heir in (*heirs, path))
        raise InputError.of("E011", path.name, f"inherits from itself: {chain}")
    table = _read(path)
    parent = table.pop("inherits", None)
    if parent is None:
        return table
    if not isinstance(parent, str):
        raise InputError.of("E011", f"{path.name}: inherits", f"must be the name of a profile; is {parent!r}")
    return _merge(_resolve(_locate(parent, path.parent), (*heirs, path)), table)


def _read(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError.of("E011", path.name, f"is not TOML: {error}") from error
    except OSError as error:
        raise InputError.of("E001", path, f"cannot be read: {error.strerror}") from error


def _merge(parent: Table, child: Table) -> dict[str, object]:
    """Lay ``child`` over ``parent``; a figure is replaced whole, so that no value keeps another value's source."""
    merged = dict(parent)
    for key, value in child.items():
        inherited = merged.get(key)
        if isinstance(inherited, Mapping) and isinstance(value, Mapping) and "value" not in value:
            merged[key] = _merge(inherited, value)
        else:
            merged[key] = value
    return merged
