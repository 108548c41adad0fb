"""The two ways of running a program, written down plainly: steps by torch, events with a Python queue."""

from __future__ import annotations

from collections import deque

import numpy as np
import torch

from spear_deploy.targets.speck.layers import as_map
from spear_deploy.targets.speck.program import SpeckLayer, SpeckProgram


def in_steps(program: SpeckProgram, x: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return spikes (T, B, *shape) and the last membranes (B, C, H, W) for counts x of the only input."""
    v = {
        layer.name: torch.zeros((x.shape[1], *as_map(layer.shape)), dtype=torch.float64)
        for layer in program.populations
    }
    out: dict[str, list[np.ndarray]] = {name: [] for name in v}
    for now in x:
        sent = {program.inputs[0].name: torch.tensor(now.astype(np.float64)).reshape(len(now), *as_map(now.shape[1:]))}
        for layer in program.populations:
            summed = sum(pooled(sent[source.population], source.pool) for source in layer.sources)
            weight = torch.tensor(layer.weight.astype(np.float64))
            bias = None if layer.bias is None else torch.tensor(layer.bias.astype(np.float64))
            arriving = torch.nn.functional.conv2d(summed, weight, bias, layer.stride, layer.padding)
            v[layer.name] += arriving
            spikes = torch.where(v[layer.name] > 0, torch.floor(v[layer.name] / layer.threshold), 0.0)
            after = v[layer.name] - spikes * layer.threshold
            after = torch.where(spikes > 0, 0.0, after) if layer.reset == "zero" else after
            v[layer.name] = after.clamp(min=layer.low)
            sent[layer.name] = spikes
            out[layer.name].append(spikes.numpy().astype(np.int64).reshape(len(now), *layer.shape))
    return {name: np.stack(each) for name, each in out.items()}, {name: each.numpy() for name, each in v.items()}


def pooled(x: torch.Tensor, pool: int) -> torch.Tensor:
    return torch.nn.functional.avg_pool2d(x, pool) * pool**2 if pool > 1 else x


def by_events(program: SpeckProgram, events: list[tuple[int, int, int]]) -> tuple[dict[str, np.ndarray], int]:
    """Return the spikes of every neuron (C, H, W), and how many weights were added, for one sample without biases."""
    v = {layer.name: np.zeros(as_map(layer.shape), np.int64) for layer in program.populations}
    fired = {name: np.zeros_like(each) for name, each in v.items()}
    synops = 0
    queue: deque[tuple[str, int, int, int]] = deque()
    for event in events:
        queue.append((program.inputs[0].name, *event))
        while queue:
            name, c, y, x = queue.popleft()
            for layer in program.populations:
                for source in (each for each in layer.sources if each.population == name):
                    size = pool_of(program, name, source.pool)
                    met = land(layer, v[layer.name], c, (y // source.pool, x // source.pool), size)
                    synops += len(met) * len(layer.weight)
                    for f, row, column in fire(layer, v[layer.name], met):
                        fired[layer.name][f, row, column] += 1
                        queue.append((layer.name, f, row, column))
    return fired, synops


def pool_of(program: SpeckProgram, name: str, pool: int) -> tuple[int, int]:
    _, height, width = as_map(program.shapes[name])
    return height // pool, width // pool


def land(
    layer: SpeckLayer, v: np.ndarray, c: int, at: tuple[int, int], within: tuple[int, int]
) -> list[tuple[int, int]]:
    """Add an event's weights, one cell after the other; return the cells, in order."""
    if at[0] >= within[0] or at[1] >= within[1]:  # cropped by pooling
        return []
    met = []
    for row in range(v.shape[1]):
        for column in range(v.shape[2]):
            ky = at[0] + layer.padding[0] - layer.stride[0] * row
            kx = at[1] + layer.padding[1] - layer.stride[1] * column
            if 0 <= ky < layer.weight.shape[2] and 0 <= kx < layer.weight.shape[3]:
                v[:, row, column] = np.maximum(v[:, row, column] + layer.weight[:, c, ky, kx], layer.low)
                met.append((row, column))
    return met


def fire(layer: SpeckLayer, v: np.ndarray, met: list[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """Let every neuron that was met and is at its threshold fire once."""
    found = [(f, y, x) for y, x in met for f in np.flatnonzero(v[:, y, x] >= layer.threshold).tolist()]
    for place in found:
        v[place] = 0 if layer.reset == "zero" else v[place] - layer.threshold
    return found
