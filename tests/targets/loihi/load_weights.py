"""What lava-dl's netx and Lava make of matrices: ``load_weights.py FOLDER``, for the interpreter of ``run_netx.py``.

``weights.npz`` holds layers of one or two matrices, ``<layer>.0`` and ``<layer>.1``, which netx joins on loading.
``loaded.npz`` gets the weights with which Lava runs, by the same names.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
from run_netx import import_network


def load(blocks: list[Any]) -> list[Any]:
    """Return the effective weights of matrices that netx joins, as RecurrentDense and Lava's Dense have it."""
    from lava.utils.weightutils import clip_weights, determine_sign_mode, truncate_weights

    optimize = importlib.import_module("lava.lib.dl.netx.utils").optimize_weight_bits
    joined, bits, exponent, _ = optimize(np.hstack(blocks))
    parts = np.split(joined, np.cumsum([block.shape[1] for block in blocks])[:-1], axis=1)
    modes = [determine_sign_mode(part) for part in parts]
    clipped = [clip_weights(part, mode, num_bits=8) for part, mode in zip(parts, modes, strict=True)]
    pairs = zip(clipped, modes, strict=True)
    return [truncate_weights(part, mode, bits) * 2.0**exponent for part, mode in pairs]


if __name__ == "__main__":
    import_network()
    folder = Path(sys.argv[1])
    with np.load(folder / "weights.npz") as stored:
        matrices = dict(stored)
    found = {}
    for layer in sorted({name.partition(".")[0] for name in matrices}):
        names = sorted(name for name in matrices if name.partition(".")[0] == layer)
        found |= dict(zip(names, load([matrices[name] for name in names]), strict=True))
    np.savez(folder / "loaded.npz", **found)
