"""Converting NIR neurons, read with given semantics, to the neuron model, and back.

Normal form (see :mod:`spear_deploy.network.neuron`) of the literal equations, forward Euler::

    I, IF              beta = 1                 gain = r * dt
    LI, LIF            beta = 1 - dt/tau        gain = r * dt/tau          bias = v_leak * dt/tau
    CubaLI, CubaLIF    alpha = 1 - dt/tau_syn   gain = w_in * dt/tau_syn * r * dt/tau_mem
    Threshold          alpha = beta = 0         gain = 1                   reset to 0

I, LI and CubaLI never fire: they are readouts, as are other neurons with an infinite threshold.  NIR has no field for
the initial membrane: one that differs from the reset value is written into the node's metadata (:data:`START_KEY`).
Parameters are rounded to float32 and stored as float64, so that writing and reading again is exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.errors import Finding
from spear_deploy.frontends.nir.file import NirNode
from spear_deploy.frontends.nir.shapes import MisfitError, common_shape, spread, usual_shape
from spear_deploy.frontends.semantics import Semantics
from spear_deploy.network import Neuron, Population, identity_readout
from spear_deploy.network.ops import Shape

Float64 = NDArray[np.float64]

NEURON_TYPES: dict[str, tuple[str, ...]] = {
    "I": ("r",),
    "IF": ("r", "v_threshold"),
    "LI": ("tau", "r", "v_leak"),
    "LIF": ("tau", "r", "v_leak", "v_threshold"),
    "CubaLI": ("tau_syn", "tau_mem", "r", "v_leak"),
    "CubaLIF": ("tau_syn", "tau_mem", "r", "v_leak", "v_threshold"),
    "Threshold": ("threshold",),
}
"""NIR's neuron types and their required fields."""

MAY_BE_INFINITE = ("tau", "tau_mem", "tau_syn", "r", "w_in", "v_threshold")
"""Fields that exporters write as infinite: for a decay of 1 (tau = dt/(1 - decay), r = tau/dt), or to never fire."""

START_KEY = "spear_deploy_v_start"
"""Key in a node's metadata of the membrane before the first step, of the population's shape."""

_START = "v_start"
_OPTIONAL = ("v_reset", "w_in")
_PAIRED = {"tau": "r", "tau_mem": "r", "tau_syn": "w_in"}
_NO_LEAK = 1e-200


def neuron_of(
    name: str, node: NirNode, incoming: Shape | None, semantics: Semantics, *, feeds_itself: bool = False
) -> tuple[Neuron | None, list[Finding]]:
    """Return the neuron parameters of a node and notes, or None with findings (E003, E004, E024).

    ``incoming`` is the shape of the node's input, which is that of the neurons if all fields are scalars.
    ``feeds_itself``: linear nodes lead from the node back to it, which decides what a late reset means.
    """
    where = f"node {name!r}"
    missing = [key for key in NEURON_TYPES[node.type] if node.values.get(key) is None]
    if missing:
        return None, [Finding("E003", where, f"field {', '.join(missing)} is missing")]
    try:
        params, notes = _parameters(node, incoming)
    except MisfitError as error:
        return None, [Finding("E004", where, str(error), error.fix)]
    except (TypeError, ValueError) as error:
        return None, [Finding("E003", where, f"its parameters cannot be used: {error}")]
    damage = _damage(params)
    if damage:
        return None, [Finding("E003", where, message) for message in damage]
    with np.errstate(over="ignore", invalid="ignore"):  # reported by _implausible
        neuron = _normal_form(node.type, params, semantics, feeds_itself)
    problem = _implausible(neuron, params, semantics)
    if problem:
        fix = "check --semantics and --dt against the tool that exported the file"
        return None, [Finding("E024", where, problem, fix)]
    notes += _oddities(node.type, params, semantics)
    return neuron, [Finding(code, where, message, severity="note") for code, message in notes]


def certain_shape(node: NirNode) -> Shape | None:
    """Return the shape given by the parameters alone, or None if it depends on the input.

    Vectors and axes of length 1 may be broadcast over a map; (1, N) is a vector with a batch axis or a map of one
    channel, depending on the node's input.
    """
    try:
        shape = common_shape(_raw(node))
    except (TypeError, ValueError):
        return None
    shape = () if shape is None else usual_shape(shape)
    return shape if len(shape) == 3 and 1 not in shape else None


def node_of(population: Population, dt: float, *, feeds_itself: bool = False) -> NirNode:
    """Return the NIR node that is read as the population's neuron with literal semantics and ``dt``."""
    node = _literal_node(population.neuron, dt, feeds_itself)
    neuron = population.neuron
    starts_at_zero = neuron.is_readout and not neuron.reset_value.any()
    if neuron.start_value is None and (starts_at_zero or not neuron.is_readout):
        return node
    return NirNode(node.type, {**node.values, "metadata": {START_KEY: neuron.start.astype(np.float64)}})


