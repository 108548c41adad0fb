"""Norse modules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from spear_deploy.errors import Finding, UnsupportedError
from spear_deploy.frontends.imported import Imported
from spear_deploy.frontends.nir.file import NirNode
from spear_deploy.frontends.semantics import Semantics, preset
from spear_deploy.importers import live
from spear_deploy.importers.check import checked
from spear_deploy.importers.conventions import common_semantics, threshold_findings
from spear_deploy.importers.loops import find_loop
from spear_deploy.importers.plain import PLAIN
from spear_deploy.importers.simplify import refuse_unknown, simplify
from spear_deploy.importers.trace import to_network, trace
from spear_deploy.network.ops import Shape


def from_norse(module: nn.Module, sample: Tensor, *, seed: int = 0) -> Imported:
    """Import a module of cells that is called as ``y, state = module(x, state)`` once a step, as a SequentialState is.

    Or one that loops over all steps in its forward, which takes (T, B, *shape), (B, T, *shape) or one step for all
    (note N011 says what was found).  ``sample`` is one step of input with its batch axis, (B, *shape), in either case;
    only its shape matters.  The module is neither changed nor run.  Supported are LIFBoxCell, LIFCell, IAFCell and, as
    readouts, LIBoxCell and LICell, behind Linear, Conv1d, Conv2d, AvgPool2d and Flatten; BatchNorm is folded, Dropout
    left out.

    Raises:
        UnsupportedError: E021 for layers and settings that have no equal, all at once.
        MismatchError: E052 if the imported network's spikes differ from the module's on random input (``seed``).
        InputError: E005 for a sample that the module cannot take, and what :func:`spear_deploy.frontends.load` raises.
        BackendError: E064 without Norse.
    """
    sample = live.one_step(sample)
    norse, reset, snn = live.framework("norse.torch", "functional.reset", "module.snn")
    cells = (norse.LIFBoxCell, norse.LIFCell, norse.IAFCell, norse.LIBoxCell, norse.LICell)
    bases = (snn.SNNCell, snn.SNN, snn.SNNRecurrentCell, snn.SNNRecurrent)
    refuse_unknown(live.with_children(module), cells, bases, equals=_over_time(norse))
    model = live.working_copy(module)
    layers = {n: layer for n, layer in model.named_modules() if isinstance(layer, cells)}
    _refuse_settings(layers, reset, norse)
    for layer in layers.values():
        layer.p = layer.p._replace(**{k: v.float() for k, v in layer.p._asdict().items() if isinstance(v, Tensor)})
    sequences = [part for part in model.modules() if isinstance(part, norse.SequentialState)]
    stateful = [dict(zip(part._modules, part.stateful_layers, strict=True)) for part in sequences]
    shape = tuple(sample.shape[1:])
    loop = find_loop(model, layers, shape, lambda: model)
    example, calls = (sample[:1], 1) if loop is None else (loop.example(sample), loop.layer_calls)
    live.refuse_misfit(model, example, sample, "norse")
    simplify(model, example)
    for part, kinds in zip(sequences, stateful, strict=True):
        part.stateful_layers = [kinds[name] for name in part._modules]
    graph = trace(model, example, shape, (*cells, *PLAIN), partial(_node, norse), calls)
    imported = replace(to_network(graph, _common_semantics(layers, norse, reset), "norse"), name=type(module).__name__)
    start = partial(_with_states, model) if loop is None else lambda: model
    return checked(imported, live.Live(shape, model, layers, list, torch.stack, start), loop, seed, "norse")


def _over_time(norse: Any) -> dict[type, str]:
    """Say how to write the layers that compute all steps in a call: by the cells that they are made of."""
    cells = {norse.LIF: "LIFCell", norse.IAF: "IAFCell", norse.LI: "LICell"}
    fix = "with the same parameters, which computes one step per call: nothing has to be retrained"
    return {layer: f"use {cell} {fix}" for layer, cell in cells.items()}


def _with_states(model: nn.Module) -> Callable[[Tensor], object]:
    """Return what calls a module with the states that it gave before."""
    states: list[Any] = [None]

    def call(x: Tensor) -> None:
        match model(x, states[0]):
            case (_, state):
                states[0] = state
            case _:
                raise TypeError("forward returns its output without its state")

    return call


def _reads(layer: Any, norse: Any) -> bool:
    """Whether a cell never fires."""
    return isinstance(layer, norse.LIBoxCell | norse.LICell)


def _refuse_settings(layers: Mapping[str, Any], reset: Any, norse: Any) -> None:
    firing = {name: layer.p for name, layer in layers.items() if not _reads(layer, norse)}
    resets = {name: p.v_reset for name, p in firing.items() if not _subtracts(p, reset)}
    findings = list(threshold_findings({name: p.v_th for name, p in firing.items()}, resets))
    for name, layer in layers.items():
        parameters, where = layer.p, f"layer {name!r}"
        if _reads(layer, norse):
            continue
        method = getattr(parameters, "reset_method", reset.reset_value)
        if method not in (reset.reset_value, reset.reset_subtract):
            findings.append(Finding("E021", where, "resets by a function of its own", "use reset_value"))
    if findings:
        raise UnsupportedError(findings)


def _common_semantics(layers: Mapping[str, Any], norse: Any, reset: Any) -> Semantics:
    """Semantics of the layers; the time step is that of those with a leak, the reset that of layers that fire."""
    leaky = [layer for layer in layers.values() if not isinstance(layer, norse.IAFCell)]
    firing = [layer for layer in layers.values() if not _reads(layer, norse)]

    def of(layer: Any) -> Semantics:
        timed = leaky[0] if leaky and isinstance(layer, norse.IAFCell) else layer
        fires = firing[0] if firing and _reads(layer, norse) else layer
        kind = "subtract" if _subtracts(fires.p, reset) else "value"
        return Semantics(**{**vars(preset("norse")), "dt": float(timed.dt), "reset": kind})

    return common_semantics({name: of(layer) for name, layer in layers.items()}, "norse")


def _subtracts(parameters: Any, reset: Any) -> bool:
    return getattr(parameters, "reset_method", None) is reset.reset_subtract


def _node(norse: Any, layer: Any, shape: Shape, where: str) -> NirNode:
    """Return a cell's node, its time constants in steps: Norse's are rates, which a dt of its own multiplies."""

    def value(name: str) -> Any:
        return torch.as_tensor(getattr(layer.p, name)).detach().numpy()

    fires = not _reads(layer, norse)
    firing = {"v_threshold": value("v_th"), "v_reset": value("v_reset")} if fires else {}
    ones = np.ones_like(value("v_th" if fires else "v_leak"))
    if isinstance(layer, norse.IAFCell):
        return NirNode("IF", {"r": ones, **firing})
    leaking = {"r": ones, "v_leak": value("v_leak"), **firing}
    kind, tau = "LIF" if fires else "LI", 1.0 / value("tau_mem_inv")
    if isinstance(layer, norse.LIFCell | norse.LICell):
        return NirNode(f"Cuba{kind}", {"tau_mem": tau, "tau_syn": 1.0 / value("tau_syn_inv"), "w_in": ones, **leaking})
    return NirNode(kind, {"tau": tau, **leaking})
