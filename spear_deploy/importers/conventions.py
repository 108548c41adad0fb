"""Conventions that all neuron layers of a module must share, and valid thresholds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch

from spear_deploy.errors import Finding, UnsupportedError
from spear_deploy.frontends.semantics import Semantics


def common_semantics(semantics: Mapping[str, Semantics], name: str) -> Semantics:
    """Return the semantics shared by all layers; raise :class:`UnsupportedError` (E021) if they differ.

    A NIR file has a single semantics, with which the import is stored.
    """
    if not semantics:
        raise UnsupportedError.of("E021", name, "the module has no layer of spiking neurons")
    kinds = set(semantics.values())
    if len(kinds) == 1:
        return kinds.pop()
    first = next(iter(semantics.values()))
    findings = []
    for layer, other in semantics.items():
        differing = [key for key in vars(other) if getattr(other, key) != getattr(first, key)]
        told = ", ".join(f"{key} {getattr(other, key)} instead of {getattr(first, key)}" for key in differing)
        if told:
            message = f"its neurons follow another convention: {told}"
            findings.append(Finding("E021", f"layer {layer!r}", message, "make all neuron layers equal in this"))
    raise UnsupportedError(findings)


def threshold_findings(thresholds: Mapping[str, Any], resets: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield a finding (E021) for every layer with a threshold that is not positive and finite, or not above its reset.

    Both are by name of layer, numbers or tensors that broadcast; a layer without a reset value is reset to 0.
    """
    for name, value in thresholds.items():
        threshold, reset = (torch.as_tensor(v).detach().cpu().numpy() for v in (value, resets.get(name, 0.0)))
        least = float(threshold.min())
        if np.isinf(threshold).any():
            fix = "give it a threshold that it reaches; a readout is taken from a NIR file, as LI or as it is"
            yield Finding("E021", f"layer {name!r}", "its threshold is infinite: it never fires", fix)
        elif least <= 0 and not np.any(reset):
            message = f"a threshold of {least:g} is not supported: a silent neuron would fire"
            yield Finding("E021", f"layer {name!r}", message, "train with a positive threshold")
        elif np.any(threshold <= reset):
            message = f"its threshold of {least:g} does not lie above its reset value"
            yield Finding("E021", f"layer {name!r}", message, "train with a threshold above the reset value")
