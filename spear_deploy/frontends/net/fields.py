"""The fields that a layer of a ``.net`` file may have: those that netx reads, and others that lava-dl writes.

netx silently ignores fields that it does not know.  Fields of neither kind are refused by name; a field that lava-dl
writes and netx ignores must have the value that changes nothing (lava-dl 0.6.0).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from spear_deploy.frontends.listing import listed

_WEIGHTS = ("weight", "bias", "delay")
LAYER_FIELDS: Mapping[str, tuple[str, ...]] = {
    "input": ("shape", "weight", "bias"),
    "conv": (
        *("shape", "inChannels", "outChannels", "kernelSize", "stride", "padding", "dilation", "groups"),
        *_WEIGHTS,
    ),
    "flatten": ("shape",),
    "dense": ("shape", "inFeatures", "outFeatures", *_WEIGHTS),
    "dense_rec": ("shape", "inFeatures", "outFeatures", "weight_rec", *_WEIGHTS),
}
"""Fields by type of layer."""

NEURON_FIELDS = ("type", "iDecay", "vDecay", "vThMant")
"""Of CUBA neurons."""
SIGMA_DELTA_FIELDS = ("type", "activation", "vThMant", "sigma_output")
_OF_TRAINING = ("theta", "tauRho", "scaleRho")
"""Fields of lava-dl's predecessor: the surrogate gradient, and 64 times the threshold."""

_NEUTRAL: Mapping[str, tuple[int, str, str]] = {
    "refDelay": (1, "netx leaves a refractory delay out", "train without a refractory delay"),
    "gradedSpike": (0, "netx leaves graded spikes out", "train with binary spikes"),
    "messageBits": (0, "its spikes would be graded, only binary ones are supported", "train with binary spikes"),
    "wgtExp": (0, "netx leaves it out, its weights would be wrong by a power of two", "train without"),
    "weight_exp": (0, "netx leaves it out, its weights would be wrong by a power of two", "train without"),
}
"""Fields of neurons: the largest value without effect, the meaning of a larger one, and what to do instead."""


def field_problems(
    kind: str, values: Mapping[str, Any], of_neurons: tuple[str, ...] = NEURON_FIELDS
) -> Iterator[tuple[str, str, str]]:
    """Yield a code, a message and a fix for every field that netx ignores: E026, or E021 if its value matters.

    ``kind`` is one of :data:`LAYER_FIELDS`; ``values`` are fields by path, as in ``neuron/vDecay``; ``of_neurons`` are
    those that netx reads of their kind of neurons.
    """
    known = {*LAYER_FIELDS[kind], *(f"neuron/{key}" for key in (*of_neurons, *_OF_TRAINING, *_NEUTRAL))}
    unknown = sorted(key for key in values if key not in known)
    if unknown:
        message = f"netx has no {listed(unknown)} of a {kind} layer: ignoring it might change what the network does"
        yield "E026", message, "remove what changes nothing; train without the rest"
    for key, (most, what, fix) in _NEUTRAL.items():
        value = values.get(f"neuron/{key}")
        if value is not None and not _at_most(value, most):
            yield "E021", f"neuron/{key} is not {most}: {what}", fix


def _at_most(value: Any, most: int) -> bool:
    array = np.asarray(value)
    return array.dtype.kind in "biuf" and bool(np.all((array >= 0) & (array <= most)))
