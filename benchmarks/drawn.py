"""Train four small networks on patterns that are drawn at random, as subjects of the other benchmarks.

``dense``      20-96-96-10 with synaptic filters, 40 steps of spikes: which of ten trajectories the rates follow
``recurrent``  20-96-10, the 96 fed back, on the same sequences
``conv``       12-24 channels and 64-10 neurons, 8 steps, 16x16: which of ten blots, shifted, scaled, with noise
``deep``       eight convolutions of 8 to 48 channels and 10 neurons, 4 steps, on the same images

They are unlike the examples, need no data, and train in a minute or two each.  LIF neurons, reset to zero, a decision
by spike counts.  Writes ``drawn-dense.nir`` and ``drawn-dense.npz``.

    python -m benchmarks.drawn dense -o FOLDER
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType

import nir
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from examples.training import BETA, DT, make_deterministic

ALPHA, GAIN = 0.8, 5.0
"""Decay of the synaptic filters in a step, and what a current is multiplied by on the membrane."""
CLASSES, CHANNELS, SEQUENCE_STEPS, SIDE = 10, 20, 40, 16
TRAINED, TEST, BATCH, RATE = {"sequences": 2_700, "images": 6_000}, 2_000, 64, 5e-3
Arrays = tuple[NDArray[np.float32], NDArray[np.int64]]


def sequences(count: int, rng: np.random.Generator) -> Arrays:
    """Draw spikes (N, T, channels) whose rates follow the class's trajectory, stretched and shifted in time."""
    waves = np.random.default_rng(9).normal(size=(CLASSES, CHANNELS, 6))
    labels = rng.integers(0, CLASSES, count)
    stretched = rng.uniform(0.8, 1.25, (count, 1)) * np.linspace(0, 1, SEQUENCE_STEPS)
    phase = np.clip(stretched + rng.uniform(-0.12, 0.12, (count, 1)), 0, 1)
    cosines = np.cos(np.pi * phase[:, :, None] * np.arange(1, 7))
    level = np.einsum("ntk,nck->ntc", cosines, waves[labels]) / 2.2 + 0.25 * rng.normal(size=(count, 1, CHANNELS))
    rates = 0.45 / (1 + np.exp(-3 * level))
    return (rng.random(rates.shape) < rates).astype(np.float32), labels


def images(count: int, rng: np.random.Generator) -> Arrays:
    """Draw images (N, 1, side, side) from 0 to 1 of the class's blot, shifted, scaled and with noise."""
    blots = torch.from_numpy(np.random.default_rng(7).normal(size=(CLASSES, 1, 5, 5)).astype(np.float32))
    smooth = functional.interpolate(blots, (SIDE, SIDE), mode="bicubic")[:, 0].numpy()
    labels = rng.integers(0, CLASSES, count)
    shifts, scales = rng.integers(-2, 3, (count, 2)), rng.uniform(0.6, 1.2, count)
    moved = [np.roll(smooth[c], tuple(by), (0, 1)) * scale for c, by, scale in zip(labels, shifts, scales, strict=True)]
    noisy = np.stack(moved) + rng.normal(size=(count, SIDE, SIDE))
    return (1 / (1 + np.exp(-2 * noisy)))[:, None].astype(np.float32), labels


class Fire(torch.autograd.Function):
    """A spike where a membrane is above 0; backward the derivative of a fast sigmoid."""

    @staticmethod
    def forward(ctx, above: Tensor) -> Tensor:  # type: ignore[no-untyped-def, override]
        ctx.save_for_backward(above)
        return (above > 0).to(above.dtype)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:  # type: ignore[no-untyped-def, override]
        (above,) = ctx.saved_tensors
        return gradient / (1 + 2 * above.abs()) ** 2


@dataclass(frozen=True)
class Kind:
    """Layers in order, the data they are trained on, the steps, and how neurons are: filtered, the first fed back."""

    data: str
    steps: int
    epochs: int
    layers: tuple[nn.Module, ...]
    filters: bool = False
    back: nn.Linear | None = None


def kind_of(name: str) -> Kind:
    """Return a network, its weights drawn anew."""
    pool = nn.AvgPool2d(2)
    if name == "dense":
        return Kind("sequences", SEQUENCE_STEPS, 40, (dense(20, 96), dense(96, 96), dense(96, 10)), filters=True)
    if name == "recurrent":
        return Kind("sequences", SEQUENCE_STEPS, 40, (dense(20, 96), dense(96, 10)), back=nn.Linear(96, 96))
    if name == "conv":
        maps = (conv(1, 12), pool, conv(12, 24), pool, nn.Flatten())
        return Kind("images", 8, 12, (*maps, dense(24 * 16, 64), dense(64, 10)))
    widths, maps = (1, 8, 16, 16, 32, 32, 32, 48, 48), ()
    for number, (before, after) in enumerate(pairwise(widths), start=1):
        maps = (*maps, conv(before, after), *([pool] if number in (2, 4, 6) else []))
    return Kind("images", 4, 12, (*maps, nn.Flatten(), dense(48 * 4, 10)))


def dense(before: int, after: int) -> nn.Linear:
    """Return a matrix of twice torch's usual weights: neurons that hardly fire learn nothing."""
    module = nn.Linear(before, after)
    module.weight.data *= 2
    return module


def conv(before: int, after: int) -> nn.Conv2d:
    """Return a convolution of 3x3 with weights large enough for spikes to get through many of them."""
    module = nn.Conv2d(before, after, 3, padding=1)
    nn.init.kaiming_uniform_(module.weight, nonlinearity="relu")
    return module


NAMES = ("dense", "recurrent", "conv", "deep")
DRAWN: Mapping[str, Callable[[int, np.random.Generator], Arrays]] = MappingProxyType(
    {"sequences": sequences, "images": images}
)


