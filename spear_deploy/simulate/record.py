"""Recording a float network on an input: spikes and membranes of every population."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from numpy.typing import NDArray

from spear_deploy.execution import Execution
from spear_deploy.network import Network
from spear_deploy.recording import Recording, as_inputs
from spear_deploy.simulate.simulator import FloatSimulator
from spear_deploy.simulate.tensors import to_tensor

_BATCH_VALUES = 1 << 25
"""Values of one batch over all populations and steps: 128 MiB in single precision."""


def simulate(
    network: Network, x: NDArray[Any] | Mapping[str, NDArray[Any]], execution: Execution | None = None
) -> Recording:
    """Run a float network on ``x`` (steps, samples, *shape); for several inputs, a mapping by name.

    Returns spikes and membranes of every population, (steps, samples, *shape), by name.
    Raises :class:`~spear_deploy.errors.InputError` (E005) as :func:`~spear_deploy.recording.as_inputs` does.
    """
    execution = execution or Execution()
    inputs = as_inputs({port.name: port.shape for port in network.inputs}, x)
    steps, samples = next(iter(inputs.values())).shape[:2]
    size = sum(population.size for population in network.populations)
    batch = max(1, _BATCH_VALUES // (size * steps))
    simulator = FloatSimulator(network).to(execution.device)
    parts = []
    with execution.applied(), torch.no_grad():
        for start in range(0, samples, batch):
            chosen = {name: values[:, start : start + batch] for name, values in inputs.items()}
            parts.append(_record(simulator, chosen, execution.device))
    return Recording.concatenate(parts)


def _record(simulator: FloatSimulator, inputs: Mapping[str, NDArray[Any]], device: str) -> Recording:
    membranes: dict[str, torch.Tensor] = {}
    outputs = simulator({name: to_tensor(values, device) for name, values in inputs.items()}, membranes)
    firing = [p.name for p in simulator.structure.neurons if not p.neuron.is_readout]
    spikes = {name: outputs[name].cpu().numpy() for name in firing}
    return Recording({**inputs, **spikes}, {name: v.cpu().numpy() for name, v in membranes.items()})
