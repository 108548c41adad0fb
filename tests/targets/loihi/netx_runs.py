"""Runs of ``.net`` files on lava-dl's netx, for the tests that compare with it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from spear_deploy.backends.lava import ENVIRONMENT
from spear_deploy.errors import BackendError
from tests.frameworks import home

RUN_NETX = Path(__file__).with_name("run_netx.py")


@pytest.fixture(scope="module")
def netx_python() -> str:
    """The Lava backend's interpreter, if lava-dl lies in a folder for it; tests that need it are skipped without."""
    home("lava-dl")
    try:
        return str(ENVIRONMENT.python())
    except BackendError as error:
        pytest.skip(str(error))


def with_netx(python: str, script: Path, folder: Path) -> None:
    """Run a script on a folder, with lava-dl on the interpreter's path."""
    paths = {**os.environ, "PYTHONPATH": str(home("lava-dl"))}
    subprocess.run([python, str(script), str(folder)], check=True, timeout=300, env=paths)


def run_netx(
    python: str,
    path: Path,
    x: NDArray[Any],
    *,
    depth: int,
    reset_interval: int,
    max_value: int = 1,
    layers: int = 0,
) -> NDArray[Any]:
    """Feed payloads (steps, \\*shape) into the first synapses; return the spikes of layer ``depth``, (steps, \\*shape).

    The first of the ``layers`` to load is the input's.  Layer k, the first being 1, lags k steps behind the input.
    """
    stream = np.concatenate([x, np.zeros((depth, *x.shape[1:]), x.dtype)])
    bits = max_value.bit_length() if max_value > 1 else 0
    given = {"x": stream.T, "steps": len(stream), "message_bits": bits}
    return _run(python, path, reset_interval=reset_interval, layers=layers, **given)["spikes"].T[depth:]


def run_netx_encoder(
    python: str, path: Path, bias: NDArray[Any], *, steps: int, depth: int, layers: int = 0
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Drive input neurons by ``bias`` (\\*shape); return spikes (steps, \\*shape) and the last v of layer ``depth``.

    The input neurons are layer 0, which does not lag.
    """
    total = steps + depth
    given = {"bias": np.ascontiguousarray(bias.T), "steps": total, "message_bits": 0}
    out = _run(python, path, reset_interval=total + 1, layers=layers, **given)
    return out["spikes"].T[depth:], out["v"].T


def _run(python: str, path: Path, **given: Any) -> dict[str, NDArray[Any]]:
    np.savez(path.with_suffix(".npz"), **given)
    with_netx(python, RUN_NETX, path.parent)
    with np.load(path.with_suffix(".out.npz")) as out:
        return dict(out)
