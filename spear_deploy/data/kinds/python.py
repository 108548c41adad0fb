"""What Python code gives: ``FILE.py:NAME`` or ``MODULE:NAME``, run in a process of its own with a time limit."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from spear_deploy.data.arrays import from_arrays, read_arrays
from spear_deploy.data.dataset import Dataset
from spear_deploy.data.keys import SPLIT, WHOLE
from spear_deploy.data.kind import Kind, of_arrays
from spear_deploy.data.options import DataOptions
from spear_deploy.errors import Finding, InputError
from spear_deploy.scratch import scratch
from spear_deploy.storage import exists, is_file
from spear_deploy.user_code import run_child

_SECONDS = 600.0
_LATE = "save its arrays once with numpy.savez, and give that file"
_FORM = re.compile(r"(?P<source>.+\.py|[^\W\d]\w*(\.[^\W\d]\w*)*):(?P<name>[^\W\d]\w*(\.[^\W\d]\w*)*)")


def _takes(name: str) -> bool:
    return _FORM.fullmatch(name) is not None and not exists(Path(name))


def _load(name: str, options: DataOptions) -> Dataset:
    """Return what the code gives as arrays; whatever it calls itself, the data set has the function's name.

    Raises :class:`InputError`: E001 (no such file), E048 (the code), and what :func:`from_arrays` raises.
    """
    source, _, attribute = name.rpartition(":")
    if source.endswith(".py") and not is_file(Path(source)):
        raise InputError.of("E001", source, "no such file", "check the path")
    with scratch() as folder:
        written = folder / "arrays.npz"
        run_child("spear_deploy.data.kinds.python_child", [source, attribute, str(written)], name, _SECONDS, _LATE)
        arrays = read_arrays(written, {*SPLIT, *WHOLE})
    data = from_arrays(arrays, attribute.rpartition(".")[2], name, options)
    shapes = ", ".join(f"{key} {array.dtype}{list(array.shape)}" for key, array in sorted(arrays.items()))
    note = Finding("N006", name, f"its Python code was run, and gave {shapes}", severity="note")
    return replace(data, notes=(note, *data.notes))


PYTHON = Kind("FILE.py:NAME (runs the file)", _takes, of_arrays, _load)
