"""A user's own Python code, in a process of its own with a time limit.

The process has the same rights as this one; it is separate so that what the code does to torch, to random states or to
memory, or its never ending, does not affect this one.  It is no protection from malicious code.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from spear_deploy import errors
from spear_deploy.errors import Finding, InputError, SpearError
from spear_deploy.scratch import scratch
from spear_deploy.storage import is_file

_LINES = 3
"""Number of last lines of the process's output that an error quotes."""


def run_child(module: str, words: list[str], where: str, timeout: float, late: str) -> dict[str, Any]:
    """Run ``python -m module WORDS RESULT`` and return what it wrote to RESULT by :func:`write_told`.

    The process prints to standard error; its own child processes end with it.
    Raises :class:`InputError` (E048) if it fails, ends early, or takes more than ``timeout`` seconds, for which
    ``late`` is the fix; and whatever :class:`SpearError` the process wrote down.
    """
    with scratch() as folder:
        result = folder / "result.json"
        _run([sys.executable, "-m", module, *words, str(result)], where, timeout, late)
        if not is_file(result):
            raise InputError.of("E048", where, "its code ended the process", "import it without exiting")
        told: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    if "error" in told:
        kind = getattr(errors, told["error"], SpearError)
        error: SpearError = kind([Finding(**finding) for finding in told["findings"]])
        raise error
    return told


def write_told(result: Path, work: Callable[[], dict[str, Any]]) -> None:
    """Do a child's ``work`` and write its result or :class:`SpearError`; other exceptions end the child."""
    try:
        told = work()
    except SpearError as error:
        told = {"error": type(error).__name__, "findings": [asdict(finding) for finding in error.findings]}
    result.write_text(json.dumps(told, default=str), encoding="utf-8")


def named_in_file(file: Path, name: str) -> Any:
    """Run a file as a module, which may import others from its folder; return its member ``name``.

    Raises :class:`InputError` (E048) for a name that it lacks.
    """
    sys.path.insert(0, str(file.resolve().parent))
    specification = importlib.util.spec_from_file_location(file.stem, file)
    assert specification is not None
    assert specification.loader is not None
    loaded = importlib.util.module_from_spec(specification)
    sys.modules[file.stem] = loaded
    specification.loader.exec_module(loaded)
    return _member(loaded, name, f"{file}:{name}")


def named_in_module(module: str, name: str) -> Any:
    """Import a module, from this folder or installed, and return its member ``name``; raises as for a file."""
    try:
        loaded = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        fix = f"give FILE.py:{name}, or call this where {module} can be imported"
        raise InputError.of("E048", f"{module}:{name}", f"there is no module {error.name!r}", fix) from error
    return _member(loaded, name, f"{module}:{name}")


def _member(value: Any, name: str, where: str) -> Any:
    for part in name.split("."):
        if not hasattr(value, part):
            raise InputError.of("E048", where, f"there is no {part!r}", "name what the file assigns")
        value = getattr(value, part)
    return value


def _run(command: list[str], where: str, timeout: float, late: str) -> None:
    # A session of its own: what the code started ends with it.
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True
    ) as process:
        try:
            printed, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired as error:
            raise InputError.of("E048", where, f"took more than {timeout:g} seconds", late) from error
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    sys.stderr.write(printed)
    if process.returncode:
        last = " / ".join(printed.strip().splitlines()[-_LINES:]) or f"ended with {process.returncode}"
        raise InputError.of("E048", where, f"its code fails: {last}", "make the file run by itself")
