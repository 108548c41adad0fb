"""The energy of a measured run: its operations times the cited energy of each."""

from __future__ import annotations

from spear_deploy.chips import ChipProfile, EnergyRange, estimate
from spear_deploy.measure.activity import Activity
from spear_deploy.targets import Program


def measured_energy(chip: ChipProfile, program: Program, activity: Activity, steps: int) -> EnergyRange | None:
    """Return the energy of a sample of ``steps`` time steps, in joules; None for a chip without cited figures.

    The spikes that count are those of neurons: what is fed in is sent by something else.
    """
    updates = sum(population.size for population in program.populations) * steps
    inputs = {port.name for port in program.inputs}
    spikes = sum(float(values.mean()) for name, values in activity.spikes.items() if name not in inputs)
    return estimate(chip, synops=activity.mean_synops, neuron_updates=updates, spikes=spikes)
