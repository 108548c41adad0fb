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
from spear_deploy.importers.check import check
from spear_deploy.importers.export import (
    by_node,
    common_semantics,
    extract,
    run_exporter,
    threshold_findings,
    to_network,
    with_nodes,
)
from spear_deploy.importers.plain import plain_node
from spear_deploy.importers.simplify import refuse_unknown, simplify

_DT = 1e-4  # the exporter's, fixed


def from_snntorch(module: nn.Module, sample: Tensor, *, seed: int = 0) -> Imported:
    """Import a module that computes one time step a call, its neurons made with ``init_hidden=True``.

    ``sample`` is one step of input with its batch axis, (B, *shape); only its shape matters.  The module is
    neither changed nor run.  Supported are Leaky, Synaptic, RLeaky and RSynaptic with reset by subtraction or to
    zero, late or not, behind Linear, Conv1d, Conv2d, AvgPool2d and Flatten; BatchNorm is folded, Dropout left out.

    Raises:
        UnsupportedError: E021 for layers and settings that have no equal, all at once.
        MismatchError: E052 if the imported network's spikes differ from the module's on random input (``seed``).
        InputError: E005 for a sample that the module cannot take, E064 without snnTorch, and what
            :func:`spear_deploy.frontends.load` raises.
    """
    sample = live.one_step(sample)
    snn, exporter = live.framework("snntorch", "export_nir")
    recurrent, known = (snn.RLeaky, snn.RSynaptic), (snn.Leaky, snn.Synaptic, snn.RLeaky, snn.RSynaptic)
    refuse_unknown(live.with_children(module), known, (snn.SpikingNeuron,))
    model = live.working_copy(module)
    layers = {name: layer for name, layer in model.named_modules() if isinstance(layer, snn.SpikingNeuron)}
    _refuse_settings(layers, snn)
    live.refuse_misfit(model, sample, sample, "snntorch")
    simplify(model, sample)
    semantics = common_semantics({name: _semantics(layer) for name, layer in layers.items()}, "snntorch")

    named = {f"{name}.lif" if isinstance(layer, recurrent) else name: layer for name, layer in layers.items()}

    def start() -> Callable[[Tensor], object]:
        for layer in layers.values():
            layer.reset_mem()
        return model

    shape = tuple(sample.shape[1:])
    running = live.Live(shape, model, named, list, torch.stack, start)
    for name, emitted in running.run(sample[None], {}).items():
        if name in named:
            _complete(named[name], emitted.shape[2:], f"layer {name.removesuffix('.lif')!r}")
    start()

    def neuron_node(layer: nn.Module) -> Any:
        return _recurrent_node(layer) if isinstance(layer, recurrent) else exporter._extract_snntorch_module(layer)

    graph = run_exporter("snntorch", shape, model, lambda held: extract(held, sample, neuron_node, recurrent))
    imported = to_network(_with_exact_decays(graph, named), semantics, "snntorch")
    check(imported.network, running, seed, "snntorch")
    return replace(imported, name=type(module).__name__)


def _refuse_settings(layers: Mapping[str, Any], snn: Any) -> None:
    findings = list(threshold_findings({name: layer.threshold for name, layer in layers.items()}, {}))
    for name, layer in layers.items():
        if not layer.init_hidden:
            message, fix = "keeps its state outside", "make the layer with init_hidden=True"
        elif layer.reset_mechanism == "none":
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


def _semantics(layer: Any) -> Semantics:
    return Semantics(
        **{**vars(preset("snntorch")), "reset": layer.reset_mechanism, "reset_delay": bool(layer.reset_delay)}
    )


def _complete(layer: Any, shape: torch.Size, where: str) -> None:
    """Give the parameters their full shape: a scalar has none in NIR.  Decays are clamped as in forward."""
    for name in ("alpha", "beta", "threshold"):
        if hasattr(layer, name):
            full = live.full(getattr(layer, name).float(), shape, where)
            layer._parameters.pop(name, None)
            layer.register_buffer(name, full if name == "threshold" else full.clamp(0, 1))


def _recurrent_node(layer: Any) -> Any:
    """Return a neuron that feeds itself as a graph; the exporter's has no maps, nor one weight for all neurons.

    Time constants and gains are set afterwards, as those of all neurons.
    """
    import nir

    ones = np.ones(layer.beta.shape)
    shared = {"r": ones, "v_leak": 0 * ones, "v_reset": 0 * ones, "v_threshold": layer.threshold.numpy()}
    is_lif = not hasattr(layer, "alpha")
    neuron = nir.LIF(tau=ones, **shared) if is_lif else nir.CubaLIF(tau_syn=ones, tau_mem=ones, w_in=ones, **shared)
    if layer.all_to_all:
        back = plain_node(layer.recurrent)
    else:
        weight = live.full(layer.recurrent.V.float(), ones.shape, "V").numpy()
        back = nir.Linear(np.diag(weight)) if weight.ndim == 1 else nir.Scale(weight)
    shape = np.array(ones.shape)
    nodes = {"input": nir.Input(shape), "lif": neuron, "w_rec": back, "output": nir.Output(shape)}
    edges = [("input", "lif"), ("lif", "w_rec"), ("w_rec", "lif"), ("lif", "output")]
    return nir.NIRGraph(nodes, edges, type_check=False)


def _with_exact_decays(graph: NirGraph, layers: Mapping[str, Any]) -> NirGraph:
    """Replace the time constants dt / (1 - beta), which the exporter rounds to single precision."""
    return with_nodes(graph, {name: _node(graph.nodes[name], layer) for name, layer in by_node(layers, graph).items()})


def _node(node: NirNode, layer: Any) -> NirNode:
    with np.errstate(divide="ignore"):  # a beta of 1 makes them infinite, which is how the reader knows it
        steps = 1.0 / (1.0 - layer.beta.double().numpy())
        if node.type == "LIF":
            return NirNode("LIF", {**node.values, "tau": _DT * steps, "r": steps})
        synapse = 1.0 / (1.0 - layer.alpha.double().numpy())
    times = {"tau_mem": _DT * steps, "r": steps, "tau_syn": _DT * synapse, "w_in": synapse}
    return NirNode("CubaLIF", {**node.values, **times})
