"""What a chip lacks: everything in a network that it cannot do, found at once and before quantising."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from spear_deploy.errors import Finding
from spear_deploy.network import Network, Neuron
from spear_deploy.targets.loihi.registers import InputRange, Registers, Reset

_ADAPT = "deploy with --adapt, which gives it the built-in neuron and fine-tunes"


def lacking(network: Network, registers: Registers, ranges: Mapping[str, InputRange]) -> Iterator[Finding]:
    """Find neurons that the chip does not have (E030..E032, E034) and values that cannot be sent (E021, E033)."""
    readouts = {p.name for p in network.neurons if p.neuron is not None and p.neuron.is_readout}
    for population in network.neurons:
        if population.neuron is not None and population.name not in readouts:
            yield from _neuron_findings(population.name, population.neuron, registers)
        if population.neuron is not None and np.any(population.neuron.alpha == 1):
            message = "its synaptic current never decays; the chip's loses 1/4096 in a step at least"
            yield Finding("E034", f"population {population.name!r}", message, "train with a finite tau_syn")
    for source in sorted({p.source for p in network.projections} & readouts):
        message = "its membrane feeds other neurons; only spikes can be sent"
        yield Finding("E021", f"population {source!r}", message, "read it at an Output, or give it a threshold")
    for population in network.inputs:
        yield from _input_findings(population.name, ranges.get(population.name, InputRange()), registers)


def too_long(delays: Mapping[str, int], registers: Registers) -> Iterator[Finding]:
    """Find projections whose extra steps of delay the chip's register cannot hold (E034)."""
    for name, delay in delays.items():
        if delay > registers.max_delay:
            message = f"needs {delay} steps of delay on the chip, which has {registers.max_delay} at most"
            fix = "shorten the delay, or the path that it has to wait for"
            yield Finding("E034", f"projection {name!r}", message, fix)


def _neuron_findings(name: str, neuron: Neuron, registers: Registers) -> Iterator[Finding]:
    where = f"population {name!r}"
    needed: set[Reset] = {neuron.reset}
    if neuron.late:
        needed.add("late")
    if needed - registers.resets:
        how = "by subtraction" if neuron.reset != "value" else "to a value"
        when = ", one step late" if neuron.late else ""
        message = f"it resets {how}{when}; the built-in neuron cannot"
        yield Finding("E030", where, message, f"{_ADAPT}, or train with a reset to zero in the step of the spike")
    elif neuron.reset == "subtract" and np.any(neuron.reset_value):
        message = "it subtracts its threshold, but starts at a membrane other than 0"
        yield Finding("E030", where, message, "export it with v_reset = 0")
    if neuron.spikes == "integer":
        message = "it emits several spikes a step; the chip's neuron emits one"
        yield Finding("E031", where, message, f"{_ADAPT}, or train with binary spikes")
    if neuron.floor is not None:
        message = f"its membrane is clipped at {neuron.floor:g}; the chip's neuron has no lower bound"
        yield Finding("E032", where, message, f"{_ADAPT}, or train without the clip")


def _input_findings(name: str, values: InputRange, registers: Registers) -> Iterator[Finding]:
    where = f"input {name!r}"
    if registers.max_payload == 1 and not (values.integral and values.maximum <= 1):
        yield Finding("E033", where, "the chip takes binary input spikes only", "use --encoding rate, or binary events")
    elif values.integral and values.maximum > registers.max_payload:
        message = f"counts reach {values.maximum:g}; a spike carries {registers.max_payload} at most"
        yield Finding("E033", where, message, "use shorter bins, or binary events")
