"""SpikingJelly modules."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from spear_deploy.errors import UnsupportedError
from spear_deploy.frontends.imported import Imported
from spear_deploy.frontends.semantics import Semantics, preset
from spear_deploy.importers import live
from spear_deploy.importers.check import check
from spear_deploy.importers.export import common_semantics, run_exporter, threshold_findings, to_network
from spear_deploy.importers.plain import PLAIN, plain_node
from spear_deploy.importers.simplify import refuse_unknown, simplify


def from_spikingjelly(module: nn.Module, sample: Tensor, *, seed: int = 0) -> Imported:
    """Import a module in single-step mode (one step a call) or multi-step mode ((T, B, *shape) a call).

    ``sample`` is one step of input with its batch axis, (B, *shape), in either mode; only its shape matters.  The
    module is neither changed nor run.  Supported are IFNode, LIFNode, ParametricLIFNode and CUBALIFNode with hard
    or soft reset, behind Linear, Conv1d, Conv2d, AvgPool2d and Flatten; BatchNorm is folded, Dropout left out.

    Raises:
        UnsupportedError: E021 for layers and settings that have no equal, all at once.
        MismatchError: E052 if the imported network's spikes differ from the module's on random input (``seed``).
        InputError: E005 for a sample that the module cannot take, E064 without SpikingJelly, and what
            :func:`spear_deploy.frontends.load` raises.
    """
    _, base, neuron, sj_layer, functional, exchange = live.framework(
        "spikingjelly.activation_based", "base", "neuron", "layer", "functional", "nir_exchange.to_nir"
    )
    known = (neuron.IFNode, neuron.LIFNode, neuron.ParametricLIFNode, neuron.CUBALIFNode)
    dropped = (sj_layer.Dropout, sj_layer.Dropout2d)
    refuse_unknown(live.with_children(module), known, (base.MemoryModule,), dropped)
    model = live.working_copy(module)
    layers = {name: layer for name, layer in model.named_modules() if isinstance(layer, neuron.BaseNode)}
    _refuse_settings(layers)
    steps_at_once = any(layer.step_mode == "m" for layer in layers.values())

    sample = live.one_step(sample)
    shape = tuple(sample.shape[1:])
    example = sample[None] if steps_at_once else sample
    functional.reset_net(model)
    live.refuse_misfit(model, example, sample, "spikingjelly")
    simplify(model, example, dropped)
    functional.reset_net(model)
    semantics = common_semantics({name: _semantics(layer) for name, layer in layers.items()}, "spikingjelly")
    graph = run_exporter("spikingjelly", shape, model, lambda held: _export(held, layers, exchange, example))
    imported = to_network(graph, semantics, "spikingjelly")

    def start() -> Callable[[Tensor], object]:
        functional.reset_net(model)
        return model

    if steps_at_once:
        running = live.Live(shape, model, layers, lambda x: [x], lambda outputs: outputs[0], start)
    else:
        running = live.Live(shape, model, layers, list, torch.stack, start)
    check(imported.network, running, seed, "spikingjelly")
    return replace(imported, name=type(module).__name__)


def _export(model: nn.Module, layers: Mapping[str, Any], exchange: Any, example: Tensor) -> Any:
    """Export with hard resets: the exporter refuses soft ones, which NIR has no word for; the semantics say it."""
    nirtorch = importlib.import_module("nirtorch")
    soft = [layer for layer in layers.values() if layer.v_reset is None]
    for layer in soft:
        layer.v_reset = 0.0
    mapper = exchange._ModuleMapper(model, example)
    lead = 2 if any(layer.step_mode == "m" for layer in layers.values()) else 1

    def plain(module: nn.Module) -> Any:
        node = plain_node(module)
        node.input_type = {"input": np.array(mapper.module_io_shape[module][lead:])}
        return node

    kinds = {kind: plain if issubclass(kind, PLAIN) else own for kind, own in mapper.map_dict.items()}
    graph = nirtorch.torch_to_nir(model, kinds, default_dict=None, type_check=False)
    for layer in soft:
        layer.v_reset = None
    return graph


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
