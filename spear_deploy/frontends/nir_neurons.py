"""From a NIR neuron and its semantics to the one neuron model, and back.

Normal form (see :mod:`spear_deploy.network.neuron`) of the literal equations, forward Euler:

    IF        beta = 1                 gain = r * dt
    LI, LIF   beta = 1 - dt/tau        gain = r * dt/tau          bias = v_leak * dt/tau
    CubaLIF   alpha = 1 - dt/tau_syn   gain = w_in * dt/tau_syn * r * dt/tau_mem

Parameters are rounded to float32; float64 in the file, so that writing and reading again is exact.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.errors import Finding
from spear_deploy.frontends.nir_file import NirGraph, NirNode
from spear_deploy.frontends.semantics import Semantics
from spear_deploy.network import Neuron, Population
from spear_deploy.network.ops import Shape

Float64 = NDArray[np.float64]

NEURON_TYPES: dict[str, tuple[str, ...]] = {
    "IF": ("r", "v_threshold"),
    "LI": ("tau", "r", "v_leak"),
    "LIF": ("tau", "r", "v_leak", "v_threshold"),
    "CubaLIF": ("tau_syn", "tau_mem", "r", "v_leak", "v_threshold"),
}
"""Supported neuron types and the fields that they must have."""

_OPTIONAL = {"v_reset": 0.0, "w_in": 1.0}


def neuron_of(
    name: str, node: NirNode, incoming: Shape | None, semantics: Semantics
) -> tuple[Neuron | None, list[Finding]]:
    """Return the neuron parameters of a node, or None with findings (E003, E024).

    ``incoming`` is the shape of what feeds the node; it gives the shape where all fields are scalars.
    """
    where = f"node {name!r}"
    missing = [key for key in NEURON_TYPES[node.type] if node.values.get(key) is None]
    if missing:
        return None, [Finding("E003", where, f"field {', '.join(missing)} is missing")]
    try:
        params, note = _parameters(node, incoming)
    except (TypeError, ValueError) as error:
        return None, [Finding("E003", where, f"its parameters cannot be used: {error}")]
    notes = [Finding("N001", where, note, severity="note")] if note else []
    negative = [key for key in ("tau", "tau_mem", "tau_syn") if key in params and np.any(params[key] <= 0)]
    if negative:
        return None, [Finding("E003", where, f"{', '.join(negative)} is not positive everywhere")]
    with np.errstate(over="ignore"):  # told by _implausible
        neuron = _normal_form(node.type, params, semantics)
    problem = _implausible(neuron, semantics)
    if problem:
        fix = "check --semantics and --dt against the tool that exported the file"
        return None, [Finding("E024", where, problem, fix)]
    return neuron, notes


def identity_readout(shape: Shape) -> Neuron:
    """Return the neuron of a readout that passes its input on: no memory, no threshold."""
    zero, one = np.zeros(shape, np.float32), np.ones(shape, np.float32)
    return Neuron(alpha=zero, beta=zero, gain=one, bias=zero, reset_value=zero, threshold=None)


def recover_dt(graph: NirGraph) -> tuple[float | None, list[Finding]]:
    """Return the time step that the file implies, or None with findings (E023) if nodes contradict.

    Exporters that write r = tau/dt (snnTorch, lava-dl) or r = 1/dt (SpikingJelly's IF) give dt away.
    """
    implied: dict[str, float] = {}
    for name, node in sorted(graph.nodes.items()):
        try:
            step = _implied_dt(node)
        except (TypeError, ValueError):
            continue  # the node's own finding will say why
        if step is not None:
            implied[name] = step
    if not implied:
        return None, []
    dt = next(iter(implied.values()))
    if all(abs(other - dt) <= 1e-3 * dt for other in implied.values()):
        return float(f"{dt:.6g}"), []
    listed = ", ".join(f"{name}: {value:.4g}" for name, value in implied.items())
    return None, [Finding("E023", "graph", f"nodes imply different time steps ({listed})", "give --dt")]


def _implied_dt(node: NirNode) -> float | None:
    r = node.values.get("r")
    tau = 1.0 if node.type == "IF" else node.values.get("tau", node.values.get("tau_mem"))
    if node.type not in NEURON_TYPES or r is None or tau is None:
        return None
    gain = np.asarray(r, np.float64)
    if not gain.size or np.any(gain <= 0) or np.allclose(gain, 1.0):
        return None
    return float(np.median(np.asarray(tau, np.float64) / gain))


def node_of(population: Population, dt: float) -> NirNode:
    """Return the NIR node that reads back, literally with ``dt``, as the population's neuron."""
    neuron = population.neuron
    assert neuron is not None
    leak = 1.0 - neuron.beta.astype(np.float64)
    full = np.ones(population.shape)
    fields: dict[str, Any] = {}
    if neuron.threshold is not None:
        fields["v_threshold"] = neuron.threshold.astype(np.float64)
        fields["v_reset"] = neuron.reset_value.astype(np.float64)
    gain = neuron.gain.astype(np.float64)
    if not np.any(leak) and not neuron.has_current and not neuron.is_readout:
        return NirNode("IF", {"r": gain / dt, **fields})
    safe = np.where(leak == 0, np.finfo(np.float64).tiny, leak)
    membrane = {"r": gain / safe, "v_leak": neuron.bias.astype(np.float64) / safe}
    if not neuron.has_current:
        return NirNode("LI" if neuron.is_readout else "LIF", {"tau": dt / safe, **membrane, **fields})
    tau_syn = dt / (1.0 - neuron.alpha.astype(np.float64))
    synapse = {"tau_syn": tau_syn, "tau_mem": dt / safe, "w_in": tau_syn / dt * full}
    return NirNode("CubaLIF", {**synapse, **membrane, **fields})


def _parameters(node: NirNode, incoming: Shape | None) -> tuple[dict[str, Float64], str]:
    keys = (*NEURON_TYPES[node.type], *(key for key in _OPTIONAL if key in node.values))
    raw = {key: np.asarray(node.values[key], dtype=np.float64) for key in keys}
    shapes = {array.shape for array in raw.values() if array.size > 1}
    if len(shapes) > 1:
        raise ValueError(f"they have different shapes {sorted(shapes)}")
    shape = shapes.pop() if shapes else incoming
    if shape is None:
        raise ValueError("they are scalars and nothing leads into the node: its shape is unknown")
    shape = shape[1:] if len(shape) == 2 and shape[0] == 1 else shape
    if len(shape) not in (1, 3):
        raise ValueError(f"shape {shape} is neither (N,) nor (C, H, W)")
    note = "" if shape in {a.shape for a in raw.values()} else f"scalar parameters were given the shape {shape}"
    return {
        key: np.broadcast_to(array.reshape(shape) if array.size > 1 else array.reshape(()), shape)
        for key, array in raw.items()
    }, note


def _decay(tau: Float64, semantics: Semantics) -> Float64:
    ratio = (semantics.dt or 0.0) / tau
    return np.exp(-ratio) if semantics.integration == "exponential" else 1.0 - ratio


def _normal_form(kind: str, params: dict[str, Float64], semantics: Semantics) -> Neuron:
    full = np.ones_like(params["r"])
    alpha, beta, gain, bias = 0 * full, full, full, 0 * full
    if kind == "IF":
        gain = params["r"] * (semantics.dt or 0.0) if semantics.if_gain == "literal" else full
    else:
        beta = _decay(params["tau_mem"] if kind == "CubaLIF" else params["tau"], semantics)
        gain = params["r"] * (1.0 - beta) if semantics.gain == "literal" else full
        bias = params["v_leak"] * (1.0 - beta)
    if kind == "CubaLIF":
        alpha = _decay(params["tau_syn"], semantics)
        w_in = params.get("w_in", full)
        gain = gain * (w_in * (1.0 - alpha) if semantics.current_gain == "literal" else full)
    # Parameters are float32: 1 - dt/tau of a file written as r = tau/dt then gives a gain of exactly 1.
    reset_value = params.get("v_reset", 0 * full) if semantics.reset == "value" else 0 * full
    has_threshold = kind in ("IF", "LIF", "CubaLIF")
    late = semantics.late and has_threshold
    if late and semantics.reset == "zero" and kind != "CubaLIF":
        late = False  # snnTorch's late zero reset of Leaky gives the spikes of an immediate one
    single = {
        k: np.ascontiguousarray(v, np.float32)
        for k, v in {"alpha": alpha, "beta": beta, "gain": gain, "bias": bias, "reset_value": reset_value}.items()
    }
    return Neuron(
        **single,
        threshold=np.ascontiguousarray(params["v_threshold"], np.float32) if has_threshold else None,
        reset="subtract" if semantics.reset == "subtract" else "value",
        late=late,
        comparison=semantics.compare,
        spikes=semantics.spikes,
        floor=semantics.floor,
    )


def _implausible(neuron: Neuron, semantics: Semantics) -> str:
    if np.any(neuron.beta < 0) or np.any(neuron.alpha < 0):
        return f"a time constant is shorter than dt = {semantics.dt}"
    if not all(np.all(np.isfinite(array)) for array in neuron.arrays().values()):
        return "its parameters are not finite in single precision"
    if np.any(neuron.gain <= 0):
        return "the gain of its input is not positive everywhere"
    if neuron.threshold is not None and np.any(neuron.threshold <= neuron.reset_value):
        return "its threshold does not lie above its reset value"
    return ""
