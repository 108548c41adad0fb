"""Does the installed netx compute what it should?  A small ``.net`` file against a few lines of numpy."""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import numpy.typing as npt

from spear_deploy_lava.check import Report
from spear_deploy_lava.comparison import DU, DV, VTH, Integers, compare, integrate
from spear_deploy_lava.job import Job
from spear_deploy_lava.supervisor import Outcome

_INPUT, _IMAGE, _KERNEL = (2, 6, 5), (4, 4, 4), (3, 2)
"""Shapes (C, H, W) of the input and of what the convolution makes of it with a kernel (y, x)."""
_HIDDEN, _OUT = 9, 4
_SAMPLES, _STEPS = 2, 12


class _Weights(NamedTuple):
    """Of a convolution and of two dense layers behind it; odd and even, of both signs."""

    convolution: Integers
    hidden: Integers
    out: Integers


@dataclass(frozen=True)
class NetReport(Report):
    """The same with the version of lava-dl."""

    lava_dl: str


def check_net(run: Callable[[Job], Outcome]) -> NetReport:
    """Run a random chain of three layers with ``run`` and compare its spikes bit by bit."""
    random = np.random.default_rng(0)
    shapes = ((_IMAGE[0], _INPUT[0], *_KERNEL), (_HIDDEN, int(np.prod(_IMAGE))), (_OUT, _HIDDEN))
    weights = _Weights(*(random.integers(-127, 128, shape) for shape in shapes))
    spikes = (random.random((_SAMPLES, _STEPS, *_INPUT)) < 0.4).astype(np.uint8)
    with tempfile.TemporaryDirectory(prefix="spear-deploy-") as folder:
        net, inputs, output = (str(Path(folder, name)) for name in ("model.net", "input.h5", "output.h5"))
        _write_net(Path(net), weights)
        with h5py.File(inputs, "w") as file:
            file["x/input"] = spikes
        expected = {str(index): layer for index, layer in enumerate(_reference(weights, spikes.astype(np.int64)))}
        compared = compare(run, Job("net", net, inputs, output), expected)
    versions = (platform.python_version(), np.__version__, compared.version("lava"), compared.version("lava_dl"))
    return NetReport(not compared.message, compared.message, *versions)


def _write_net(path: Path, weights: _Weights) -> None:
    geometry = {"stride": [1, 1], "padding": [0, 0], "dilation": [1, 1], "groups": 1}
    layers: tuple[dict[str, Any], ...] = (
        {"type": [b"input"], "shape": _INPUT},
        {"type": [b"conv"], "shape": _IMAGE, "weight": weights.convolution, **geometry},
        {"type": [b"flatten"], "shape": [weights.hidden.shape[1]]},
        {"type": [b"dense"], "shape": [_HIDDEN], "weight": weights.hidden},
        {"type": [b"dense"], "shape": [_OUT], "weight": weights.out},
    )
    with h5py.File(path, "w") as file:
        for index, layer in enumerate(layers):
            group = file.create_group(f"layer/{index}")
            group.update(layer)
            if "weight" in layer:
                neuron = group.create_group("neuron")
                neuron.update({"type": [b"CUBA"], "iDecay": DU + 1, "vDecay": DV, "vThMant": VTH})


def _reference(weights: _Weights, spikes: Integers) -> tuple[npt.NDArray[np.bool_], ...]:
    """Spikes (samples, steps, neurons) of each layer."""
    windows = np.lib.stride_tricks.sliding_window_view(spikes, _KERNEL, axis=(-2, -1))
    arriving = np.einsum("ntcyxij,ocij->ntoyx", windows, weights.convolution)
    image = _fired(arriving.reshape(_SAMPLES, _STEPS, -1))
    hidden = _fired(image @ weights.hidden.T)
    return image, hidden, _fired(hidden @ weights.out.T)


def _fired(arriving: Integers) -> npt.NDArray[np.bool_]:
    u = v = np.zeros_like(arriving[:, 0])
    spikes = np.zeros(arriving.shape, np.bool_)
    for step in range(_STEPS):
        u, v = integrate(u, v, arriving[:, step])
        spikes[:, step] = v > VTH << 6
        v = np.where(spikes[:, step], 0, v)
    return spikes
