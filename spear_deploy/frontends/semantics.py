"""Semantics: how a NIR file is to be read, that is, what NIR itself does not define.

NIR has no dt, no integrator, no reset kind or time, no comparison and no spike count (facts: the NIR
paper's N-MNIST network fires 19,088 or 82,424 spikes a sample depending on them, at equal accuracy).
A :class:`Semantics` states them.  Presets follow each exporter's own code.
"""

from __future__ import annotations

import difflib
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

from spear_deploy.errors import Finding, InputError
from spear_deploy.storage import exists

Integration = Literal["euler", "exponential"]
Gain = Literal["literal", "unit"]
CurrentGain = Literal["literal", "unit", "decayed"]
Reset = Literal["value", "zero", "subtract"]
Comparison = Literal["gt", "ge"]
Spikes = Literal["binary", "integer"]
Start = Literal["reset", "leak"]


@dataclass(frozen=True)
class Semantics:
    """The conventions of the tool that wrote a NIR file.

    Attributes:
        dt: time step in the unit of the file's time constants; None: recover it from the file.
        integration: ``euler``: a decay is 1 - dt/tau; ``exponential``: exp(-dt/tau).
        current_gain: what an input adds to a synaptic current: ``literal`` w_in * (1 - decay), ``unit`` 1,
            ``decayed`` the decay itself (it is added before the current decays).  A tool that does the latter
            has no LI but a current that is read, whose gain is that too, whatever ``gain``.
        gain: what a current adds to the membrane: ``literal`` r * (1 - decay), ``unit`` 1.
        if_gain: the same for IF and I: ``literal`` r * dt, ``unit`` 1.
        reset: ``value`` to v_reset, ``zero`` to 0, ``subtract`` the threshold.
        reset_delay: the reset acts in the step after the spike (snnTorch's ``reset_delay=True``).  A late reset to zero
            blanks that step; for LIF and IF without feedback it is an immediate one (snnTorch's Leaky).
        compare: a spike at v > threshold (``gt``) or v >= threshold (``ge``).
        spikes: at most one per step (``binary``), or floor(v / threshold) (``integer``).
        floor: lowest membrane value, or None.
        start: the membrane before the first step: what a ``reset`` sets it to (0 if that subtracts), or ``leak``:
            v_leak, of neurons that have one (Norse).
    """

    dt: float | None = None
    integration: Integration = "euler"
    current_gain: CurrentGain = "literal"
    gain: Gain = "literal"
    if_gain: Gain = "literal"
    reset: Reset = "value"
    reset_delay: bool = False
    compare: Comparison = "gt"
    spikes: Spikes = "binary"
    floor: float | None = None
    start: Start = "reset"

    def to_json(self) -> str:
        """Return the text that is stored in the metadata of NIR files."""
        stored = {_STORED_NAMES.get(name, name): value for name, value in asdict(self).items()}
        return json.dumps(stored, sort_keys=True)


_STORED_NAMES = {"reset_delay": "late"}
"""Fields with another name in format 1 of the metadata, which existing files have."""

