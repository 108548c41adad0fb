"""The file in which a backend reads a sigma-delta program: HDF5, integers only; see ``docs/sigma_delta.md``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spear_deploy.network.synapses import ConvSynapses
from spear_deploy.storage import atomic_hdf5
from spear_deploy.targets.loihi.sigma_delta.program import SigmaDeltaProgram

SCHEMA = 1


def write_program(path: Path, program: SigmaDeltaProgram) -> None:
    """Write a program atomically; equal programs give equal bytes."""
    (port,), incoming = program.inputs, {each.target: each for each in program.synapses}
    with atomic_hdf5(path) as file:
        file.attrs.update({"schema": SCHEMA, "chip": program.chip})
        file.attrs["order"] = [population.name for population in program.populations]
        file.create_group("input").attrs.update({"name": port.name, "shape": port.shape, "max_value": port.max_value})
        for population in program.populations:
            group = file.create_group(f"populations/{population.name}")
            group.attrs.update({"kind": population.kind, "shape": population.shape})
            group.attrs.update({"activation": population.activation, "cumulative_error": population.cumulative_error})
            group.attrs.update({"spike_exp": population.spike_exp, "state_exp": population.state_exp})
            group.attrs["threshold"] = population.threshold
            group.create_dataset("bias", data=population.bias.astype(np.int32))
            synapses = incoming.get(population.name)
            if synapses is None:
                continue
            weight = group.create_dataset("weight", data=synapses.weight.astype(np.int16), compression="gzip")
            if isinstance(synapses, ConvSynapses):
                for name in ("stride", "padding", "dilation", "groups"):
                    weight.attrs[name] = getattr(synapses, name)
