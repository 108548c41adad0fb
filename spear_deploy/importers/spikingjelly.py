"""SpikingJelly modules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from spear_deploy.errors import UnsupportedError
from spear_deploy.frontends.imported import Imported
from spear_deploy.frontends.nir.file import NirGraph
from spear_deploy.frontends.semantics import Semantics, preset
from spear_deploy.importers import live
from spear_deploy.importers.check import check
from spear_deploy.importers.export import common_semantics, run_exporter, to_network
from spear_deploy.importers.simplify import refuse_unknown, simplify

_PLAIN = (nn.Linear, nn.Conv2d, nn.AvgPool2d, nn.Flatten)  # SpikingJelly's own layers are subclasses of these


def from_spikingjelly(module: nn.Module, sample: Tensor, *, seed: int = 0) -> Imported:
    """Import a module in single-step mode (one step a call) or multi-step mode ((T, B, *shape) a call).

    ``sample`` is one step of input with its batch axis, (B, *shape), in either mode; only its shape matters.  The
    module is neither changed nor run.  Supported are IFNode, LIFNode, ParametricLIFNode and CUBALIFNode with hard
    or soft reset, behind Linear, Conv2d, AvgPool2d and Flatten; BatchNorm is folded, Dropout left out.

    Raises:
        UnsupportedError: E021 for layers and settings that have no equal, all at once.
        MismatchError: E052 if the imported network's spikes differ from the module's on random input (``seed``).
        InputError: E005 for a sample that the module cannot take, E064 without SpikingJelly, and what
            :func:`spear_deploy.frontends.load` raises.
    """
    _, neuron, sj_layer, functional, exchange = live.framework(
        "spikingjelly.activation_based", "neuron", "layer", "functional", "nir_exchange"
    )
    known = (neuron.IFNode, neuron.LIFNode, neuron.ParametricLIFNode, neuron.CUBALIFNode)
    model = live.working_copy(module)
    layers = {name: layer for name, layer in model.named_modules() if isinstance(layer, neuron.BaseNode)}
    dropped = (sj_layer.Dropout, sj_layer.Dropout2d)
    refuse_unknown(model, (*known, *_PLAIN), dropped, (neuron.BaseNode,))
    _refuse_settings(layers)
    steps_at_once = any(layer.step_mode == "m" for layer in layers.values())

    sample = live.one_step(sample)
    example = sample[None] if steps_at_once else sample
    functional.reset_net(model)
    live.refuse_misfit(model, example, sample, "spikingjelly")
    simplify(model, example, dropped)
    functional.reset_net(model)
    semantics = common_semantics({name: _semantics(layer) for name, layer in layers.items()}, "spikingjelly")
    imported = to_network(_export(model, layers, exchange, example), semantics, "spikingjelly")

    def start() -> Callable[[Tensor], object]:
        functional.reset_net(model)
        return model

    if steps_at_once:
        running = live.Live(model, layers, lambda x: [x], lambda outputs: outputs[0], start)
    else:
        running = live.Live(model, layers, list, torch.stack, start)
    check(imported.network, running, seed, "spikingjelly")
    return imported


def _export(model: nn.Module, layers: Mapping[str, Any], exchange: Any, example: Tensor) -> NirGraph:
    """Export with hard resets: the exporter refuses soft ones, which NIR has no word for; the semantics say it."""
    soft = [layer for layer in layers.values() if layer.v_reset is None]
    for layer in soft:
        layer.v_reset = 0.0
    graph = run_exporter("spikingjelly", lambda: exchange.export_to_nir(model, example))
    for layer in soft:
        layer.v_reset = None
    return graph


def _refuse_settings(layers: Mapping[str, Any]) -> None:
    modes = {layer.step_mode for layer in layers.values()}
    if len(modes) > 1:
        told = ", ".join(f"{name!r}: {layer.step_mode!r}" for name, layer in layers.items())
        fix = "call functional.set_step_mode(net, 's')"
        raise UnsupportedError.of("E021", "spikingjelly", f"layers run in different step modes ({told})", fix)


def _semantics(layer: Any) -> Semantics:
    return Semantics(**{**vars(preset("spikingjelly")), "reset": "subtract" if layer.v_reset is None else "value"})
