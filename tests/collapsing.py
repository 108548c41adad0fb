"""A network that collapses on a chip: trained, as its file says, with steps too coarse for what it weighs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spear_deploy.data import Dataset, SpikeSamples, Split
from spear_deploy.frontends import Imported, Semantics
from spear_deploy.network import Input, Linear, Network, Neuron, Population, Projection

STEPS = 6


def collapsing() -> Imported:
    """Two neurons that fire where their input does, on top of 1000 - 999.4 from two inputs that always fire.

    In steps of 1 / 0.6 the two large weights cancel out, and the small one vanishes.
    """
    first = np.array([[1000.0, -999.4, 0.6, 0.0], [1000.0, -999.4, 0.0, 0.6]], np.float32)
    hidden = Population("hidden", (2,), _relay(), resolution=np.asarray(0.6))
    populations = (Input("in", (4,)), hidden, Population("out", (2,), _relay()))
    ends = (("w1", "in", "hidden", first), ("w2", "hidden", "out", 2 * np.eye(2, dtype=np.float32)))
    projections = tuple(Projection(name, source, target, (Linear(weight),)) for name, source, target, weight in ends)
    return Imported(Network(populations, projections, ("out",)), Semantics(dt=1.0), ())


def two_classes(samples: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Samples of which class k drives input 2 + k in every step, and their classes."""
    y = np.arange(samples) % 2
    x = np.ones((samples, STEPS, 4), np.uint8)
    x[:, :, 2] = (y == 0)[:, None]
    x[:, :, 3] = (y == 1)[:, None]
    return x, y


def two_classes_split() -> Dataset:
    """The same, as training, validation and test parts."""
    x, y = two_classes()
    samples, indices = SpikeSamples(x), np.arange(len(x))
    return Dataset("two", *(Split(samples, y, part) for part in np.split(indices, [20, 30])))


def two_classes_file(path: Path) -> Path:
    """The same, as ``--data`` takes them."""
    x, y = two_classes()
    np.savez(path, x_train=x[:30], y_train=y[:30], x_test=x[30:], y_test=y[30:])
    return path


def _relay() -> Neuron:
    zero, one = np.zeros(2, np.float32), np.ones(2, np.float32)
    return Neuron(alpha=zero, beta=zero, gain=one, bias=zero, reset_value=zero, threshold=one)