def _literal_node(neuron: Neuron, dt: float, feeds_itself: bool) -> NirNode:
    leak = 1.0 - neuron.beta.astype(np.float64)
    fields: dict[str, Any] = {}
    if neuron.threshold is not None:
        fields["v_threshold"] = neuron.threshold.astype(np.float64)
        fields["v_reset"] = neuron.reset_value.astype(np.float64)
    gain = neuron.gain.astype(np.float64)
    # A late reset to a value blanks a step, which a LIF without feedback would not do.
    plain = not neuron.has_current and (feeds_itself or not neuron.reset_delay or neuron.reset == "subtract")
    if plain and is_threshold(neuron):
        return NirNode("Threshold", {"threshold": fields["v_threshold"]})
    if plain and not np.any(leak) and not np.any(neuron.bias):
        return NirNode("I" if neuron.is_readout else "IF", {"r": gain / dt, **fields})
    safe = np.where(leak == 0, _NO_LEAK, leak)
    membrane = {"r": gain / safe, "v_leak": neuron.bias.astype(np.float64) / safe}
    if plain:
        return NirNode("LI" if neuron.is_readout else "LIF", {"tau": dt / safe, **membrane, **fields})
    loss = 1.0 - neuron.alpha.astype(np.float64)
    loss = np.where(loss == 0, _NO_LEAK, loss)
    synapse = {"tau_syn": dt / loss, "tau_mem": dt / safe, "w_in": 1.0 / loss}
    return NirNode("CubaLI" if neuron.is_readout else "CubaLIF", {**synapse, **membrane, **fields})


def is_threshold(neuron: Neuron) -> bool:
    """Whether it is NIR's Threshold: it fires on the input of the same step, and has no memory."""
    plain = not (neuron.beta.any() or neuron.bias.any() or neuron.reset_value.any()) and bool(np.all(neuron.gain == 1))
    kind = (neuron.is_readout, neuron.reset, neuron.reset_delay, neuron.spikes, neuron.floor)
    return plain and kind == (False, "value", False, "binary", None)


def _raw(node: NirNode) -> dict[str, Float64]:
    keys = (*NEURON_TYPES[node.type], *(key for key in _OPTIONAL if node.values.get(key) is not None))
    raw = {key: np.asarray(node.values.get(key), dtype=np.float64) for key in keys}
    metadata = node.values.get("metadata")
    start = metadata.get(START_KEY) if isinstance(metadata, Mapping) else None
    return raw if start is None else {**raw, _START: np.asarray(start, dtype=np.float64)}


def _parameters(node: NirNode, incoming: Shape | None) -> tuple[dict[str, Float64], list[tuple[str, str]]]:
    """Return all fields in the population's shape, and notes on what was inferred."""
    raw = _raw(node)
    stored = common_shape(raw)
    if stored is None and incoming is None:
        raise ValueError("they are scalars and nothing feeds the node: its shape is unknown")
    shape = _population_shape(stored, incoming)
    if len(shape) not in (1, 3):
        raise ValueError(f"shape {shape} is neither (N,) nor (C, H, W)")
    params = {key: spread(key, array, shape) for key, array in raw.items()}
    notes = []
    if shape not in {array.shape for array in raw.values()}:
        described = "scalar parameters" if stored is None else f"parameters of shape {stored}"
        notes.append(("N001", f"{described} were given the shape {shape}"))
    return params, notes


def _population_shape(stored: Shape | None, incoming: Shape | None) -> Shape:
    """Return the shape of the neurons: that of their input, over which parameters must broadcast, else their own.

    Raises :class:`MisfitError` if they do not.
    """
    if stored is None or incoming is None:
        return incoming or usual_shape(stored or ())
    spread("a parameter", np.broadcast_to(np.float64(0), stored), incoming)
    return incoming


def _damage(params: dict[str, Float64]) -> list[str]:
    messages = []
    negative = [key for key in _PAIRED if key in params and np.any(params[key] <= 0)]
    if negative:
        messages.append(f"{', '.join(negative)} is not positive everywhere")
    endless = {_PAIRED[key]: np.isinf(params[key]) for key in _PAIRED if key in params}
    for key in ("r", "w_in"):
        bad = np.count_nonzero(np.isinf(params[key]) & ~endless.get(key, np.False_)) if key in params else 0
        if bad:
            messages.append(f"{key} holds {bad} infinite values of {params[key].size}")
    return messages


def _loss(tau: Float64, semantics: Semantics) -> Float64:
    """Return the leak of a step: 1 - decay."""
    ratio = (semantics.dt or 0.0) / tau
    if semantics.integration == "exponential":
        return -np.expm1(-ratio)
    return np.where((ratio > 1) & (ratio < 1 + 1e-6), 1.0, ratio)  # a decay of 0, stored as float32


def _literal_gain(resistance: Float64, loss: Float64) -> Float64:
    """Return r * (1 - decay), or 1 if r is infinite: exporters write r = 1/(1 - decay)."""
    return np.where(np.isinf(resistance), 1.0, resistance * loss)


