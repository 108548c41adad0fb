"""What both emulators of Speck share: batches in, recordings out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.recording import Clips, Recording
from spear_deploy.targets.speck.program import SpeckLayer, SpeckProgram

BATCH_BYTES = 256 << 20


def batch_size(program: SpeckProgram, steps: int) -> int:
    """Return how many samples of ``steps`` steps keep the spike counts within 256 MB."""
    neurons = sum(layer.size for layer in program.populations)
    return max(1, min(1024, BATCH_BYTES // (8 * steps * neurons)))


def flat_inputs(program: SpeckProgram, inputs: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    """Return the counts (T, B, ...) of all inputs side by side: (T, B, channels of all)."""
    flat = [inputs[port.name].reshape(*inputs[port.name].shape[:2], -1) for port in program.inputs]
    return flat[0] if len(flat) == 1 else np.concatenate(flat, axis=2)


def recording(
    program: SpeckProgram,
    inputs: Mapping[str, NDArray[Any]],
    counts: NDArray[np.int32],
    trace: NDArray[Any],
    clips: NDArray[np.int64],
) -> Recording:
    """Return what was recorded, of neurons in the order of :mod:`.tables`, by population.

    ``counts`` are (T, B, neurons), so is ``trace``, or it is empty; ``clips`` are (B, layers), or empty.  Arrays of
    maps are views with the channels last in memory.
    """
    spikes: dict[str, NDArray[Any]] = {port.name: inputs[port.name] for port in program.inputs}
    membranes: dict[str, NDArray[Any]] = {}
    found: dict[str, Clips] = {}
    at = 0
    for number, layer in enumerate(program.populations):
        spikes[layer.name] = _of_layer(counts, at, layer)
        if trace.size:
            membranes[layer.name] = _of_layer(trace, at, layer)
        if clips.size:
            bins = counts.shape[0] * counts.shape[1] * layer.size
            found[layer.name] = Clips(bins, int(clips[:, number].sum()))
        at += layer.size
    return Recording(spikes, membranes, clips=found)


def _of_layer(array: NDArray[Any], at: int, layer: SpeckLayer) -> NDArray[Any]:
    """Return a layer's part of an array (T, B, neurons) as (T, B, *shape)."""
    part = array[:, :, at : at + layer.size]
    if len(layer.shape) == 1:
        return part
    channels, height, width = layer.shape
    return np.moveaxis(part.reshape(*part.shape[:2], height, width, channels), -1, 2)
