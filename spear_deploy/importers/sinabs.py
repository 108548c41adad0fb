"""sinabs modules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spear_deploy.errors import Finding, UnsupportedError
from spear_deploy.frontends.imported import Imported
from spear_deploy.frontends.nir.file import NirNode
from spear_deploy.frontends.nir.reader import METADATA_KEY
from spear_deploy.frontends.semantics import Reset, Semantics, preset
from spear_deploy.importers import live
from spear_deploy.importers.check import BATCH, check
from spear_deploy.importers.conventions import common_semantics, threshold_findings
from spear_deploy.importers.plain import PLAIN
from spear_deploy.importers.simplify import refuse_unknown, simplify
from spear_deploy.importers.trace import to_network, trace
from spear_deploy.network.ops import Shape

Float64: TypeAlias = NDArray[np.float64]


def from_sinabs(module: nn.Module, sample: Tensor, *, seed: int = 0) -> Imported:
    """Import a module of Squeeze layers ((B*T, *shape) a call) or of plain ones ((B, T, N) a call).

    ``sample`` is one step of input with its batch axis, (B, *shape), in either case; only its shape matters.  The
    module is neither changed nor run; of a ``sinabs.Network`` it is the spiking model.  Supported are IAF, LIF and, as
    a readout, ExpLeak, with one or any number of spikes a step, behind Linear, Conv1d, Conv2d, AvgPool2d, SumPool2d and
    Flatten; BatchNorm is folded, Dropout left out.

    Raises:
        UnsupportedError: E021 for layers and settings that have no equal, all at once.
        MismatchError: E052 if the imported network's spikes differ from the module's on random input (``seed``).
        InputError: E005 for a sample that the module cannot take, and what :func:`spear_deploy.frontends.load` raises.
        BackendError: E064 without sinabs.
    """
    sinabs, sl = live.framework("sinabs", "layers")
    known = (sl.IAF, sl.IAFSqueeze, sl.LIF, sl.LIFSqueeze, sl.ExpLeak, sl.ExpLeakSqueeze)
    spiking = getattr(module, "spiking_model", None)  # of a sinabs.Network, beside the module that it was made from
    module = spiking if isinstance(spiking, nn.Module) else module
    refuse_unknown(live.with_children(module), known, (sl.StatefulLayer,), (sl.SumPool2d, sl.Merge))
    model = live.working_copy(module)
    layers = {name: layer for name, layer in model.named_modules() if isinstance(layer, sl.StatefulLayer)}
    squeezing = [layer for layer in layers.values() if isinstance(layer, sl.SqueezeMixin)]
    if squeezing and len(squeezing) < len(layers):
        raise UnsupportedError.of("E021", "sinabs", "Squeeze layers and others are mixed", "use one kind")
    _refuse_settings(layers, sinabs, sl)

    step = live.one_step(sample)[:1]
    shape = tuple(step.shape[1:])
    running = live.Live(shape, model, layers, *_timing(squeezing), lambda: _start_at_zero(model, layers))
    for layer in squeezing:
        layer.batch_size, layer.num_timesteps = 1, -1
    example = step if squeezing else torch.cat([torch.cat([step] * 3)[None]] * 2)
    live.refuse_misfit(model, example, step, "sinabs")
    simplify(model, example)
    _start_at_zero(model, layers)
    graph = trace(model, example, shape, (*known, sl.SumPool2d, *PLAIN), partial(_node, sl))
    semantics, own = _semantics(layers, sinabs, sl)
    imported = to_network(replace(graph, metadata={METADATA_KEY: own}), semantics, "sinabs")
    for layer in squeezing:
        layer.batch_size = BATCH
    check(imported.network, running, seed, "sinabs")
    return replace(imported, name=type(module).__name__)


def _timing(
    squeezing: Sequence[Any],
) -> tuple[Callable[[Tensor], Iterable[Tensor]], Callable[[list[Tensor]], Tensor]]:
    """How (T, B, *shape) is laid out for a call: (B, T, *shape), or (B*T, *shape) where layers squeeze."""
    if not squeezing:
        return lambda x: [x.transpose(0, 1)], lambda outputs: outputs[0].transpose(0, 1)
    first = squeezing[0]

    def join(outputs: list[Tensor]) -> Tensor:
        by_sample: Tensor = outputs[0].unflatten(0, (first.batch_size, -1))
        return by_sample.transpose(0, 1)

    return lambda x: [x.transpose(0, 1).flatten(0, 1)], join


def _start_at_zero(model: nn.Module, layers: Mapping[str, Any]) -> Callable[[Tensor], object]:
    for layer in layers.values():
        layer.reset_states()
    return model


def _refuse_settings(layers: Mapping[str, Any], sinabs: Any, sl: Any) -> None:
    activation = sinabs.activation
    firing = {name: layer for name, layer in layers.items() if not isinstance(layer, sl.ExpLeak)}
    thresholds = {name: layer.spike_threshold for name, layer in firing.items()}
    findings = list(threshold_findings(thresholds, {}))

    def refuse(name: str, message: str, fix: str) -> None:
        findings.append(Finding("E021", f"layer {name!r}", message, fix))

    for name, layer in layers.items():
        if layer.tau_syn_calculated is not None and isinstance(layer, sl.IAF | sl.ExpLeak):
            refuse(name, f"{type(layer).__name__} has a synaptic time constant", "use LIF, or tau_syn=None")
        if layer.min_v_mem is not None and torch.any(layer.min_v_mem != layer.min_v_mem.flatten()[0]):
            refuse(name, "min_v_mem differs between neurons", "use one value")
        if isinstance(layer, sl.ExpLeak):
            continue
        if layer.spike_fn not in (activation.MultiSpike, activation.SingleSpike):
            refuse(name, "its spike_fn is neither MultiSpike nor SingleSpike", "use one of these")
        if not (
            (isinstance(layer.reset_fn, activation.MembraneSubtract) and layer.reset_fn.subtract_value is None)
            or (isinstance(layer.reset_fn, activation.MembraneReset) and layer.reset_fn.reset_value == 0)
        ):
            refuse(name, f"resets by {layer.reset_fn}", "use MembraneSubtract() or MembraneReset()")
    if findings:
        raise UnsupportedError(findings)


def _semantics(layers: Mapping[str, Any], sinabs: Any, sl: Any) -> tuple[Semantics, dict[str, dict[str, Any]]]:
    """Return the semantics of the first layer that fires, and what others have their own of, by field and name."""
    firing = {name: layer for name, layer in layers.items() if not isinstance(layer, sl.ExpLeak)}
    kinds = {name: _kinds(layer, sinabs) for name, layer in firing.items()}
    first = next(iter(kinds.values()), {})
    own = {key: {name: held[key] for name, held in kinds.items() if held[key] != first[key]} for key in first}
    floor = first.get("floor", -np.inf)
    values = {"spikes": first.get("spikes", "integer"), "floor": None if floor == -np.inf else floor}
    usual = replace(preset("sinabs"), **values)
    resets: dict[str, Reset] = {
        name: "subtract" if isinstance(layer.reset_fn, sinabs.activation.MembraneSubtract) else "zero"
        for name, layer in firing.items()
    }
    each = {name: replace(usual, reset=reset) for name, reset in resets.items()}
    return common_semantics(each, "sinabs") if firing or not layers else usual, own


def _kinds(layer: Any, sinabs: Any) -> dict[str, Any]:
    """Return how often a layer fires in a step, and its lowest membrane, as files hold them."""
    several = layer.spike_fn is sinabs.activation.MultiSpike
    floor = -np.inf if layer.min_v_mem is None else float(layer.min_v_mem.flatten()[0])
    return {"spikes": "integer" if several else "binary", "floor": floor}


def _node(sl: Any, layer: Any, shape: Shape, where: str) -> NirNode:
    """Return a layer's node with the decays that it computes with; a synapse i = a * (i + x) makes a CubaLIF."""
    if isinstance(layer, sl.SumPool2d):
        kernel = np.broadcast_to(layer.kernel_size, 2)
        stride = kernel if layer.stride is None else np.broadcast_to(layer.stride, 2)
        return NirNode("SumPool2d", {"kernel_size": kernel, "stride": stride, "padding": np.zeros(2, np.int64)})
    ones = np.ones(shape)
    values: dict[str, Any] = {"r": ones}
    if not isinstance(layer, sl.ExpLeak):
        values |= {"v_threshold": live.full(layer.spike_threshold.float(), shape, where).numpy(), "v_reset": 0 * ones}
    if isinstance(layer, sl.IAF):
        return NirNode("IF", values)
    tau = _time_constant(layer.alpha_mem_calculated, shape, where)
    values |= {
        "v_leak": 0 * ones,
        "r": ones if layer.norm_input else -1.0 / np.expm1(-1.0 / tau),
    }  # a gain of 1 - a, or 1
    if layer.alpha_syn_calculated is None:
        return NirNode("LI" if isinstance(layer, sl.ExpLeak) else "LIF", values | {"tau": tau})
    tau_syn = _time_constant(layer.alpha_syn_calculated, shape, where)
    decay = np.exp(-1.0 / tau_syn)
    return NirNode("CubaLIF", values | {"tau_mem": tau, "tau_syn": tau_syn, "w_in": decay / (1.0 - decay)})


def _time_constant(decay: Tensor, shape: Shape, where: str) -> Float64:
    """Time constant in steps of which exp gives a decay of single precision exactly."""
    return np.asarray(-1.0 / np.log(live.full(decay.double(), shape, where).numpy()))
