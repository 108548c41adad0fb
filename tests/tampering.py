"""Bundles, reports and profiles that somebody changed: what is done to them, drawn from a seed."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from spear_deploy.storage import sha256

Random = random.Random
NUMBERS = (0, -1, 1, 3, 2**15, 2**31 - 1, 2**31, -(2**31) - 1, 2**63 - 1, 0.5, -0.5, 1e308, float("nan"), float("inf"))
JUNK: tuple[Any, ...] = (None, True, "", "x", "\x1b[31m\n", [], [1, [2]], {}, {"a": {"b": 1}}, *NUMBERS)


def rehash(folder: Path) -> None:
    """Make the manifest vouch for the files as they are now."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files"] = {name: sha256(folder / name) for name in manifest["files"]}
    path.write_text(json.dumps(manifest))


# Bundles: every one of these is not a bundle any more


def samples(folder: Path, rng: Random) -> str:
    """Samples or labels that are none for the program."""
    path = folder / "samples.npz"
    with np.load(path) as file:
        x, y = file["x"], file["y"]
    changes: dict[str, Callable[[], dict[str, Any]]] = {
        "NaN": lambda: {"x": np.where(rng.random() < 2, np.nan, x), "y": y},
        "other shape": lambda: {"x": x[..., : rng.randrange(1, x.shape[-1])], "y": y},
        "more axes": lambda: {"x": x[..., None], "y": y},
        "no axes": lambda: {"x": np.array(1), "y": y},
        "negative": lambda: {"x": x.astype(np.int16) - rng.randrange(1, 9), "y": y},
        "large": lambda: {"x": x.astype(np.int64) + 2 ** rng.randrange(9, 60), "y": y},
        "floats": lambda: {"x": x.astype(np.float32), "y": y},
        "empty": lambda: {"x": x[:0], "y": y[:0]},
        "no steps": lambda: {"x": x[:, :0], "y": y},
        "labels beyond": lambda: {"x": x, "y": y + rng.choice([3, 10, 2**40])},
        "labels below": lambda: {"x": x, "y": y - 9},
        "labels of floats": lambda: {"x": x, "y": y / 2},
        "fewer labels": lambda: {"x": x, "y": y[:-1]},
        "labels of two axes": lambda: {"x": x, "y": np.eye(3)[y]},
        "no labels": lambda: {"x": x},
        "no samples": lambda: {"y": y},
        "pickled": lambda: {"x": np.array([None, {}], dtype=object), "y": y},
        "texts": lambda: {"x": x.astype("U"), "y": y},
    }
    name = rng.choice(list(changes))
    np.savez(path, **changes[name]())
    return name


def damage(folder: Path, rng: Random) -> str:
    """A file that is cut, or other bytes altogether, of the right hash."""
    path = folder / rng.choice(["program.h5", "samples.npz", "manifest.json"])
    content = path.read_bytes()
    kept = content[: rng.randrange(len(content) - 100)] if rng.random() < 0.5 else rng.randbytes(rng.randrange(4000))
    path.write_bytes(kept)
    return f"{path.name} of {len(kept)} bytes"


def registers(folder: Path, rng: Random) -> str:
    """A register or weight that no chip holds, or of a population's shape no more."""
    with h5py.File(folder / "program.h5", "r+") as file:
        neurons = [group for group in file["populations"].values() if "vth" in group]
        group, name = rng.choice(neurons), rng.choice(["du", "dv", "vth", "bias_mant", "bias_exp", "scale"])
        if rng.random() < 0.3:
            group, name = rng.choice(list(file["projections"].values())), "weight"
        old = group[name][()]
        beyond = {"du": 5000, "dv": 5000, "vth": 2**26, "bias_mant": 2**31 - 1, "bias_exp": 31, "weight": 2**15}
        large = beyond.get(name)
        changes = {
            "floats": np.full(np.shape(old), np.nan),
            "texts": np.full(np.shape(old), "1", dtype=h5py.string_dtype()),
            "shape": np.ones((*np.shape(old), 2), old.dtype),
            "large": np.full(np.shape(old), -1.0 if large is None else large),
            "int64": np.full(np.shape(old), np.inf if large is None else 2 ** rng.randrange(33, 62)),
        }
        kind = rng.choice(list(changes))
        value = changes[kind].astype(np.int64) if kind in ("large", "int64") and large is not None else changes[kind]
        del group[name]
        group[name] = value
        return f"{group.name}/{name}: {kind}"