def _normal_form(kind: str, params: dict[str, Float64], semantics: Semantics, feeds_itself: bool) -> Neuron:
    if kind == "Threshold":
        return _threshold(params["threshold"], semantics)
    full = np.ones_like(params["r"])
    alpha, beta, gain, bias = 0 * full, full, full, 0 * full
    if kind in ("I", "IF"):
        gain = params["r"] * (semantics.dt or 0.0) if semantics.if_gain == "literal" else full
    else:
        loss = _loss(params["tau_mem"] if kind.startswith("Cuba") else params["tau"], semantics)
        beta = 1.0 - loss
        gain = _literal_gain(params["r"], loss) if semantics.gain == "literal" else full
        if kind == "LI" and semantics.current_gain == "decayed":  # Rockpool's ExpSyn: a synaptic current that is read
            gain = beta
        bias = params["v_leak"] * loss
    if kind.startswith("Cuba"):
        loss = _loss(params["tau_syn"], semantics)
        alpha = 1.0 - loss
        current_gains = {"literal": _literal_gain(params.get("w_in", full), loss), "unit": full, "decayed": alpha}
        gain = gain * current_gains[semantics.current_gain]
    single = {"alpha": alpha, "beta": beta, "gain": gain, "bias": bias, "reset_value": 0 * full}
    start = params.get(_START, params.get("v_leak") if semantics.start == "leak" else None)
    if "v_threshold" not in params:
        single["reset_value"] = 0 * full if start is None else start
        return replace(identity_readout(full.shape), **_single(single))
    # For snnTorch's Leaky, which decays before it adds the input, a late reset to zero equals an immediate one.
    immediate = semantics.reset == "zero" and kind != "CubaLIF" and not feeds_itself
    if semantics.reset == "value":
        single["reset_value"] = params.get("v_reset", 0 * full)
    if start is not None and np.any(np.float32(start) != np.float32(single["reset_value"])):
        single["start_value"] = start
    neuron = Neuron(
        **_single(single),
        threshold=np.ascontiguousarray(params["v_threshold"], np.float32),
        reset="subtract" if semantics.reset == "subtract" else "value",
        reset_delay=semantics.reset_delay and not immediate,
        compare=semantics.compare,
        spikes=semantics.spikes,
        floor=semantics.floor,
    )
    return _read(neuron) if _never_fires(params) else neuron


def _never_fires(params: dict[str, Float64]) -> bool:
    return "v_threshold" in params and bool(np.all(params["v_threshold"] == np.inf))


def _read(neuron: Neuron) -> Neuron:
    """Return neurons that never fire as a readout with the same initial membrane."""
    kept = {name: getattr(neuron, name) for name in ("alpha", "beta", "gain", "bias")}
    return replace(identity_readout(neuron.beta.shape), **kept, reset_value=neuron.start)


def _threshold(threshold: Float64, semantics: Semantics) -> Neuron:
    single = np.ascontiguousarray(threshold, np.float32)
    return replace(identity_readout(threshold.shape), threshold=single, compare=semantics.compare)


def _single(arrays: dict[str, Float64]) -> dict[str, Any]:
    # In float32, 1 - dt/tau of a file written with r = tau/dt gives a gain of exactly 1.
    return {key: np.ascontiguousarray(array, np.float32) for key, array in arrays.items()}


def _implausible(neuron: Neuron, params: dict[str, Float64], semantics: Semantics) -> str:
    shortest = min((float(params[key].min()) for key in _PAIRED if key in params), default=np.inf)
    if shortest < (semantics.dt or 0.0) * (1 - 1e-6):
        return f"a time constant is shorter than dt = {semantics.dt}"
    if not all(np.all(np.isfinite(array)) for array in neuron.arrays().values()):
        return "its parameters are not finite in single precision"
    if np.any(neuron.gain <= 0):
        return "the gain of its input is not positive everywhere"
    if _never_fires(params) and semantics.floor is not None:
        return f"it never fires, so that it is a readout, and has a floor of {semantics.floor:g}, as none has"
    if neuron.threshold is not None and np.any(neuron.threshold <= neuron.reset_value):
        return "its threshold does not lie above its reset value"
    if neuron.threshold is not None and neuron.floor is not None and np.any(neuron.threshold <= neuron.floor):
        return f"its threshold does not lie above the floor {neuron.floor:g}"
    return ""


def _oddities(kind: str, params: dict[str, Float64], semantics: Semantics) -> list[tuple[str, str]]:
    """Return notes on parameters that are valid but seldom intended."""
    notes = []
    if any(np.isinf(params[key]).any() for key in _PAIRED if key in params):
        notes.append(("N006", "an infinite time constant was read as a decay of 1 with a gain of 1"))
    if _never_fires(params):
        notes.append(("N006", "its threshold is infinite: it never fires, and is read by its membrane, as a readout"))
    if "v_threshold" in params and "v_leak" in params and np.any(params["v_leak"] > params["v_threshold"]):
        notes.append(("N006", "v_leak is above v_threshold: it fires without input"))
    if kind == "IF" and semantics.if_gain == "literal":
        gain = params["r"] * (semantics.dt or 0.0)
        if not np.allclose(gain, 1.0, rtol=1e-3):
            message = (
                f"r * dt is {float(np.median(gain)):.4g}; every known exporter of IF means 1, which other presets read"
            )
            notes.append(("N006", message))
    return notes
