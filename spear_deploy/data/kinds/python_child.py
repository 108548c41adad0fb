"""The child of :mod:`spear_deploy.data.kinds.python`: runs the user's code and writes its arrays as a plain ``.npz``.

``python -m spear_deploy.data.kinds.python_child FILE|MODULE NAME OUTPUT RESULT``
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from spear_deploy.data.keys import missing_arrays, wanted_names
from spear_deploy.data.objects import arrays_of, is_collection
from spear_deploy.errors import InputError
from spear_deploy.user_code import named_in_file, named_in_module, write_told


def main(source: str, name: str, output: str, result: str) -> None:
    """Write the arrays that ``name`` of ``source`` is, or returns, to ``output``."""

    def work() -> dict[str, Any]:
        where = f"{source}:{name}"
        value = named_in_file(Path(source), name) if source.endswith(".py") else named_in_module(source, name)
        if callable(value) and not is_collection(value):
            value = value()
        arrays = arrays_of(value, where)
        names = wanted_names(arrays)
        if not names:
            raise InputError(missing_arrays({key: array.shape for key, array in arrays.items()}, where))
        np.savez(output, allow_pickle=False, **{key: arrays[key] for key in names})
        return {}

    write_told(Path(result), work)


if __name__ == "__main__":
    main(*sys.argv[1:])
