"""An interpreter of ``.net`` files, independent of the package: what lava-dl's netx computes, layer by layer.

Every layer in its own time, as if synapses took no time; a sample starts with nothing in the neurons or on its way.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from numpy.typing import NDArray

Array = NDArray[Any]


def interpret(path: Path, x: Array) -> list[tuple[Array, Array]]:
    """Feed payloads (steps, \\*shape); return spikes and v, each (steps, \\*shape), of every layer of neurons."""
    done: list[tuple[Array, Array]] = []
    steps = len(x)
    with h5py.File(path, "r") as file:
        for index in range(len(file["layer"])):
            layer = file[f"layer/{index}"]
            kind = np.asarray(layer["type"][()]).reshape(-1)[0].decode()
            if kind == "flatten" or (kind == "input" and "neuron" not in layer):
                continue
            if kind == "input":
                bias = int(np.asarray(layer["weight"]).item()) * x.astype(np.int64) + int(
                    np.asarray(layer["bias"]).item()
                )
                done.append(neurons(layer, np.zeros_like(bias), bias))
            elif kind == "conv":
                done.append(neurons(layer, convolved(layer, x), oriented(layer, "bias", x.shape[1:])))
            else:
                done.append(dense(layer, x.reshape(steps, -1).astype(np.int64)))
            x = done[-1][0]
    return done


def convolved(layer: Any, x: Array) -> Array:
    weight = layer["weight"][()]
    sizes = {
        key: tuple(int(n) for n in np.broadcast_to(layer[key][()], 2)) for key in ("stride", "padding", "dilation")
    }
    kernel = torch.from_numpy(weight.reshape(weight.shape[:4]).astype(np.float64))
    out = torch.nn.functional.conv2d(
        torch.from_numpy(x.astype(np.float64)), kernel, groups=int(layer["groups"][()]), **sizes
    )
    return out.numpy().astype(np.int64)


def dense(layer: Any, x: Array) -> tuple[Array, Array]:
    size = int(np.prod(layer["shape"][()]))
    weight = layer["weight"][()].astype(np.int64).reshape(size, -1)
    delay = np.zeros(weight.shape, np.int64)
    if "delay" in layer:
        stored = layer["delay"][()].astype(np.int64)
        delay += stored[:, None] if stored.shape == (size,) else stored
    a = np.zeros((len(x), size), np.int64)
    for steps in np.unique(delay):
        part = x @ np.where(delay == steps, weight, 0).T
        a[steps:] += part[: len(x) - steps]
    recurrent = layer["weight_rec"][()].astype(np.int64) if "weight_rec" in layer else None
    return neurons(layer, a, oriented(layer, "bias", (size,)), recurrent)


def oriented(layer: Any, key: str, shape: Any) -> Array:
    """A register of each neuron: netx's axes are (W, H, C)."""
    return np.asarray(layer[key][()]).astype(np.int64).T if key in layer else np.zeros((), np.int64)


def neurons(layer: Any, a: Array, bias: Array, recurrent: Array | None = None) -> tuple[Array, Array]:
    """Integrate sums (steps, \\*shape) of weights."""
    shape = a.shape[1:]

    def register(key: str) -> Array:
        return np.broadcast_to(np.asarray(layer[f"neuron/{key}"][()]).astype(np.int64), shape[::-1]).T

    if "neuron" in layer:
        du, dv, vth = register("iDecay"), register("vDecay"), register("vThMant")
    else:
        du, dv, vth = np.int64(0), np.int64(4096), np.int64(1 << 17)
    if bias.ndim <= 1 and len(shape) == 3:
        bias = bias.reshape(-1, 1, 1) if bias.ndim else bias
    bias = np.broadcast_to(bias, a.shape) << 6
    u, v, s = np.zeros((3, *shape), np.int64)
    spikes, membranes = [], []
    for t in range(len(a)):
        total = a[t] + (recurrent @ s if recurrent is not None else 0)
        u = toward_zero(u, 4096 - du) + (total << 6)
        v = toward_zero(v, 4096 - dv) + u + bias[t]
        s = (v > vth << 6).astype(np.int64)
        v = np.where(s, 0, v)
        spikes.append(s)
        membranes.append(v)
    return np.array(spikes), np.array(membranes)


def toward_zero(x: Array, factor: Any) -> Array:
    return np.sign(x) * (np.abs(x) * factor >> 12)
