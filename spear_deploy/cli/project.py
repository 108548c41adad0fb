"""Read ``spear.toml``, which holds the options of a ``deploy`` command line.

Its keys are the names of the options (``max_drop`` or ``max-drop``), its values what follows them; flags are true or
false.  Paths are relative to the file.  A bundle carries one that repeats its run.
"""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import click

from spear_deploy.deployment.project import NEEDED, OF_ONE_RUN, PATHS, PATHS_OR_NAMES, led
from spear_deploy.errors import Finding, InputError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def read_project(
    path: Path, parameters: Sequence[click.Parameter], context: click.Context, given: Collection[str]
) -> dict[str, Any]:
    """Return the values of the parameters that a project file holds, converted as the command line converts them.

    ``given`` are the parameters that the command line gives itself.  Raises :class:`InputError`: E001 for a file that
    cannot be read, E049 with all findings, each with its line.
    """
    try:
        text = path.read_text(encoding="utf-8")
        held = tomllib.loads(text)
    except OSError as error:
        fix = "write one, or name another; docs/project.md shows one"
        raise InputError.of("E001", path, f"cannot be read: {error.strerror}", fix) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError.of("E049", path, f"is not TOML: {error}", "fix it there") from error
    known = {str(each.name): each for each in parameters if each.name not in OF_ONE_RUN}
    values: dict[str, Any] = {}
    findings = []
    for key, value in held.items():
        name, where = key.replace("-", "_"), f"{path}, line {_line_of(key, text)}, {key}"
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            fix = f"did you mean {near[0]}?" if near else f"one of: {', '.join(known)}"
            findings.append(Finding("E049", where, "there is no such option", fix))
            continue
        try:
            values[name] = _placed(name, _converted(known[name], value, context), path.parent)
        except click.BadParameter as error:
            fix = f"see spear-deploy deploy --help for {known[name].opts[0]}"
            findings.append(Finding("E049", where, f"{value!r} cannot be used: {error.message}", fix))
        except InputError as error:
            findings += [Finding("E049", where, each.message, each.fix) for each in error.findings]
    for name in NEEDED:
        if name not in values and name not in given and name not in held:
            findings.append(Finding("E049", str(path), f"says no {name}", f'add {name} = "...", or give --{name}'))
    if findings:
        raise InputError(findings)
    return values


def _line_of(key: str, text: str) -> int:
    """Return the number of the line that gives a key its value."""
    pattern = re.compile(rf"""\s*["']?{re.escape(key)}["']?\s*[=.\]]|\s*\[+\s*["']?{re.escape(key)}["']?\s*[.\]]""")
    lines = text.splitlines()
    return next((number for number, line in enumerate(lines, start=1) if pattern.match(line)), 1)


def _converted(parameter: click.Parameter, value: Any, context: click.Context) -> Any:
    """Return a value as the command line would; raise :class:`click.BadParameter` for what it cannot be."""
    is_flag = isinstance(parameter, click.Option) and parameter.is_flag
    if is_flag != isinstance(value, bool):
        raise click.BadParameter("give true or false" if is_flag else "it is not a flag")
    if not isinstance(value, str | int | float):
        raise click.BadParameter("it is neither text nor a number")
    return parameter.process_value(context, value if is_flag else str(value))


def _placed(name: str, value: Any, folder: Path) -> Any:
    """Return a value whose path, if there is one in it, leads from the folder of the file."""
    if name in PATHS:
        return folder / value
    return led(name, value, folder, lambda path: str(folder / path)) if name in PATHS_OR_NAMES else value
