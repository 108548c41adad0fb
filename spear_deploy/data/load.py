"""Loading a data set by its name, with the first kind of data that accepts it."""

from __future__ import annotations

import difflib
from pathlib import Path

from spear_deploy.data.dataset import Dataset
from spear_deploy.data.kind import Kind
from spear_deploy.data.kinds import KINDS
from spear_deploy.data.kinds.named import LOADERS
from spear_deploy.data.options import CODING, DataOptions
from spear_deploy.errors import Finding, InputError, SpearError
from spear_deploy.storage import exists


def load_data(name: str, options: DataOptions) -> Dataset:
    """Load a named data set, a file or folder, or the result of Python code.

    Raises :class:`InputError`: E001 (no such file or folder), E005 (unusable), E006 (labels), E008 (name), E016
    (normalisation), E048 (code); :class:`BackendError` (E064) for a package that reading it needs.
    """
    kinds = [kind for _, kind in KINDS.items()][::-1]
    for kind in kinds:
        if kind.takes(name):
            _refuse_unused(kind, name, options)
            return kind.load(name, options)
    raise _unknown(name, kinds)


def _unknown(name: str, kinds: list[Kind]) -> SpearError:
    forms = ", ".join(kind.form for kind in kinds)
    if exists(Path(name)):
        return InputError.of("E005", name, "is a folder that holds no data of a known kind", f"give one of: {forms}")
    near = difflib.get_close_matches(name, LOADERS, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return InputError.of("E008", f"--data {name}", "no such data set or file", f"{hint}names: {forms}")


def _refuse_unused(kind: Kind, name: str, options: DataOptions) -> None:
    """Refuse options that would be ignored (E005)."""
    taken = kind.options(name, options)
    findings = [
        Finding("E005", f"--{option.replace('_', '-')}", f"has no meaning for --data {name}", "leave it out")
        for option in CODING
        if getattr(options, option) is not None and option not in taken
    ]
    if findings:
        raise InputError(findings)
