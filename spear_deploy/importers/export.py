"""What the frameworks' exporters give: a NIR graph in memory, taken over node by node without a file."""

from __future__ import annotations

import contextlib
import importlib
import io
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from traceback import walk_tb
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from spear_deploy.errors import Finding, InputError, MismatchError, UnsupportedError
from spear_deploy.frontends.imported import Imported
from spear_deploy.frontends.nir.file import NirGraph, NirNode, unique_name
from spear_deploy.frontends.nir.package import from_package
from spear_deploy.frontends.nir.reader import convert
from spear_deploy.frontends.semantics import Semantics
from spear_deploy.importers.live import code_that_fails
from spear_deploy.importers.plain import PLAIN, plain_node
from spear_deploy.network.ops import Shape

_EXPORTERS = ("nir", "nirtorch")


class Held(nn.Module):
    """Holds a module, so that no layer of it is called as the exporters call their ports: ``input`` or ``output``.

    ``failure`` is what the module's own code raised, which some exporters keep to themselves.
    """

    def __init__(self, held: nn.Module) -> None:
        super().__init__()
        self.held = held
        self.failure: Exception | None = None

    def forward(self, x: Tensor) -> Any:
        """Return what the module does."""
        try:
            return self.held(x)
        except Exception as error:
            if not _is_exporters(error):
                self.failure = error
            raise


def _is_exporters(error: Exception) -> bool:
    """Whether an exporter, which puts itself around every layer's call, raised an error while the module ran."""
    names = [frame.f_globals.get("__name__", "").partition(".")[0] for frame, _ in walk_tb(error.__traceback__)]
    return next((name for name in reversed(names) if name != "torch"), "") in _EXPORTERS


def extract(
    model: nn.Module, sample: Tensor, neuron_node: Callable[[nn.Module], Any], whole: Sequence[type] = ()
) -> Any:
    """Return a module's graph of the nir package, its plain layers written here, the others by ``neuron_node``.

    ``sample`` has a batch axis, with which the module is run; layers of a type in ``whole`` are not opened.
    """
    nirtorch = importlib.import_module("nirtorch")

    def node(module: nn.Module) -> Any:
        plain = plain_node(module)
        return neuron_node(module) if plain is None else plain

    return nirtorch.extract_nir_graph(model, node, sample, ignore_submodules_of=[*whole], ignore_dims=[0])


def run_exporter(name: str, shape: Shape, model: nn.Module, export: Callable[[Held], Any]) -> NirGraph:
    """Run an exporter and return its graph as it would be stored, full shapes or not.

    Its input has the ``shape`` of the module's; its nodes are called as the ``model``'s layers are.  Whatever the
    exporter raises is an :class:`UnsupportedError` (E021): exporters fail in many ways on what they do not know.
    What the module's own code raises in it is an :class:`InputError` (E048).
    """
    held = Held(model)
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            # of deprecated functions that the exporters call, and infinities mended here
            warnings.simplefilter("ignore")
            graph = export(held)
        return _as_the_module_has_it(from_package(graph), shape, model)
    except Exception as error:
        if held.failure is not None:
            raise code_that_fails(model, held.failure) from held.failure
        message = f"its NIR exporter fails: {type(error).__name__}: {error}"
        fix = "compare the module's forward with its layers: they are all supported, what joins them may not be"
        joining = [
            f"{where!r} ({type(part).__name__})" for where, part in model.named_modules() if where and _joins(part)
        ]
        fix += f", in layer {', '.join(joining[:3])} for one" if joining else ""
        raise UnsupportedError.of("E021", name, message, fix) from error


def _joins(module: nn.Module) -> bool:
    """Whether a module has layers within and may have a way of its own to call them."""
    return any(isinstance(part, PLAIN) for part in module.children()) and type(module) is not nn.Sequential


def _as_the_module_has_it(graph: NirGraph, shape: Shape, model: nn.Module) -> NirGraph:
    """Return the graph of a held module with its own names of layers, which exporters mangle, and its input's shape."""
    keys = Counter(node_key(name) for name, _ in model.named_modules())
    layers = {node_key(name): name for name, _ in model.named_modules() if keys[node_key(name)] == 1 and name}
    inner = {name: re.sub(r"^held[._]", "", name) for name in graph.nodes}
    called = {name: layers.get(node_key(text), text) for name, text in inner.items() if text != name}
    if len(set(called.values())) < len(called):
        called = {name: inner[name] for name in called}
    for name in sorted(set(inner) - set(called)):  # ports
        called[name] = unique_name(name, called.values())
    entry = NirNode("Input", {"shape": np.array(shape)})
    nodes = {called[name]: entry if node.type == "Input" else node for name, node in graph.nodes.items()}
    edges = tuple((called.get(a, a), called.get(b, b)) for a, b in graph.edges)
    return replace(graph, nodes=nodes, edges=edges, metadata={}, values={})


def to_network(graph: NirGraph, semantics: Semantics, name: str) -> Imported:
    """Turn an exporter's graph into a network; one that cannot be executed is a :class:`MismatchError` (E052)."""
    try:
        return convert(graph, semantics)
    except InputError as error:
        fix = (
            "the exporter sees layers alone: make x.flatten(1), x.view(...) and avg_pool2d(x, 2) in forward layers of\n"
            "     their own, nn.Flatten() and nn.AvgPool2d(2); it loses skip connections behind the last neuron too"
        )
        raise MismatchError.of("E052", name, f"its NIR exporter writes a wrong graph: {error}", fix) from error


def node_key(name: str) -> str:
    """Return a name without what exporters change in it: dots, and underscores around it."""
    return re.sub(r"\W", "_", name).strip("_")


def by_node(layers: Mapping[str, Any], graph: NirGraph) -> dict[str, Any]:
    """Return the layers by the names of their nodes; those that the exporter lost are left out."""
    nodes = {node_key(name): name for name in graph.nodes}
    return {nodes[node_key(name)]: layer for name, layer in layers.items() if node_key(name) in nodes}


def with_nodes(graph: NirGraph, nodes: Mapping[str, NirNode]) -> NirGraph:
    """Return the graph with some nodes replaced."""
    return replace(graph, nodes={**graph.nodes, **nodes})


def common_semantics(semantics: Mapping[str, Semantics], name: str) -> Semantics:
    """Return the one semantics of all layers; raise :class:`UnsupportedError` (E021) where they differ.

    A NIR file is read in one way: that is what the import must be stored with.
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
            findings.append(Finding("E021", f"layer {layer!r}", message, "make all neuron layers alike in this"))
    raise UnsupportedError(findings)


def threshold_findings(thresholds: Mapping[str, Any], resets: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield a finding (E021) for every layer with a threshold that is not positive, or not above its reset value.

    Both are by name of layer, numbers or tensors that broadcast; a layer without a reset value is reset to 0.
    """
    for name, value in thresholds.items():
        threshold, reset = (torch.as_tensor(v).detach().cpu().numpy() for v in (value, resets.get(name, 0.0)))
        least = float(threshold.min())
        if least <= 0 and not np.any(reset):
            message = f"a threshold of {least:g} is not supported: a silent neuron would fire"
            yield Finding("E021", f"layer {name!r}", message, "train with a positive threshold")
        elif np.any(threshold <= reset):
            message = f"its threshold of {least:g} does not lie above its reset value"
            yield Finding("E021", f"layer {name!r}", message, "train with a threshold above the reset value")
