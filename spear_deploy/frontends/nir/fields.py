"""The fields that a node may have: those that are read, and those without meaning here.

Other fields are refused by name: ignoring them could silently change what the network does.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from spear_deploy.errors import Finding
from spear_deploy.frontends.listing import MOST_NAMES, listed
from spear_deploy.frontends.nir.file import NirGraph

_CONVOLUTION = ("weight", "bias", "stride", "padding", "dilation", "groups")
_POOL = ("kernel_size", "stride", "padding")

FIELDS: Mapping[str, tuple[str, ...]] = {
    "Affine": ("weight", "bias"),
    "AvgPool2d": _POOL,
    "Conv1d": _CONVOLUTION,
    "Conv2d": _CONVOLUTION,
    "CubaLI": ("tau_syn", "tau_mem", "r", "v_leak", "w_in"),
    "CubaLIF": ("tau_syn", "tau_mem", "r", "v_leak", "v_threshold", "v_reset", "w_in"),
    "Delay": ("delay",),
    "Flatten": ("start_dim", "end_dim"),
    "I": ("r",),
    "IF": ("r", "v_threshold", "v_reset"),
    "Input": ("shape",),
    "LI": ("tau", "r", "v_leak"),
    "LIF": ("tau", "r", "v_leak", "v_threshold", "v_reset"),
    "Linear": ("weight",),
    "NIRGraph": ("nodes", "edges"),
    "Output": ("shape",),
    "Scale": ("scale",),
    "SumPool2d": _POOL,
    "Threshold": ("threshold",),
}
"""NIR's node types and the fields of each, after nir 1.0.8."""

SAYING_NOTHING = ("input_type", "output_type", "input_shape", "metadata", "type", "version")
"""Fields that any node may have; stored shapes are ignored and inferred, since exporters and nir write wrong ones."""

_FIXES = {
    ("Linear", "bias"): "store the node as an Affine, which has a bias",
    ("Scale", "bias"): "store the node as an Affine with a diagonal weight",
    (
        "AvgPool2d",
        "count_include_pad",
    ): "NIR's mean counts the padding: remove the field if it is true, else pad with 0",
    ("AvgPool2d", "divisor_override"): "use a SumPool2d and a Scale",
    ("SumPool2d", "count_include_pad"): "a sum is the same with the padding and without: remove it",
    ("SumPool2d", "dilation"): "use a Conv2d of ones",
}
_FIXES_ANYWHERE = {
    "ceil_mode": "NIR leaves out windows that do not fit: remove the field if it is false",
    "padding_mode": "NIR pads with zeros: remove the field if it says so",
    "refractory_time": "train without a refractory period",
    "refractory": "train without a refractory period",
    "tau_ref": "train without a refractory period",
    "t_ref": "train without a refractory period",
}


def unknown_fields(graph: NirGraph, prefix: str = "") -> Iterator[Finding]:
    """Yield a finding (E026) for every node, nested ones included, with fields that are not read.

    Nodes of unknown types are reported elsewhere.
    """
    where = f"node {prefix.removesuffix('.')!r}" if prefix else "graph"
    yield from _findings(where, "NIRGraph", graph.values)
    for name, node in sorted(graph.nodes.items()):
        if node.graph is not None:
            yield from unknown_fields(node.graph, f"{prefix}{name}.")
        elif node.type in FIELDS:
            yield from _findings(f"node {prefix + name!r}", node.type, node.values)


def _findings(where: str, kind: str, values: Mapping[str, Any]) -> Iterator[Finding]:
    known = {*FIELDS[kind], *SAYING_NOTHING}
    names = sorted(key for key, value in values.items() if key not in known and value is not None)
    if names:
        message = f"{kind} has no {listed(names)} in NIR: ignoring it might change what the network does"
        yield Finding("E026", where, message, "; ".join(dict.fromkeys(_fix(kind, name) for name in names[:MOST_NAMES])))


def _fix(kind: str, name: str) -> str:
    specific = _FIXES.get((kind, name)) or _FIXES_ANYWHERE.get(name)
    if specific:
        return specific
    near = difflib.get_close_matches(name, FIELDS[kind], n=1, cutoff=0.75)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{hint}remove it if it changes nothing, or say it with NIR's nodes; {kind} has {', '.join(FIELDS[kind])}"
