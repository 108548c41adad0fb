"""Import a live module from a Python file, in a process of its own with a time limit: it runs the file's code.

The process has the rights of this one; it is kept apart so that what it does to torch, to the random state or to
memory, and that it never ends, does not concern this one.  It is no protection from a file that means harm.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from spear_deploy import errors
from spear_deploy.errors import Finding, InputError, SpearError
from spear_deploy.storage import atomic, is_file

_LINES = 3
"""Last lines of what the process printed that an error quotes."""


def import_file(
    file: Path, name: str, shape: tuple[int, ...], output: Path, *, seed: int = 0, timeout: float = 120.0
) -> tuple[Finding, ...]:
    """Import ``name`` of a Python ``file`` and write it as a NIR file that carries its semantics; return the notes.

    ``shape`` is that of one step of input, without a batch axis.  What the file prints goes to standard error.

    Raises:
        InputError: E001 without the file, E048 if its code fails, takes more than ``timeout`` seconds, or has no such
            module; E009 for an output that cannot be written.
        UnsupportedError, MismatchError: what importing the module raises (:func:`spear_deploy.from_snntorch`).
    """
    if not is_file(file):
        raise InputError.of("E001", file, "there is no such file", "give FILE.py:NAME")
    with TemporaryDirectory(prefix="spear-deploy-") as folder:
        written, result = Path(folder) / "network.nir", Path(folder) / "result.json"
        words = [str(file), name, ",".join(map(str, shape)), str(seed), str(written), str(result)]
        _run([sys.executable, "-m", f"{__package__}.child", *words], f"{file}:{name}", timeout)
        if not is_file(result):
            raise InputError.of("E048", f"{file}:{name}", "its code ended the process", "import it without exiting")
        told = json.loads(result.read_text(encoding="utf-8"))
        if "error" in told:
            raise _error(told)
        with atomic(output) as temporary:
            shutil.copyfile(written, temporary)
    return tuple(Finding(**note) for note in told["notes"])


def _run(command: list[str], where: str, timeout: float) -> None:
    # A session of its own: what the file's code started ends with it.
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        try:
            printed, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired as error:
            fix = "keep training behind if __name__ == '__main__', or give a longer --timeout"
            raise InputError.of("E048", where, f"took more than {timeout:g} seconds", fix) from error
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    sys.stderr.write(printed)
    if process.returncode:
        last = " / ".join(printed.strip().splitlines()[-_LINES:]) or f"ended with {process.returncode}"
        raise InputError.of("E048", where, f"its code fails: {last}", "make the file run by itself")


def _error(told: dict[str, Any]) -> SpearError:
    kind = getattr(errors, told["error"], SpearError)
    error: SpearError = kind([Finding(**finding) for finding in told["findings"]])
    return error
