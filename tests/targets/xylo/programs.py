"""Random programs of every kind that the chip takes, mild and extreme, and input for them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from spear_deploy.network.synapses import DenseSynapses
from spear_deploy.targets.ports import InputPort
from spear_deploy.targets.xylo.program import Shifts, XyloPopulation, XyloProgram

Generator = np.random.Generator


def random_program(seed: int) -> XyloProgram:
    """Return one or two hidden populations, recurrent or not, and outputs; registers to their limits if extreme."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(["mild", "strong", "extreme", "sparse"])
    sizes = {"input": int(rng.integers(1, 17)), "first": int(rng.integers(1, 24))}
    if rng.random() < 0.5:
        sizes["second"] = int(rng.integers(1, 12))
    sizes["out"] = int(rng.integers(1, 9))
    names = list(sizes)

    def population(name: str, depth: int) -> XyloPopulation:
        size, is_output = sizes[name], name == "out"
        most = {"extreme": 32767, "strong": 4000}.get(kind, 600)
        dashes = (0, 16) if kind == "extreme" else (1, 8)
        biases = (-32768, 32768) if kind == "extreme" else (-60, 61)
        registers = (rng.integers(*dashes, size), rng.integers(*dashes, size), rng.integers(1, most, size))
        bias = rng.integers(*biases, size) * (rng.random() < 0.7)
        arrays = (np.asarray(a, np.int32) for a in (*registers, bias))
        return XyloPopulation(name, (size,), is_output, depth, np.ones(size), *arrays)

    def synapses(source: str, target: str) -> DenseSynapses:
        shape = sizes[target], sizes[source]
        weight = rng.integers(-128, 128, shape)
        if kind == "mild":
            weight //= 8
        exists = rng.random(shape) < (0.15 if kind == "sparse" else 0.7)
        return DenseSynapses(f"{source}-{target}", source, target, (weight * exists).astype(np.int32))

    pairs = list(pairwise(names))
    pairs += [(name, name) for name in names[1:-1] if rng.random() < 0.6]
    if "second" in sizes and rng.random() < 0.4:
        pairs.append(("second", "first"))
    if "second" in sizes and rng.random() < 0.4:
        pairs.append(("first", "out"))
    shifts = Shifts(*(int(s) for s in rng.integers(0, 9 if kind == "extreme" else 4, 3)))
    populations = tuple(population(name, depth) for depth, name in enumerate(names[1:]))
    port = InputPort("input", (sizes["input"],), 15)
    return XyloProgram("", (port,), populations, tuple(synapses(*pair) for pair in pairs), shifts, ("out",))


def random_events(program: XyloProgram, steps: int, samples: int, seed: int) -> np.ndarray:
    """Return numbers of events (T, B, channels): seldom, often, or many at once."""
    rng = np.random.default_rng(seed)
    shape = (steps, samples, *program.inputs[0].shape)
    most = rng.choice([1, 3, 15])
    return (rng.integers(0, most + 1, shape) * (rng.random(shape) < rng.choice([0.05, 0.5]))).astype(np.uint8)
