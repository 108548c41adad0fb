"""SpikingJelly modules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from spear_deploy.errors import UnsupportedError
from spear_deploy.frontends.imported import Imported
from spear_deploy.frontends.nir.file import NirNode
from spear_deploy.frontends.semantics import Semantics, preset
from spear_deploy.importers import live
from spear_deploy.importers.check import checked
from spear_deploy.importers.conventions import common_semantics, threshold_findings
from spear_deploy.importers.loops import find_loop, find_sequence
from spear_deploy.importers.plain import PLAIN
from spear_deploy.importers.simplify import refuse_unknown, simplify
from spear_deploy.importers.trace import to_network, trace
from spear_deploy.network.ops import Shape

_DT = 1e-4  # of SpikingJelly's own exporter, which the preset expects


def from_spikingjelly(module: nn.Module, sample: Tensor, *, seed: int = 0) -> Imported:
    """Import a module in single-step mode (one step a call) or multi-step mode ((T, B, *shape) a call).

    Its forward may also loop over the steps, or repeat its input T times (note N011 says what was found).  ``sample``
    is one step of input with its batch axis, (B, *shape), in any case; only its shape matters.  The module is neither
    changed nor run.  Supported are IFNode, LIFNode, ParametricLIFNode and CUBALIFNode with hard or soft reset, behind
    Linear, Conv1d, Conv2d, AvgPool2d and Flatten or functions that do the same; BatchNorm is folded, Dropout left out.

    Raises:
        UnsupportedError: E021 for layers and settings that have no equal, all at once.
        MismatchError: E052 if the imported network's spikes differ from the module's on random input (``seed``).
        InputError: E005 for a sample that the module cannot take, and what :func:`spear_deploy.frontends.load` raises.
        BackendError: E064 without SpikingJelly.
    """
    _, base, neuron, sj_layer, functional = live.framework(
        "spikingjelly.activation_based", "base", "neuron", "layer", "functional"
    )
    known = (neuron.IFNode, neuron.LIFNode, neuron.ParametricLIFNode, neuron.CUBALIFNode)
    dropped = (sj_layer.Dropout, sj_layer.Dropout2d)
    refuse_unknown(live.with_children(module), known, (base.MemoryModule,), dropped)
    model = live.working_copy(module)
    layers = {name: layer for name, layer in model.named_modules() if isinstance(layer, neuron.BaseNode)}
    _refuse_settings(layers)
    steps_at_once = any(layer.step_mode == "m" for layer in layers.values())

    def start() -> Callable[[Tensor], object]:
        functional.reset_net(model)
        return model

    sample = live.one_step(sample)
    shape = tuple(sample.shape[1:])
    loop = (find_sequence if steps_at_once else find_loop)(model, layers, shape, start)
    example, calls = (sample, 1) if loop is None else (loop.example(sample), loop.layer_calls)
    start()
    live.refuse_misfit(model, example, sample, "spikingjelly")
    simplify(model, example, dropped)
    start()
    semantics = common_semantics({name: _semantics(layer) for name, layer in layers.items()}, "spikingjelly")
    graph = trace(model, example, shape, (*known, *PLAIN), partial(_node, neuron), calls)
    imported = replace(to_network(graph, semantics, "spikingjelly"), name=type(module).__name__)
    running = live.Live(shape, model, layers, list, torch.stack, start)
    return checked(imported, running, loop, seed, "spikingjelly")


def _node(neuron: Any, layer: Any, shape: Shape, where: str) -> NirNode:
    """Return a layer of neurons; a soft reset, which NIR cannot express, is part of the semantics."""

    def full(value: float) -> Any:
        return np.full(shape, value)

    reset = layer.v_reset or 0.0
    shared = {"v_threshold": full(layer.v_threshold), "v_reset": full(reset)}
    match layer:
        case neuron.IFNode():
            return NirNode("IF", {"r": full(1.0 / _DT), **shared})
        case neuron.CUBALIFNode():
            synapse, steps = 1.0 / (1.0 - layer.c_decay), 1.0 / (1.0 - layer.v_decay)
            times = {"tau_syn": full(_DT * synapse), "w_in": full(synapse), "tau_mem": full(_DT * steps)}
            return NirNode("CubaLIF", {**times, "r": full(steps), "v_leak": full(0.0), **shared})
    tau = layer.tau if hasattr(layer, "tau") else 1.0 / layer.w.sigmoid().item()
    r = full(1.0 if layer.decay_input else tau)
    return NirNode("LIF", {"tau": full(tau * _DT), "r": r, "v_leak": full(reset), **shared})


def _refuse_settings(layers: Mapping[str, Any]) -> None:
    modes = {layer.step_mode for layer in layers.values()}
    if len(modes) > 1:
        told = ", ".join(f"{name!r}: {layer.step_mode!r}" for name, layer in layers.items())
        fix = "call functional.set_step_mode(net, 's')"
        raise UnsupportedError.of("E021", "spikingjelly", f"layers run in different step modes ({told})", fix)
    resets = {name: layer.v_reset or 0.0 for name, layer in layers.items()}
    findings = list(threshold_findings({name: layer.v_threshold for name, layer in layers.items()}, resets))
    if findings:
        raise UnsupportedError(findings)


def _semantics(layer: Any) -> Semantics:
    return Semantics(**{**vars(preset("spikingjelly")), "reset": "subtract" if layer.v_reset is None else "value"})
