"""Import a live module from a Python file, whose code runs in a process of its own with a time limit."""

from __future__ import annotations

import shutil
from pathlib import Path

from spear_deploy.errors import Finding, InputError
from spear_deploy.scratch import scratch
from spear_deploy.storage import atomic, is_file
from spear_deploy.user_code import run_child

_LATE = "keep training behind if __name__ == '__main__', or give a longer --timeout"


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
    with scratch() as folder:
        written = folder / "network.nir"
        words = [str(file), name, ",".join(map(str, shape)), str(seed), str(written)]
        told = run_child(f"{__package__}.child", words, f"{file}:{name}", timeout, _LATE)
        with atomic(output) as temporary:
            shutil.copyfile(written, temporary)
    return tuple(Finding(**note) for note in told["notes"])