def structure(folder: Path, rng: Random) -> str:
    """A graph that is none: no outputs, unknown names, shapes and delays that cannot be."""
    with h5py.File(folder / "program.h5", "r+") as file:
        population = rng.choice(list(file["populations"].values()))
        projection = rng.choice(list(file["projections"].values()))
        strings = h5py.string_dtype()
        order = [str(name) for name in file.attrs["order"]]
        changes: list[tuple[Any, str, Any]] = [
            (file, "outputs", h5py.Empty(strings)),
            (file, "outputs", np.array(["absent"], strings)),
            (file, "outputs", np.array(["input"], strings)),
            (file, "outputs", np.array(order[-2:], strings)),
            (file, "order", np.array(order[:-1], strings)),
            (file, "order", np.array([*order, order[-1]], strings)),
            (file, "schema", rng.choice([0, 2, 2**40])),
            (file, "decay_bits", rng.choice([0, -1, 99])),
            (file, "state_bits", rng.choice([0, -1, 99])),
            (file, "chip", "another"),
            (population, "shape", np.array(rng.choice([[0], [-3], [2**40], [10**6, 10**6], []]), np.int64)),
            (population, "kind", rng.choice(["", "abacus"])),
            (population, "level", rng.choice([-1, 2**40])),
            (file["populations/input"], "max_value", rng.choice([0, -1, 2**40])),
            (file["populations/input"], "scale", rng.choice([0.0, -1.0, np.nan, np.inf])),
            (projection, "source", "absent"),
            (projection, "target", rng.choice(["absent", "input"])),
            (projection, "delay", rng.choice([-1, 2**40])),
            (projection, "weight_exp", rng.choice([-1, 99, 2**40])),
            (projection, "kind", "conv"),
        ]
        if population.name.endswith("/input"):
            changes = [each for each in changes if each[1] != "level"]
        group, name, value = rng.choice(changes)
        if name == "order" and len(value) < len(order) and "output" in order[:-1]:
            name, value = "schema", 0
        group.attrs[name] = value
        return f"{group.name}@{name} = {value}"


def missing(folder: Path, rng: Random) -> str:
    """An attribute, a register or a whole group that is not there."""
    with h5py.File(folder / "program.h5", "r+") as file:
        group = rng.choice([file, *file["populations"].values(), *file["projections"].values()])
        optional = {"largest", "decay_bits", "state_bits", "shift"}
        names = [*group, *(f"@{name}" for name in group.attrs if name not in optional)]
        if group.attrs.get("kind") == "input":
            names = [name for name in names if name != "@level"]
        name = rng.choice(names)
        del (group.attrs if name.startswith("@") else group)[name.removeprefix("@")]
        return f"{group.name} without {name}"


def manifest(folder: Path, rng: Random) -> str:
    """A manifest that says something else, or nothing."""
    path = folder / "manifest.json"
    held = json.loads(path.read_text())
    key = rng.choice(["schema", "target", "chip", "origin", "files"])
    held[key] = rng.choice([each for each in JUNK if not (key == "origin" and isinstance(each, dict))])
    path.write_text(json.dumps(held) if rng.random() < 0.9 else "[" * rng.randrange(1, 200_000))
    return f"manifest {key} = {held[key]!r}"


BUNDLES = (samples, damage, registers, structure, missing, manifest)


def tampered_bundle(sound: Path, folder: Path, seed: int) -> str:
    """Copy a bundle, change it, and let the manifest vouch for it; return what was done."""
    rng = Random(seed)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(sound, folder)
    change = rng.choice(BUNDLES)
    told = change(folder, rng)
    if change is not manifest and not told.startswith("manifest.json"):
        rehash(folder)
    return f"{change.__name__}: {told}"


# Reports


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    members = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, member in members for place in _places(member, (*path, key)))]


