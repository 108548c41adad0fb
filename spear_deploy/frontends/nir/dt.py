"""Recovering the time step that a NIR file implies.

NIR has no dt, but exporters that scale weights to a unit gain leave it in the resistance::

    r = tau/dt (w_in = tau_syn/dt)      snnTorch, lava-dl's script, SpikingJelly without decay_input
    r = 1/dt                            SpikingJelly's IF
    r = tau/dt * exp(-dt/tau)           Rockpool:  dt = tau * W0(1/r), W0 Lambert's function
    r = 1                               Norse, sinabs, SpikingJelly: nothing is known
"""

from __future__ import annotations

from math import floor, log10

import numpy as np
from numpy.typing import NDArray

from spear_deploy.errors import Finding, InputError
from spear_deploy.frontends.nir.file import NirGraph, NirNode
from spear_deploy.frontends.semantics import Semantics

Float64 = NDArray[np.float64]

AGREEMENT = 1e-3
"""Relative difference up to which two time steps are the same: Rockpool's and snnTorch's rules differ by more."""

TIMES = ("tau", "tau_mem", "tau_syn", "delay")
"""Fields that are times."""

_UNIFORM = 1e-4
_ROUND = 2e-5


def recover_dt(graph: NirGraph) -> tuple[float | None, list[Finding]]:
    """Return the time step that the nodes of a flat graph imply, or None with findings (E023) if they contradict."""
    implied: dict[str, float] = {}
    for name, node in sorted(graph.nodes.items()):
        try:
            with np.errstate(all="ignore"):  # of parameters that no neuron could have
                step = implied_dt(node)
        except (TypeError, ValueError):
            continue  # the node's own finding will say why
        if step is not None:
            implied[name] = step
    if not implied:
        return None, []
    dt = next(iter(implied.values()))
    if all(abs(other - dt) <= AGREEMENT * dt for other in implied.values()):
        return float(f"{dt:.6g}"), []
    listed = ", ".join(f"{name}: {value:.4g}" for name, value in implied.items())
    return None, [Finding("E023", "graph", f"nodes imply different time steps ({listed})", "give --dt")]


def default_dt(graph: NirGraph, semantics: Semantics, preset: str) -> list[Finding]:
    """Return a note (N008) on a preset's default dt that nothing in a flat graph confirms.

    Raises :class:`InputError` (E023) if the graph implies another one.
    """
    implied, _ = recover_dt(graph)
    dt = semantics.dt
    if dt is None or (implied is not None and abs(implied - dt) <= AGREEMENT * implied):
        return []
    if implied is not None:
        message = f"the file implies a time step of {implied:.4g}, the preset's is {dt:.4g}"
        raise InputError.of("E023", "graph", message, f"give --dt {implied:.4g}, or another preset")
    times = _times_in_steps(graph, dt)
    if not times:
        return []
    message = f"{dt:g} is only the default of {preset}: the file does not confirm it. It makes {', '.join(times)} steps"
    return [Finding("N008", "dt", message, "give --dt if it was exported with another one", "note")]


def _times_in_steps(graph: NirGraph, dt: float) -> list[str]:
    """Return the graph's times in steps, as text by field."""
    held: dict[str, list[Float64]] = {}
    for _, node in sorted(graph.nodes.items()):
        for key in TIMES:
            array = _numbers(node, key) if key in node.values else None
            if array is not None and array.any():
                held.setdefault(key, []).append(array / dt)
    ranges = {key: (min(a.min() for a in arrays), max(a.max() for a in arrays)) for key, arrays in held.items()}
    return [f"{key} {low:.4g}" + (f" to {high:.4g}" if high > low else "") for key, (low, high) in ranges.items()]


def implied_dt(node: NirNode) -> float | None:
    """Return the time step that one node implies, or None; raise TypeError or ValueError for damaged fields."""
    if node.type not in ("I", "IF", "LI", "LIF", "CubaLI", "CubaLIF"):
        return None
    r, tau = _numbers(node, "r"), _numbers(node, "tau_mem" if node.type.startswith("Cuba") else "tau")
    if r is None or np.any(r <= 0) or np.allclose(r, 1.0):
        return None
    if node.type in ("I", "IF"):
        return _common(1.0 / r)
    if tau is None or np.any(tau <= 0):
        return None
    by_quotient, by_lambert = _common(tau / r), _common(tau * lambert_w(1.0 / r))
    if node.type.startswith("Cuba"):
        synapse, w_in = _numbers(node, "tau_syn"), _numbers(node, "w_in")
        quotient = None if synapse is None else _common(synapse / (1.0 if w_in is None else w_in))
        if by_quotient is not None and quotient is not None and abs(by_quotient - quotient) <= AGREEMENT * quotient:
            return by_quotient
        return by_lambert if w_in is None or np.allclose(w_in, 1.0) else None
    varied = np.ptp(tau) > _UNIFORM * tau.max()  # with several tau a common quotient is evidence enough
    for candidate in (by_quotient, by_lambert):
        if candidate is not None and (varied or _is_round(candidate)):
            return candidate
    return None


def lambert_w(x: Float64) -> Float64:
    """Return the principal branch of Lambert's W, ``w * exp(w) = x``, for x >= 0 (Newton's method)."""
    w = np.log1p(x)  # above the solution, from where Newton's method falls to it: w * exp(w) is convex
    for _ in range(50):
        step = (w - x * np.exp(-w)) / (1.0 + w)
        w = w - step
        if np.all(np.abs(step) <= 1e-15 * np.abs(w)):
            break
    return w


def _numbers(node: NirNode, key: str) -> Float64 | None:
    raw = node.values.get(key)
    array = None if raw is None else np.asarray(raw, np.float64)
    return array if array is not None and array.size and np.all(np.isfinite(array)) else None


def _common(values: Float64) -> float | None:
    """Return the value shared by all, or None."""
    middle = float(np.median(values))
    return middle if middle > 0 and np.all(np.abs(values - middle) <= _UNIFORM * middle) else None


def _is_round(value: float) -> bool:
    """Whether two digits give the value, to the precision of float32 parameters."""
    unit = 10.0 ** (floor(log10(value)) - 1)
    return abs(value / unit - round(value / unit)) * unit <= _ROUND * value
