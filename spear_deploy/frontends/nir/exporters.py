"""Recognising the exporter of a file by its neurons: a hint for the user, never acted on.

The marks of an exporter are the types of its neurons, and how it scales r, tau and w_in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np

from spear_deploy.frontends.nir.dt import Float64, lambert_w
from spear_deploy.frontends.nir.file import NirGraph, NirNode
from spear_deploy.frontends.nir.neurons import NEURON_TYPES

_DT = 1e-4  # fixed in snnTorch and lava-dl's script
_CLOSE = 1e-4

Fields: TypeAlias = Mapping[str, Float64]


def likely_exporters(graph: NirGraph) -> list[str]:
    """Return the presets whose exporters write neurons like those of a flat graph; [] if fields are damaged."""
    neurons = [node for node in graph.nodes.values() if node.type in NEURON_TYPES]
    try:
        marked = [(node.type, _fields(node)) for node in neurons]
        with np.errstate(all="ignore"):
            return [name for name, mark in _MARKS.items() if marked and all(mark(*neuron) for neuron in marked)]
    except (TypeError, ValueError):
        return []


def _fields(node: NirNode) -> Fields:
    fields = {key: np.asarray(value, np.float64) for key, value in node.values.items() if key != "metadata"}
    missing = [key for key in NEURON_TYPES[node.type] if not fields.get(key, np.empty(0)).size]
    if missing:
        raise ValueError(f"{', '.join(missing)} is missing")
    return fields


def _snntorch(kind: str, fields: Fields) -> bool:
    return kind in ("LIF", "CubaLIF") and _unit_gain(fields, _DT) and _zero(fields, "v_leak", "v_reset")


def _lava_dl(kind: str, fields: Fields) -> bool:
    return kind == "CubaLIF" and _snntorch(kind, fields)


def _norse(kind: str, fields: Fields) -> bool:
    return kind in ("IF", "LI", "LIF", "CubaLIF") and _are(fields, 1.0, "r", "w_in")


def _spikingjelly(kind: str, fields: Fields) -> bool:
    if kind == "IF":
        return not _are(fields, 1.0, "r")
    if kind == "LIF":
        unit = _are(fields, 1.0, "r") or (bool(np.all(fields["r"] > 1)) and _constant(fields["tau"] / fields["r"]))
        return unit and np.array_equal(fields["v_leak"], fields.get("v_reset", 0 * fields["v_leak"]))
    if kind == "CubaLIF":
        steps = fields["tau_mem"] / fields["r"]
        return _constant(steps) and _unit_gain(fields, float(steps.flat[0])) and _zero(fields, "v_leak")
    return False


def _sinabs(kind: str, fields: Fields) -> bool:
    in_steps = bool(np.all(fields.get("tau", np.ones(1)) >= 1))
    return kind in ("IF", "LI", "LIF") and _are(fields, 1.0, "r") and in_steps and _zero(fields, "v_leak", "v_reset")


def _rockpool(kind: str, fields: Fields) -> bool:
    if kind not in ("LI", "LIF", "CubaLIF") or not _are(fields, 1.0, "w_in") or bool(np.any(fields["r"] <= 0)):
        return False
    tau = fields["tau_mem" if kind == "CubaLIF" else "tau"]
    marked = not _constant(tau / fields["r"]) or not _is_power(float((tau / fields["r"]).flat[0]))
    return marked and _constant(tau * lambert_w(1.0 / fields["r"])) and not _are(fields, 1.0, "r")


_MARKS: dict[str, Callable[[str, Fields], bool]] = {
    "snntorch": _snntorch,
    "norse": _norse,
    "spikingjelly": _spikingjelly,
    "sinabs": _sinabs,
    "rockpool": _rockpool,
    "lava-dl": _lava_dl,
}


EXPORTERS = tuple(_MARKS)
"""Presets whose exporters can be recognised."""


def _unit_gain(fields: Fields, dt: float) -> bool:
    tau = fields["tau"] if "tau" in fields else fields["tau_mem"]
    membrane = _near(fields["r"] * dt, tau)
    return membrane and ("tau_syn" not in fields or _near(fields.get("w_in", np.ones(1)) * dt, fields["tau_syn"]))


def _near(one: Float64, other: Float64) -> bool:
    return one.shape in (other.shape, (), (1,)) and bool(np.allclose(one, other, rtol=_CLOSE, atol=0, equal_nan=False))


def _constant(values: Float64) -> bool:
    return bool(np.all(np.abs(values - values.flat[0]) <= _CLOSE * np.abs(values.flat[0])))


def _are(fields: Fields, value: float, *keys: str) -> bool:
    return all(bool(np.all(fields[key] == value)) for key in keys if key in fields)


def _zero(fields: Fields, *keys: str) -> bool:
    return _are(fields, 0.0, *keys)


def _is_power(value: float) -> bool:
    exponent = np.log10(value)
    return bool(abs(exponent - np.rint(exponent)) < _CLOSE)
