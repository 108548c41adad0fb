"""Loading a data set by its name, or from the file of that path."""

from __future__ import annotations

import difflib
from pathlib import Path

from spear_deploy.data.arrays import load_npz
from spear_deploy.data.dataset import Dataset, of_raw_values
from spear_deploy.data.named import LOADERS
from spear_deploy.data.options import DataOptions
from spear_deploy.errors import Finding, InputError
from spear_deploy.storage import exists


def load_data(name: str, options: DataOptions) -> Dataset:
    """Load a named data set, or the ``.npz`` file of that path.

    Raises :class:`InputError`: E001 (no such file or folder), E005 (unusable), E006 (labels), E008 (name), E016
    (normalisation).
    """
    if name in LOADERS:
        load, taken = LOADERS[name]
        _refuse_unused(name, options, taken)
        return of_raw_values(load(options), options.transform)
    if name.endswith(".npz") or exists(Path(name)):
        _refuse_unused(name, options, ("steps", "encoding") if options.steps else ("steps",))
        return load_npz(Path(name), options)
    near = difflib.get_close_matches(name, LOADERS, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise InputError.of(
        "E008", f"--data {name}", "no such data set or file", f"{hint}names: {', '.join(LOADERS)}, or FILE.npz"
    )


def _refuse_unused(name: str, options: DataOptions, taken: tuple[str, ...]) -> None:
    """Refuse options that would be ignored (E005)."""
    findings = [
        Finding("E005", f"--{option.replace('_', '-')}", f"has no meaning for --data {name}", "leave it out")
        for option in ("steps", "encoding", "bin_ms")
        if getattr(options, option) is not None and option not in taken
    ]
    if findings:
        raise InputError(findings)