def spikes_of(kind: Kind, x: Tensor) -> Tensor:
    """Return the output's spikes (T, B, 10) for input (T, B, *shape)."""
    for index, layer in enumerate(kind.layers):
        x = layer(x.flatten(0, 1)).unflatten(0, x.shape[:2])
        if isinstance(layer, nn.Linear | nn.Conv2d):
            x = fired(x, kind, back=kind.back if index == 0 else None)
    return x


def fired(currents: Tensor, kind: Kind, back: nn.Linear | None) -> Tensor:
    """Return the spikes of LIF neurons, step by step, of the same shape as their currents."""
    membrane = filtered = spikes = torch.zeros_like(currents[0])
    sent = []
    for current in currents:
        arriving = current if back is None else current + back(spikes)
        filtered = ALPHA * filtered + 2 * (1 - ALPHA) * arriving if kind.filters else arriving
        membrane = BETA * membrane + GAIN * (1 - BETA) * filtered
        spikes = Fire.apply(membrane - 1)  # type: ignore[no-untyped-call]
        membrane = membrane * (1 - spikes.detach())
        sent.append(spikes)
    return torch.stack(sent)


def held(x: NDArray[np.float32], steps: int) -> Tensor:
    """Return samples as input (T, B, *shape): sequences as they are, images in every step."""
    samples = torch.from_numpy(x)
    return samples.transpose(0, 1) if x.ndim == 3 else samples.expand(steps, *samples.shape)


def train(kind: Kind, x: Tensor, labels: Tensor) -> None:
    """Train on spike counts by cross-entropy, with a cosine schedule."""
    modules = nn.ModuleList([*kind.layers, *([kind.back] if kind.back else [])])
    optimiser = torch.optim.Adam(modules.parameters(), RATE)
    batches = len(labels) // BATCH
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, kind.epochs * batches)
    for _ in range(kind.epochs):
        for chosen in torch.randperm(len(labels)).split(BATCH)[:batches]:
            scores = CLASSES * spikes_of(kind, x[:, chosen]).mean(0)
            optimiser.zero_grad()
            functional.cross_entropy(scores, labels[chosen]).backward()
            optimiser.step()
            schedule.step()


@torch.no_grad()
def to_nir(kind: Kind, shape: tuple[int, ...]) -> nir.NIRGraph:
    """Return the network as a graph; ``shape`` is the input's."""
    nodes: dict[str, nir.NIRNode] = {"input": nir.Input(np.array(shape))}
    chain = ["input"]
    for index, layer in enumerate(kind.layers):
        before, shape = shape, tuple(layer(torch.zeros(1, *shape)).shape[1:])
        chain.append(f"{index}")
        match layer:
            case nn.AvgPool2d():
                nodes[chain[-1]] = nir.AvgPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0]))
            case nn.Flatten():
                nodes[chain[-1]] = nir.Flatten({"input": np.array(before)}, 0, -1)
            case nn.Conv2d():
                nodes[chain[-1]] = nir.Conv2d(before[1:], layer.weight.numpy(), 1, 1, 1, 1, layer.bias.numpy())
            case nn.Linear():
                nodes[chain[-1]] = nir.Affine(layer.weight.numpy(), layer.bias.numpy())
        if isinstance(layer, nn.Conv2d | nn.Linear):
            chain.append(f"{index}.neurons")
            nodes[chain[-1]] = neurons(shape, filters=kind.filters)
    nodes["output"] = nir.Output(np.array(shape))
    edges = list(pairwise([*chain, "output"]))
    if kind.back is not None:
        nodes["back"] = nir.Affine(kind.back.weight.numpy(), kind.back.bias.numpy())
        edges += [("0.neurons", "back"), ("back", "0.neurons")]
    return nir.NIRGraph(nodes, edges)


def neurons(shape: tuple[int, ...], *, filters: bool) -> nir.NIRNode:
    """Return LIF neurons as they are trained, in NIR's continuous time."""
    zero, one = np.zeros(shape, np.float32), np.ones(shape, np.float32)
    membrane = {"r": GAIN * one, "v_leak": zero, "v_threshold": one, "v_reset": zero}
    tau = DT / (1 - BETA) * one
    if not filters:
        return nir.LIF(tau=tau, **membrane)
    return nir.CubaLIF(tau_syn=DT / (1 - ALPHA) * one, tau_mem=tau, w_in=2 * one, **membrane)


def main() -> None:
    """Train, and write the network and its data."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", choices=NAMES)
    parser.add_argument("-o", "--output", type=Path, required=True)
    given = parser.parse_args()
    make_deterministic(0)
    torch.set_num_threads(1)  # another number gives another network
    kind = kind_of(given.network)
    count = TRAINED[kind.data]
    x, labels = DRAWN[kind.data](count + TEST, np.random.default_rng(1))
    inputs, wanted = held(x, kind.steps), torch.from_numpy(labels)
    train(kind, inputs[:, :count], wanted[:count])
    with torch.no_grad():
        decided = torch.cat([spikes_of(kind, part).sum(0).argmax(1) for part in inputs[:, count:].split(500, dim=1)])
    print(f"test {(decided == wanted[count:]).float().mean():.2%}")
    given.output.mkdir(parents=True, exist_ok=True)
    stem = given.output / f"drawn-{given.network}"
    nir.write(stem.with_suffix(".nir"), to_nir(kind, tuple(inputs.shape[2:])))
    parts = {"x_train": x[:count], "y_train": labels[:count], "x_test": x[count:], "y_test": labels[count:]}
    np.savez_compressed(stem.with_suffix(".npz"), **parts)


if __name__ == "__main__":
    main()