def tampered_report(report: Mapping[str, Any], seed: int) -> tuple[str, str]:
    """Return the text of a changed report, and what was done: one value is gone, another, or one too many."""
    rng = Random(seed)
    changed = json.loads(json.dumps(report))
    place = rng.choice(_places(changed)[1:])
    parent = changed
    for key in place[:-1]:
        parent = parent[key]
    how = rng.choice(["junk", "junk", "gone", "added", "text"])
    if how == "gone":
        del parent[place[-1]]
    elif how == "added" and isinstance(parent, dict):
        parent["added"] = 1
    else:
        parent[place[-1]] = rng.choice(JUNK)
    text = json.dumps(changed)
    if how == "text":
        cut = rng.randrange(len(text))
        text = rng.choice([text[:cut], text[:cut] + "\x00" + text[cut:], "[" * cut, text.replace("1", "1e999", 1)])
    return text, f"{how} at {'.'.join(map(str, place))}"


def contradictions(report: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return reports that follow the schema and say what their figures do not, by what was done."""

    def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        copy: dict[str, Any] = json.loads(json.dumps(report))
        change(copy)
        return copy

    budget = report["budgets"][0]
    forged: dict[str, Callable[[dict[str, Any]], object]] = {
        "within": lambda r: r.update(within=not r["within"]),
        "budget": lambda r: r["budgets"][0].update(within=not budget["within"]),
        "judged": lambda r: r["budgets"][0].update(judged=budget["limit"] * 2),
        "limit": lambda r: r["budgets"][0].update(limit=budget["judged"] / 2),
        "measured": lambda r: r["budgets"][0].update(measured=budget["measured"] / 2),
        "accuracy": lambda r: r["accuracy"].update(quantised=abs(r["accuracy"]["quantised"] - 0.01)),
        "drop": lambda r: r["accuracy"].update(drop=r["accuracy"]["drop"] - 1),
        "mean": lambda r: r["synops"]["measured"].update(mean=r["synops"]["measured"]["mean"] * 0.9),
        "spread": lambda r: r["synops"]["measured"].update(p50=r["synops"]["measured"]["max"] + 1),
        "samples": lambda r: r["synops"]["measured"].update(samples=r["data"]["test"] + 1),
        "layer": lambda r: r["layers"][0].update(synops_measured=r["layers"][0]["synops_measured"] + 10),
        "units": lambda r: r["layers"][0].update(units_after=r["layers"][0]["units_before"] + 1),
        "busiest": lambda r: r["bottleneck"].update(synops=r["bottleneck"]["synops"] + 10),
        "load": lambda r: r["pictures"]["cores"]["loads"].pop(),
        "cut": lambda r: r["pictures"]["cores"]["populations"][0]["cuts"][0].update(sizes=[1, 1]),
        "order": lambda r: r["pictures"]["cores"]["populations"][0]["cuts"][0].update(order=[0, 0]),
        "file": lambda r: r["hashes"].update({"program.h5": "0" * 64}),
    }
    return {name: changed(change) for name, change in forged.items()}


# Profiles


def tampered_profile(figures: Mapping[str, tuple[Any, str]], seed: int) -> tuple[str, str]:
    """Return the text of a profile that takes over loihi2 but for some figures, and what was done.

    ``figures`` are value and source by the dotted path.
    """
    rng = Random(seed)
    lines = ['inherits = "loihi2"']
    if rng.random() < 0.1:
        depth = rng.randrange(1, 5000)
        return f"{lines[0]}\nx = {'[' * depth}{']' * depth}\n", f"nested {depth} deep"
    chosen = rng.sample(sorted(figures), rng.randrange(1, 4))
    for path in chosen:
        value, source = figures[path]
        new = rng.choice([*JUNK, *([value * 2, value // 2, value + 1, -value] * 2 if type(value) is int else [])])
        lines.append(f"[{path}]\nvalue = {_toml(new)}\nsource = {json.dumps(source)}")
    return "\n".join(lines) + "\n", "; ".join(lines[1:]).replace("\n", " ")


def _toml(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return str(bool(value)).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {_toml(member)}' for key, member in value.items())} }}"
    return json.dumps(value) if isinstance(value, str) else repr(value)
