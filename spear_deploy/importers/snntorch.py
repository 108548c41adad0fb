"""snnTorch modules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from spear_deploy.errors import Finding, UnsupportedError
from spear_deploy.frontends.imported import Imported
from spear_deploy.frontends.nir.file import NirGraph, NirNode
from spear_deploy.frontends.semantics import Semantics, preset
from spear_deploy.importers import live
from spear_deploy.importers.check import checked
from spear_deploy.importers.conventions import common_semantics, threshold_findings
from spear_deploy.importers.loops import find_loop, refused_input
from spear_deploy.importers.plain import PLAIN, plain_node
from spear_deploy.importers.simplify import refuse_unknown, simplify
from spear_deploy.importers.trace import to_network, trace
from spear_deploy.network.ops import Shape

_DT = 1e-4  # of snnTorch's own exporter, which the preset expects


def from_snntorch(module: nn.Module, sample: Tensor, *, seed: int = 0) -> Imported:
    """Import a module that computes one time step a call, or loops over all of them in its forward.

    Of the first kind neurons are made with ``init_hidden=True``; the second takes (T, B, *shape), (B, T, *shape) or one
    step for all, and its states may lie outside (note N011 says what was found).  ``sample`` is one step of input with
    its batch axis, (B, *shape), in either case; only its shape matters.  The module is neither changed nor run.
    Supported are Leaky, Synaptic, RLeaky and RSynaptic with reset by subtraction or to zero, late or not, behind
    Linear, Conv1d, Conv2d, AvgPool2d and Flatten or functions that do the same; BatchNorm is folded, Dropout left out.

    Raises:
        UnsupportedError: E021 for layers and settings that have no equal, all at once.
        MismatchError: E052 if the imported network's spikes differ from the module's on random input (``seed``).
        InputError: E005 for a sample that the module cannot take, and what :func:`spear_deploy.frontends.load` raises.
        BackendError: E064 without snnTorch.
    """
    sample = live.one_step(sample)
    (snn,) = live.framework("snntorch")
    recurrent, known = (snn.RLeaky, snn.RSynaptic), (snn.Leaky, snn.Synaptic, snn.RLeaky, snn.RSynaptic)
    refuse_unknown(live.with_children(module), known, (snn.SpikingNeuron,))
    model = live.working_copy(module)
    layers = {name: layer for name, layer in model.named_modules() if isinstance(layer, snn.SpikingNeuron)}
    _refuse_settings(layers, snn)

    def start() -> Callable[[Tensor], object]:
        for layer in layers.values():
            layer.reset_mem()
        return model

    shape = tuple(sample.shape[1:])
    loop = find_loop(model, layers, shape, start)
    _refuse_states_outside(model, {} if loop else layers, shape, start)
    example, calls = (sample, 1) if loop is None else (loop.example(sample), loop.layer_calls)
    live.refuse_misfit(model, example, sample, "snntorch")
    simplify(model, example)
    semantics = common_semantics({name: _semantics(layer) for name, layer in layers.items()}, "snntorch")
    start()
    graph = trace(model, example, shape, (*known, *PLAIN), _node, calls)
    imported = replace(to_network(graph, semantics, "snntorch"), name=type(module).__name__)
    named = {f"{name}.lif" if isinstance(layer, recurrent) else name: layer for name, layer in layers.items()}
    return checked(imported, live.Live(shape, model, named, list, torch.stack, start), loop, seed, "snntorch")


def _refuse_settings(layers: Mapping[str, Any], snn: Any) -> None:
    findings = list(threshold_findings({name: layer.threshold for name, layer in layers.items()}, {}))
    for name, layer in layers.items():
        if layer.reset_mechanism == "none":
            message, fix = "fires without a reset", "use reset_mechanism='zero' or 'subtract'"
        elif layer.inhibition or layer.state_quant or torch.any(layer.graded_spikes_factor != 1):
            message, fix = "uses inhibition, quantised states or graded spikes", "NIR has no field for these"
        elif isinstance(layer, snn.RSynaptic) and not layer.reset_delay:
            message, fix = "cannot run with reset_delay=False in snnTorch 1.0", "use reset_delay=True"
        elif layer.reset_mechanism == "subtract" and not layer.reset_delay:
            # Left above the threshold by a subtraction, the neuron is compared with twice the threshold.
            message = "with reset_delay=False holds a spike back while the membrane stays above the threshold"
            fix = "use reset_delay=True, or reset_mechanism='zero'"
        else:
            continue
        findings.append(Finding("E021", f"layer {name!r}", f"{type(layer).__name__} {message}", fix))
    if findings:
        raise UnsupportedError(findings)


def _refuse_states_outside(
    model: nn.Module, layers: Mapping[str, Any], shape: Shape, start: Callable[[], object]
) -> None:
    """Refuse layers whose states a module that computes a step a call would have to be given.

    One that takes no step of that shape at all may loop over the steps of another: that is E005.
    """
    fix = "make the layer with init_hidden=True, or loop over the steps in forward"
    outside = [name for name, layer in layers.items() if not layer.init_hidden]
    if outside:
        if error := refused_input(model, layers, shape, start):
            raise live.misfit(error, shape, "snntorch") from error
        raise UnsupportedError([Finding("E021", f"layer {name!r}", "keeps its state outside", fix) for name in outside])


def _semantics(layer: Any) -> Semantics:
    return Semantics(
        **{**vars(preset("snntorch")), "reset": layer.reset_mechanism, "reset_delay": bool(layer.reset_delay)}
    )


def _node(layer: Any, shape: Shape, where: str) -> NirNode:
    """Return a layer of neurons; one that feeds itself is a graph."""
    values, kind = _values(layer, shape, where)
    neuron = NirNode(kind, values)
    if not hasattr(layer, "recurrent"):
        return neuron
    ports = {
        "input": NirNode("Input", {"shape": np.array(shape)}),
        "output": NirNode("Output", {"shape": np.array(shape)}),
    }
    nodes = {**ports, "lif": neuron, "w_rec": _feedback(layer, shape, where)}
    edges = (("input", "lif"), ("lif", "output"), ("lif", "w_rec"), ("w_rec", "lif"))
    return NirNode("NIRGraph", {}, NirGraph(nodes, edges))


def _values(layer: Any, shape: Shape, where: str) -> tuple[dict[str, Any], str]:
    """Return parameters, in full shape and double precision, and the node's type.  Decays are clamped as in forward."""

    def full(name: str) -> Any:
        return live.full(getattr(layer, name).float(), shape, where).numpy()

    threshold = full("threshold")
    with np.errstate(divide="ignore"):  # a beta of 1 makes them infinite, which is how the reader knows it
        steps = 1.0 / (1.0 - full("beta").clip(0, 1).astype(np.float64))
        values = {"r": steps, "v_leak": 0 * threshold, "v_reset": 0 * threshold, "v_threshold": threshold}
        if not hasattr(layer, "alpha"):
            return values | {"tau": _DT * steps}, "LIF"
        synapse = 1.0 / (1.0 - full("alpha").clip(0, 1).astype(np.float64))
    return values | {"tau_mem": _DT * steps, "tau_syn": _DT * synapse, "w_in": synapse}, "CubaLIF"


def _feedback(layer: Any, shape: Shape, where: str) -> NirNode:
    if layer.all_to_all:
        node = plain_node(layer.recurrent, shape)
        assert node is not None
        return node
    weight = live.full(layer.recurrent.V.float(), shape, where).numpy()
    return NirNode("Linear", {"weight": np.diag(weight)}) if weight.ndim == 1 else NirNode("Scale", {"scale": weight})
