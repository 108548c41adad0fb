"""Data as a deployment needs them: for a network of one input and one output."""

from __future__ import annotations

from spear_deploy.data import Dataset, fit_to_network
from spear_deploy.errors import Finding, InputError, UnsupportedError
from spear_deploy.network import Network

_LOOKED_AT = 64
"""Samples read at a time in search of one that is not 0."""


def fit_data(network: Network, data: Dataset) -> Dataset:
    """Return the data in the shape of the network's input.

    Raises :class:`UnsupportedError` (E021) for a network of more than one input or output, and :class:`InputError` for
    data of another shape (E006), or that are all 0 (E005).
    """
    fix = "join them into one, or leave the others out"
    findings = [
        Finding("E021", kind, f"the network has {len(names)} ({', '.join(names)}); one is supported", fix)
        for kind, names in (("Input", [p.name for p in network.inputs]), ("Output", list(network.outputs)))
        if len(names) != 1
    ]
    if findings:
        raise UnsupportedError(findings)
    data = fit_to_network(data, network.inputs[0].shape, network[network.outputs[0]].size)
    if not any(x.any() for x, _ in data.train.batches(_LOOKED_AT)):
        raise InputError.of("E005", data.where, "all training samples are 0", "give the samples themselves")
    return data
