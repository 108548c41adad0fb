"""Rules of Loihi on a network: one small function per rule, whose docstring is the text that states it everywhere.

Rules of the network are checked before anything is quantised, rules of the cores on the placement; those of the
integers are in :mod:`.register_rules`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from spear_deploy.placement import PopulationPlacement
from spear_deploy.targets.loihi.core_use import CoreUse
from spear_deploy.targets.loihi.profile import LoihiProfile
from spear_deploy.targets.loihi.registers import Registers, Reset
from spear_deploy.targets.loihi.timing import extra_delays, pipeline_depths, too_fast_loops
from spear_deploy.targets.network_rules import NetworkToLower, reset_in_words, where
from spear_deploy.targets.ports import InputRange
from spear_deploy.targets.rules import Breach, counted, rule

_ADAPT = "deploy with --adapt, which gives it the built-in neuron and fine-tunes"


@rule("E030", fix=f"{_ADAPT}, or train with a reset to zero in the step of the spike")
def resets(subject: NetworkToLower, limits: Registers) -> Iterator[Breach]:
    """A spike {resets}."""
    for population in subject.spiking:
        neuron = population.neuron
        needed: set[Reset] = {neuron.reset, *(("reset_delay",) if neuron.reset_delay else ())}
        if needed - limits.resets:
            yield Breach(where(population), f"it resets {reset_in_words(neuron)}; the built-in neuron cannot")


@rule("E030", fix="export it with v_reset = 0")
def subtraction_starts_at_zero(subject: NetworkToLower, limits: Registers) -> Iterator[Breach]:
    """A neuron that subtracts its threshold starts at a membrane of 0."""
    for population in subject.spiking:
        neuron = population.neuron
        if "subtract" in limits.resets and neuron.reset == "subtract" and np.any(neuron.reset_value):
            start = float(np.abs(neuron.reset_value).max())
            yield Breach(where(population), f"it starts at a membrane of up to {start:g}", start, 0)


@rule("E027", fix=f"{_ADAPT}, or train with v_leak equal to v_reset")
def starts_where_it_is_reset_to(subject: NetworkToLower, limits: Registers) -> Iterator[Breach]:
    """A neuron starts at the membrane that it is reset to."""
    for population in subject.spiking:
        neuron = population.neuron
        if neuron.start_value is not None:
            away = float(np.abs(neuron.start_value - neuron.reset_value).max())
            yield Breach(where(population), f"it starts up to {away:.4g} from where it is reset to", away, 0)


@rule("E031", fix=f"{_ADAPT}, or train with binary spikes")
def one_spike_a_step(subject: NetworkToLower, limits: Registers) -> Iterator[Breach]:
    """A neuron emits one spike a step at most."""
    for population in subject.spiking:
        if population.neuron.spikes == "integer":
            yield Breach(where(population), "it emits several spikes a step")


@rule("E032", fix=f"{_ADAPT}, or train without the clip")
def no_lower_bound(subject: NetworkToLower, limits: Registers) -> Iterator[Breach]:
    """The membrane has no lower bound above the register's."""
    for population in subject.spiking:
        if population.neuron.floor is not None:
            yield Breach(where(population), f"its membrane is clipped at {population.neuron.floor:g}")


@rule("E034", fix="train with time constants of a step or more")
def decays_lose(subject: NetworkToLower, limits: Registers) -> Iterator[Breach]:
    """A membrane and a synaptic current keep a share of 0 to 1 of themselves in a step."""
    for population in subject.network.neurons:
        neuron = population.neuron
        for name, kept in (("membrane", neuron.beta), ("current", neuron.alpha)):
            for found, limit, is_beyond in ((kept.min(), 0, kept.min() < 0), (kept.max(), 1, kept.max() > 1)):
                if is_beyond:
                    message = f"its {name} keeps {found:.6g} of itself"
                    yield Breach(where(population), message, float(found), limit, at_least=limit == 0)


@rule("E034", fix="give it a positive gain and turn the sign of the weights in front")
def gains_are_positive(subject: NetworkToLower, limits: Registers) -> Iterator[Breach]:
    """A current raises the membrane: the gain of a neuron that fires, and the largest of a readout, is positive."""
    for population in subject.network.neurons:
        gain = population.neuron.gain
        least = float(gain.max() if population.neuron.is_readout else gain.min())
        if least <= 0:
            yield Breach(where(population), f"the gain of its current is {least:g}", least, 0, at_least=True)


@rule("E034", fix="train with a threshold above the reset value")
def thresholds_lie_above_the_reset(subject: NetworkToLower, limits: Registers) -> Iterator[Breach]:
    """A threshold lies above the value that the membrane is reset to."""
    for population in subject.spiking:
        neuron = population.neuron
        assert neuron.threshold is not None
        above = neuron.threshold - neuron.reset_value
        if above.min() <= 0:
            below, least = int(np.count_nonzero(above <= 0)), float(above.min())
            message = f"{below:,} of its thresholds do not lie above the reset value: {least:g} from it"
            yield Breach(where(population), message, least, 0, at_least=True)


@rule("E034", fix="train with a finite tau_syn")
def currents_decay(subject: NetworkToLower, limits: Registers) -> Iterator[Breach]:
    """A synaptic current loses 1/{decay_unit} of itself in a step at least."""
    for population in subject.network.neurons:
        if np.any(population.neuron.alpha == 1):
            yield Breach(
                where(population), "its synaptic current never decays", 0, 1 / limits.arithmetic.decay_unit, True
            )


