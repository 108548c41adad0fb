"""What the recorders of all frameworks share: the layer, its input, and the files that they leave for the tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from spear_deploy.errors import SpearError
from spear_deploy.frontends import Imported, save

INPUTS, NEURONS, STEPS = 64, 400, 300


@dataclass(frozen=True)
class Case:
    """A module; most are a layer of neurons behind a linear one.

    ``run`` gives its output (T, N) on input (T, *shape), ``load`` imports it from the live module (None:
    there is no such import), ``graph`` exports it as NIR with the framework's exporter (None: that refuses).
    """

    name: str
    run: Callable[[Tensor], Tensor]
    load: Callable[[], Imported] | None
    graph: Callable[[], Any] | None = None
    shape: tuple[int, ...] = (INPUTS,)


def linear(scale: float = 1.0) -> nn.Linear:
    """Return a Linear with fixed random weights; ``scale`` makes the neurons behind it neither silent nor saturated.

    The weights lie on no grid, on which sums would meet thresholds all the time and rounding decide.
    """
    layer = nn.Linear(INPUTS, NEURONS, bias=False)
    weight = np.random.default_rng(7).normal(0.05, 0.25, (NEURONS, INPUTS)) * scale
    layer.weight = nn.Parameter(torch.tensor(weight, dtype=torch.float32))
    return layer


def louder(net: nn.Module, factor: float = 3.0, mean: float = 0.1) -> nn.Module:
    """Return a network with larger weights and moved statistics: as initialised, deep layers are silent."""
    torch.manual_seed(5)
    for layer in net.modules():
        if isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d):
            nn.init.normal_(layer.weight, mean, factor / layer.weight[0].numel() ** 0.5)
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.running_mean, -0.5, 0.5)
            nn.init.uniform_(layer.running_var, 0.5, 2.0)
    return net


def record(folder: Path, cases: list[Case]) -> None:
    """Write, for every case, NAME.npz with input and output, NAME.nir, and what the live import gives.

    That is NAME.live.nir, or NAME.refused with the errors.
    """
    import nir

    for case in cases:
        x = (np.random.default_rng(11).random((STEPS, *case.shape)) < 0.25).astype(np.float32)
        if case.graph is not None:
            nir.write(folder / f"{case.name}.nir", case.graph())
        with torch.no_grad():
            spikes = case.run(torch.from_numpy(x)).numpy()
        np.savez(folder / f"{case.name}.npz", x=x, spikes=spikes)
        if case.load is None:
            continue
        try:
            imported = case.load()
        except SpearError as error:
            (folder / f"{case.name}.refused").write_text(str(error), encoding="utf-8")
        else:
            save(folder / f"{case.name}.live.nir", imported.network, imported.semantics)