PRESETS: dict[str, tuple[Semantics, str]] = {
    "nir": (
        Semantics(),
        "the literal NIR equations, forward Euler, reset to v_reset in the same step; needs --dt",
    ),
    "snntorch": (
        Semantics(dt=1e-4, current_gain="unit", gain="unit", if_gain="unit", reset="subtract", reset_delay=True),
        "snnTorch 1.0: dt 1e-4, subtracts the threshold one step late; with reset_mechanism='zero' add --reset zero",
    ),
    "norse": (
        Semantics(current_gain="unit", if_gain="unit", start="leak"),
        "Norse: forward Euler, starts at v_leak, resets to v_reset in the same step; needs --dt (its default is 1e-3)",
    ),
    "spikingjelly": (
        Semantics(dt=1e-4, if_gain="unit", compare="ge"),
        "SpikingJelly 2: dt 1e-4 unless exported with another, hard reset, fires at v >= threshold",
    ),
    "sinabs": (
        Semantics(dt=1.0, integration="exponential", if_gain="unit", reset="subtract", compare="ge", spikes="integer"),
        "sinabs 3: time constants in steps, several spikes a step, subtract; IAF with min_v_mem: add --floor",
    ),
    "rockpool": (
        Semantics(
            integration="exponential",
            current_gain="decayed",
            gain="unit",
            if_gain="unit",
            reset="subtract",
            compare="ge",
            spikes="integer",
        ),
        "Rockpool 3: exponential decays, several spikes a step, subtract; the file implies dt",
    ),
    # slayer's threshold lies 0.01 of its state's resolution higher: that never decides, so it is a plain >=.
    "lava-dl": (
        Semantics(dt=1e-4, current_gain="unit", gain="unit", if_gain="unit", reset="zero", compare="ge"),
        "lava-dl's CUBA through NIR's script: dt 1e-4, unit gains, reset to 0, fires at v >= threshold",
    ),
    "lava": (
        Semantics(current_gain="unit", gain="unit", if_gain="unit", reset="zero"),
        "Lava's LIF process: unit gains, reset to 0 in the same step; needs --dt where the file does not imply it",
    ),
}
"""Presets by name: semantics and a line of help."""


def preset(name: str) -> Semantics:
    """Return a preset; raise :class:`InputError` (E008) with the nearest name for an unknown one."""
    if name in PRESETS:
        return PRESETS[name][0]
    near = difflib.get_close_matches(name.lower(), PRESETS, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise InputError.of("E008", f"--semantics {name}", "no such preset or file", f"{hint}presets: {', '.join(PRESETS)}")


def from_mapping(values: Mapping[str, Any], where: str) -> Semantics:
    """Build semantics from a table: optional ``preset``, and fields that override it.

    Raises :class:`InputError` (E008) listing every unknown key or value at once.
    """
    base = preset(str(values["preset"])) if "preset" in values else Semantics()
    fields = {key: value for key, value in values.items() if key != "preset"}
    check_fields(fields, where)
    return replace(base, **fields)


def check_fields(values: Mapping[str, Any], where: str) -> None:
    """Raise :class:`InputError` (E008) listing every unknown field and every invalid value."""
    hints = get_type_hints(Semantics)
    findings = []
    for key, value in values.items():
        if key not in hints:
            message = "no such field of semantics"
            findings.append(Finding("E008", f"{where}: {key}", message, f"fields: {', '.join(hints)}"))
        elif not _fits(value, hints[key]):
            texts = " or ".join(repr(c) for c in get_args(hints[key]) if isinstance(c, str))
            choices = texts or ("true or false" if hints[key] is bool else "a number")
            findings.append(Finding("E008", f"{where}: {key}", f"{value!r} is not a valid value", f"use {choices}"))
    if findings:
        raise InputError(findings)


def resolve_semantics(name: str) -> Semantics:
    """Return a preset, or the semantics in a TOML file of that path; raise :class:`InputError` (E001, E008)."""
    path = Path(name)
    names_file = name not in PRESETS and (path.suffix == ".toml" or exists(path))
    return from_toml(path) if names_file else preset(name)


def from_toml(path: Path) -> Semantics:
    """Read semantics from a TOML file; raise :class:`InputError` (E001, E008) if it cannot be used."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return from_mapping(tomllib.loads(path.read_text(encoding="utf-8")), str(path))
    except OSError as error:
        raise InputError.of("E001", path, f"cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError.of("E008", path, f"is not TOML: {error}") from error


def from_json(text: str, where: str) -> Semantics:
    """Read what :meth:`Semantics.to_json` wrote."""
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError.of("E003", where, f"its stored semantics are not JSON: {error}") from error
    if not isinstance(values, dict):
        raise InputError.of("E003", where, "its stored semantics are not a table")
    names = {stored: name for name, stored in _STORED_NAMES.items()}
    return from_mapping({names.get(str(key), str(key)): value for key, value in values.items()}, where)


def _fits(value: Any, hint: Any) -> bool:
    if hint is bool:
        return isinstance(value, bool)
    options = get_args(hint)
    if float in options:
        return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))
    return isinstance(value, str) and value in options