@rule("E021", fix="read it at an Output, or give it a threshold")
def only_spikes_are_sent(subject: NetworkToLower, limits: Registers) -> Iterator[Breach]:
    """Neurons send spikes; a readout's membrane cannot feed other neurons."""
    readouts = {population.name for population in subject.network.neurons if population.neuron.is_readout}
    for source in sorted({projection.source for projection in subject.network.projections} & readouts):
        yield Breach(f"population {source!r}", "its membrane feeds other neurons")


@rule("E033", fix="use --encoding rate, shorter bins, or binary events")
def payloads_fit(subject: NetworkToLower, limits: Registers) -> Iterator[Breach]:
    """An input is fed {max_payload}."""
    for port in subject.network.inputs:
        values = subject.inputs.get(port.name, InputRange())
        if limits.max_payload == 1 and not (values.integral and values.maximum <= 1):
            yield Breach(f"input {port.name!r}", "the data hold other values than 0 and 1", values.maximum, 1)
        elif values.integral and values.maximum > limits.max_payload:
            message = f"counts reach {values.maximum:g}"
            yield Breach(f"input {port.name!r}", message, values.maximum, limits.max_payload)


@rule("E033", fix="feed it spikes or counts as in training, or fine-tune it again on these data")
def payloads_are_as_trained(subject: NetworkToLower, limits: Registers) -> Iterator[Breach]:
    """An input that was trained on integers as they are is fed integers."""
    for port in subject.network.inputs:
        values = subject.inputs.get(port.name, InputRange())
        if port.resolution is not None and port.resolution == 1 and not values.integral:
            yield Breach(f"input {port.name!r}", "it was trained on spikes or counts, and the data hold other values")


@rule("E025", fix="train with a delay of at least a step for each projection of the loop")
def loops_wait(subject: NetworkToLower, limits: Registers) -> Iterator[Breach]:
    """A spike takes a step for each projection: a loop needs as many steps of delay as it has projections."""
    for loop, inside in too_fast_loops(subject.network):
        listed = ", ".join(f"{projection.name} {projection.delay}" for projection in inside)
        delay = sum(projection.delay for projection in inside)
        around = " -> ".join((*loop, loop[0]))
        yield Breach(around, f"the delays of this loop are shorter ({listed})", delay, len(inside), at_least=True)


@rule("E034", fix="shorten the delay, or the path that it has to wait for")
def delays_fit(subject: NetworkToLower, limits: Registers) -> Iterator[Breach]:
    """A spike waits {max_delay} steps at most beyond the one that every projection takes."""
    depths = pipeline_depths(subject.network)
    for name, steps in extra_delays(subject.network, depths).items() if depths else ():
        if steps > limits.max_delay:
            yield Breach(f"projection {name!r}", f"needs {steps} steps of delay on the chip", steps, limits.max_delay)


NETWORK_RULES = (
    resets,
    subtraction_starts_at_zero,
    starts_where_it_is_reset_to,
    one_spike_a_step,
    no_lower_bound,
    decays_lose,
    gains_are_positive,
    thresholds_lie_above_the_reset,
    currents_decay,
    only_spikes_are_sent,
    payloads_fit,
    payloads_are_as_trained,
    loops_wait,
    delays_fit,
)
"""Checked on the float network."""


@dataclass(frozen=True)
class PlacedPopulations:
    """What the rules of the cores look at: tiles on cores, what a tile takes, and what a core and the chip have."""

    populations: Sequence[PopulationPlacement]
    uses: Mapping[str, CoreUse]
    capacity: CoreUse
    cores: int


@rule("E036", fix="prune the populations that it is joined to")
def a_unit_fits_a_core(subject: PlacedPopulations, limits: LoihiProfile) -> Iterator[Breach]:
    """A core holds {neurons} neurons, {synapse_words} words of synapses, {axons_in} axons in and {axons_out} out."""
    for name, use in subject.uses.items():
        beyond = []
        for resource in use.exceeds(subject.capacity):
            beyond.append((resource, getattr(use, resource), getattr(subject.capacity, resource)))
        if beyond:
            needs = ", ".join(f"{used} {_in_words(what)} where a core has {has}" for what, used, has in beyond)
            _, used, has = max(beyond, key=lambda item: item[1] / item[2])
            yield Breach(f"population {name!r}", f"a single unit needs {needs}", used, has)


@rule("E035", fix="prune it with spear-deploy deploy, or choose a board with more chips")
def enough_cores(subject: PlacedPopulations, limits: LoihiProfile) -> Iterator[Breach]:
    """The chip has {cores}, and a core holds neurons of one population."""
    needed = sum(population.cores for population in subject.populations)
    if needed > subject.cores:
        largest = sorted(subject.populations, key=lambda population: -population.cores)
        shares = ", ".join(f"{p.name!r} takes {p.cores} (bound by {_in_words(p.binding)})" for p in largest)
        has = f"chip {limits.name} has {subject.cores}: {needed - subject.cores} too many"
        yield Breach("network", f"needs {needed} cores, {has}. {shares}", needed, subject.cores)


CORE_RULES = (a_unit_fits_a_core, enough_cores)
"""Checked on the placement."""


def core_figures(chip: LoihiProfile) -> dict[str, str]:
    """Return the figures for the texts of the rules of the cores."""
    limits = {name: f"{has:,}" for name, has in CoreUse.limits(chip)._asdict().items()}
    return {"cores": counted(chip.cores, "core")} | limits


def _in_words(resource: str) -> str:
    return resource.replace("_", " ")
