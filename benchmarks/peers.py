"""The float peers of the emulator: snnTorch eager, a step compiled by torch, and JAX's compiled scan.

Each simulates the same LIF network on the same spikes in float32 and keeps no spikes but the output's counts.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import snntorch
import torch
import torch.nn.functional as functional
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.networks import BETA
from spear_deploy.network import AvgPool2d, Conv2d, Flatten, Linear, LinearOp, Network

Run = Callable[[], float]
"""Runs everything once and returns the seconds that it took."""
State = dict[str, Tensor]


class Step(nn.Module):
    """One time step of a network: (input, spikes and membranes of the step before) to those of this one."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network
        self.weights = nn.ParameterDict()
        for projection in network.projections:
            for index, op in enumerate(projection.ops):
                if isinstance(op, Conv2d | Linear):
                    weight = torch.tensor(op.weight)
                    if weight.ndim == 4:
                        weight = weight.contiguous(memory_format=torch.channels_last)
                    self.weights[f"{projection.name}-{index}"] = nn.Parameter(weight, requires_grad=False)

    def fire(self, name: str, total: Tensor, membrane: Tensor) -> tuple[Tensor, Tensor]:
        """Return spikes and the membrane that is left."""
        v = BETA * membrane + total
        fired = v > 1.0
        return fired.to(v.dtype), torch.where(fired, 0.0, v)

    def forward(self, x: Tensor, before: State, membranes: State) -> tuple[State, State]:
        """Advance all populations."""
        sent, after = {self.network.inputs[0].name: x}, {}
        for population in self.network.neurons:
            total: Tensor | None = None
            for projection in self.network.into(population.name):
                y = (before if projection.delay else sent)[projection.source]
                for index, op in enumerate(projection.ops):
                    y = operate(op, self.weights.get(f"{projection.name}-{index}"), y)
                total = y if total is None else total + y
            assert total is not None
            sent[population.name], after[population.name] = self.fire(
                population.name, total, membranes[population.name]
            )
        return {name: value for name, value in sent.items() if name in after}, after

    def zeros(self, batch: int) -> State:
        """Return the states that a run starts with."""
        where = next(iter(self.weights.values())).device
        return {p.name: torch.zeros(batch, *p.shape, device=where) for p in self.network.neurons}


class SnnTorchStep(Step):
    """The same with snnTorch's neurons."""

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        names = [population.name for population in network.neurons]
        self.cells = nn.ModuleDict({name: snntorch.Leaky(beta=BETA, reset_mechanism="zero") for name in names})

    def fire(self, name: str, total: Tensor, membrane: Tensor) -> tuple[Tensor, Tensor]:
        """Return spikes and the membrane, which the next step resets."""
        spikes, after = self.cells[name](total, membrane)
        return spikes, after


def operate(op: LinearOp, weight: Tensor | None, x: Tensor) -> Tensor:
    """Apply an operation to a batch."""
    match op:
        case Conv2d():
            assert weight is not None
            return functional.conv2d(x, weight, None, op.stride, op.padding, op.dilation, op.groups)
        case Linear():
            assert weight is not None
            return functional.linear(x, weight)
        case AvgPool2d():
            return functional.avg_pool2d(x, op.kernel, op.stride, op.padding)
        case Flatten():
            return x.flatten(1)
        case _:
            raise AssertionError(f"no peer has {type(op).__name__}")


def run_of(network: Network, advance: Callable[..., Any], zeros: State, x: NDArray[np.uint8]) -> Run:
    """Return the run of all steps, one after the other."""
    spikes, output = torch.from_numpy(x).float(), network.outputs[0]
    if spikes.ndim == 5:
        spikes = torch.stack([step.contiguous(memory_format=torch.channels_last) for step in spikes])

    def run() -> float:
        start = time.perf_counter()
        with torch.inference_mode():
            sent, membranes = zeros, zeros
            counts = torch.zeros_like(zeros[output])
            for step in spikes:
                sent, membranes = advance(step, sent, membranes)
                counts += sent[output]
        return time.perf_counter() - start

    return run


def snntorch_run(network: Network, x: NDArray[np.uint8]) -> Run:
    """Return snnTorch, eager."""
    step = SnnTorchStep(network)
    return run_of(network, step, step.zeros(x.shape[1]), x)


def compiled_run(network: Network, x: NDArray[np.uint8]) -> Run:
    """Return a step that torch compiled."""
    step = Step(network)
    torch._dynamo.reset()
    return run_of(network, torch.compile(step, dynamic=False), step.zeros(x.shape[1]), x)


@contextmanager
def jax_run(python: Path, network: Network, x: NDArray[np.uint8], threads: int) -> Iterator[Run]:
    """Give JAX's compiled scan, in a process of ``python``, which has it, on as many processors as ``threads``."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "network.npz"
        np.savez(file, x=np.moveaxis(x, 2, -1) if x.ndim == 5 else x, **_described(network))
        command = [str(python), str(Path(__file__).with_name("jax_peer.py")), str(file)]
        cores = sorted(os.sched_getaffinity(0))[:threads]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        with subprocess.Popen(["taskset", "-c", ",".join(map(str, cores)), *command], **pipes) as child:

            def run() -> float:
                assert child.stdin is not None
                assert child.stdout is not None
                child.stdin.write("run\n")
                child.stdin.flush()
                return float(child.stdout.readline())

            try:
                yield run
            finally:
                child.kill()


def _described(network: Network) -> dict[str, Any]:
    """Return the arrays of the file that the child reads; channels come last."""
    arrays: dict[str, Any] = {}
    projections = []
    for projection in network.projections:
        ops = []
        for op in projection.ops:
            told: dict[str, Any] = {"kind": type(op).__name__}
            if isinstance(op, Conv2d | Linear):
                told["weight"] = f"w{len(arrays)}"
                arrays[told["weight"]] = op.weight.T if isinstance(op, Linear) else op.weight.transpose(2, 3, 1, 0)
            if isinstance(op, Conv2d):
                told |= {"stride": op.stride, "padding": op.padding, "groups": op.groups}
            if isinstance(op, AvgPool2d):
                told |= {"kernel": op.kernel, "stride": op.stride}
            ops.append(told)
        ends = {"source": projection.source, "target": projection.target, "delay": projection.delay}
        projections.append({**ends, "ops": ops})
    shapes = [(p.name, (*p.shape[1:], p.shape[0]) if len(p.shape) == 3 else p.shape) for p in network.neurons]
    ends = {"input": network.inputs[0].name, "output": network.outputs[0], "beta": BETA}
    described = json.dumps({"populations": shapes, "projections": projections, **ends})
    return {"network": np.array(described), **arrays}
