"""Counting the cores that a network takes, with neurons filling cores up to their limits.

A population is cut into equal tiles, each as large as a core holds.  One of a single tile may share a core with others;
sources that two of them have in common are counted for both.  What limits a core and has no figure is left out.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, prod

from spear_deploy.network import Population
from spear_deploy.network.synapses import ConvSynapses, Synapses
from spear_deploy.placement import Placement, PopulationPlacement
from spear_deploy.targets.checked.profile import CheckedProfile
from spear_deploy.targets.checked.subject import NetworkToCheck, extent
from spear_deploy.targets.rules import Breach, Rule, check_rules, counted, rule

Tile = tuple[int, int, int]


@dataclass(frozen=True)
class Load:
    """Contents or limits of a core; None: no figure."""

    neurons: int | None
    sources: int | None
    synapses: int | None

    def shares(self, most: Load) -> dict[str, float]:
        """Return the share of each limit that is known."""
        pairs = {
            "neurons": (self.neurons, most.neurons),
            "axons_in": (self.sources, most.sources),
            "synapse_words": (self.synapses, most.synapses),
        }
        return {name: has / limit for name, (has, limit) in pairs.items() if has is not None and limit is not None}

    def fits(self, most: Load) -> bool:
        """Whether it is within limits."""
        return all(share <= 1 for share in self.shares(most).values())

    def beside(self, other: Load) -> Load:
        """Return both on one core."""
        return Load(*(((a or 0) + (b or 0)) for a, b in zip(self, other, strict=True)))

    def __iter__(self) -> Iterator[int | None]:
        return iter((self.neurons, self.sources, self.synapses))

    def __str__(self) -> str:
        named = zip(("neuron circuits", "sources", "synapses"), self, strict=True)
        return ", ".join(f"{value:,} {name}" for name, value in named if value is not None)


@dataclass(frozen=True, eq=False)
class Layer:
    """A population with all that feeds it: sources as maps, the synapses and circuits of a neuron that has most."""

    name: str
    shape: Tile
    into: tuple[tuple[Synapses, Tile], ...]
    fan_in: int
    circuits: int

    @classmethod
    def of(cls, subject: NetworkToCheck, population: Population, chip: CheckedProfile) -> Layer:
        """Read a layer."""
        shapes, fan_in = subject.network.shapes, subject.most_fan_in(population.name)
        into = tuple((synapses, extent(shapes[synapses.source])) for synapses in subject.into(population.name))
        return cls(population.name, extent(population.shape), into, fan_in, circuits(fan_in, chip))

    def load(self, tile: Tile) -> Load:
        """Return what a tile takes of a core."""
        sources = sum(_sources(synapses, source, self.shape, tile) for synapses, source in self.into)
        return Load(prod(tile) * self.circuits, sources, prod(tile) * self.fan_in)

    def tiles(self, tile: Tile) -> int:
        """Return how many tiles there are."""
        return prod(ceil(whole / part) for whole, part in zip(self.shape, tile, strict=True))


@dataclass(frozen=True, eq=False)
class Placed:
    """A layer in tiles, of which the ``last`` may be smaller; ``fits`` unless no core holds even one of its neurons."""

    layer: Layer
    tile: Tile
    fits: bool

    @property
    def tiles(self) -> int:
        """Number of tiles."""
        return self.layer.tiles(self.tile)

    @property
    def load(self) -> Load:
        """The load of a full tile."""
        return self.layer.load(self.tile)

    @property
    def last(self) -> Load:
        """The load of the last tile."""
        channels, height, width = (
            whole % part or part for whole, part in zip(self.layer.shape, self.tile, strict=True)
        )
        return self.layer.load((channels, height, width))


@dataclass(frozen=True, eq=False)
class OnCores:
    """Populations and the first core of each; ``used`` cores."""

    placed: tuple[Placed, ...]
    first: tuple[int, ...]
    used: int


def core_of(chip: CheckedProfile) -> Load:
    """Return what a core holds."""
    has = chip.capacity
    figures = (has.neurons_per_core, has.sources_per_core, has.synapses_per_core)
    return Load(*(None if figure is None else figure.value for figure in figures))


def circuits(fan_in: int, chip: CheckedProfile) -> int:
    """Return the circuits that a neuron with this many synapses takes."""
    of_one = chip.figure("restrictions.fan_in_of_a_circuit")
    return 1 if of_one is None else max(1, ceil(fan_in / of_one))


def best_tile(layer: Layer, core: Load) -> Placed:
    """Cut a layer into as few tiles as possible."""
    found = []
    for height, width in ((h, w) for h in _sides(layer.shape[1]) for w in _sides(layer.shape[2])):
        channels = min(layer.shape[0], *_most(layer, height * width, core))
        while channels and not layer.load((channels, height, width)).fits(core):
            channels //= 2
        if channels:
            found.append((channels, height, width))
    if not found:
        return Placed(layer, (1, 1, 1), fits=False)
    return Placed(layer, min(found, key=lambda tile: (layer.tiles(tile), -prod(tile))), fits=True)


def _most(layer: Layer, cells: int, core: Load) -> list[int]:
    """Return the most channels with this many cells by the limits of neurons and synapses."""
    pairs = ((core.neurons, layer.circuits), (core.synapses, layer.fan_in))
    return [most // (cells * each) for most, each in pairs if most is not None and each] or [layer.shape[0]]


def _sources(synapses: Synapses, source: Tile, target: Tile, tile: Tile) -> int:
    """Return the most neurons of the source that a tile of the target receives from."""
    if not isinstance(synapses, ConvSynapses):
        return prod(source)
    seen: list[int] = []
    for axis in (0, 1):
        reach = (tile[axis + 1] - 1) * synapses.stride[axis] + 1
        seen.append(min(source[axis + 1], reach + synapses.dilation[axis] * (synapses.weight.shape[axis + 2] - 1)))
    of_group = target[0] // synapses.groups
    aligned = tile[0] % of_group == 0 or of_group % tile[0] == 0
    groups = ceil(tile[0] / of_group) if aligned else (tile[0] + of_group - 2) // of_group + 1
    return min(groups, synapses.groups) * int(synapses.weight.shape[1]) * prod(seen)


def _sides(size: int) -> list[int]:
    """Return the sides that cut an extent into different numbers of pieces, the least of each."""
    return sorted({ceil(size / pieces) for pieces in range(1, size + 1)}, reverse=True)


def on_cores(placed: Sequence[Placed], core: Load) -> OnCores:
    """Give tiles cores, in order: a single tile the first core that has room, several ones cores of their own.

    Room is looked for beside single tiles, and beside the last tile of a layer of several: others fill their cores.
    """
    room: dict[int, Load] = {}
    first, used = [], 0
    for each in placed:
        shared = next((index for index, load in room.items() if each.load.beside(load).fits(core)), None)
        if each.tiles == 1 and each.fits and shared is not None:
            room[shared] = room[shared].beside(each.load)
            first.append(shared)
            continue
        first.append(used)
        used += each.tiles
        if each.fits:
            room[used - 1] = each.last
    return OnCores(tuple(placed), tuple(first), used)


@rule("E036", fix="prune what feeds it")
def a_core_holds_a_neuron(subject: OnCores, limits: CheckedProfile) -> Iterator[Breach]:
    """A core holds {core}."""
    core = core_of(limits)
    fan_in = limits.figure("synapses.fan_in")
    for each in subject.placed:
        told = fan_in is not None and each.layer.fan_in > fan_in  # by the rule of fan-in
        if not each.fits and not told:
            worst = max(("neurons", "sources", "synapses"), key=lambda name: _excess(each.load, core, name))
            value, limit = getattr(each.load, worst), getattr(core, worst)
            yield Breach(f"population {each.layer.name!r}", f"one neuron takes {each.load}", value, limit)


@rule("E035", fix="prune it, or choose a larger chip")
def there_are_cores(subject: OnCores, limits: CheckedProfile) -> Iterator[Breach]:
    """The chip has {cores} of {core}."""
    if all(each.fits for each in subject.placed) and subject.used > limits.cores:
        yield Breach("network", f"it takes {counted(subject.used, 'core')}", subject.used, limits.cores)


@rule("E092", fix="repeat its spikes by populations in between, one for each core, or prune what it feeds")
def few_destinations(subject: OnCores, limits: CheckedProfile) -> Iterator[Breach]:
    """A neuron sends to {destinations} at most."""
    most = limits.figure("capacity.destination_cores")
    tiles, shared = Counter[str](), defaultdict[str, set[int]](set)
    for each, first in zip(subject.placed, subject.first, strict=True):
        for synapses, _ in each.layer.into if each.fits else ():
            if each.tiles == 1:
                shared[synapses.source].add(first)
            else:
                tiles[synapses.source] += _reached(synapses, each)
    for name in (each.layer.name for each in subject.placed):
        reached = tiles[name] + len(shared[name])
        if reached > most:
            yield Breach(f"population {name!r}", f"a neuron of it feeds {counted(reached, 'core')}", reached, most)


PLACE_RULES = (a_core_holds_a_neuron, there_are_cores)
"""Rules of every chip whose cores can be counted; that of destinations needs a figure."""


def _reached(synapses: Synapses, target: Placed) -> int:
    """Return how many tiles of a target a source neuron feeds at most."""
    shape, tile = target.layer.shape, target.tile
    if not isinstance(synapses, ConvSynapses):
        return target.tiles
    reached: list[int] = []
    for axis in (0, 1):
        span = synapses.dilation[axis] * (synapses.weight.shape[axis + 2] - 1) + 1
        outputs = ceil(span / synapses.stride[axis])
        reached.append(min(ceil(shape[axis + 1] / tile[axis + 1]), 1 + ceil((outputs - 1) / tile[axis + 1])))
    of_group = shape[0] // synapses.groups
    beside = 0 if of_group % tile[0] == 0 or tile[0] % of_group == 0 else 1
    return min(ceil(shape[0] / tile[0]), ceil(of_group / tile[0]) + beside) * prod(reached)


def _excess(load: Load, core: Load, name: str) -> float:
    has, most = getattr(load, name), getattr(core, name)
    return has / most if has is not None and most is not None else 0.0


def place_rules(chip: CheckedProfile) -> tuple[Rule, ...]:
    """Return the rules of cores that a chip has figures for."""
    if chip.capacity.neurons_per_core is None:
        return ()
    return PLACE_RULES if chip.capacity.destination_cores is None else (*PLACE_RULES, few_destinations)


def core_figures(chip: CheckedProfile) -> dict[str, str]:
    """Return the figures that fill the text of the rules of this module."""
    most = chip.figure("capacity.destination_cores")
    destinations = "" if most is None else counted(most, "core")
    return {"cores": counted(chip.cores, "core"), "core": str(core_of(chip)), "destinations": destinations}


def lay_out(subject: NetworkToCheck, chip: CheckedProfile) -> OnCores:
    """Cut all layers into tiles, and give those cores."""
    core = core_of(chip)
    return on_cores([best_tile(Layer.of(subject, p, chip), core) for p in subject.network.neurons], core)


def place(subject: NetworkToCheck, chip: CheckedProfile) -> Placement | None:
    """Place a network; None where no figure says how many neurons a core holds."""
    core = core_of(chip)
    if core.neurons is None:
        return None
    cores = lay_out(subject, chip)
    populations = []
    for population, each, first in zip(subject.network.neurons, cores.placed, cores.first, strict=True):
        shares = each.load.shares(core)
        neurons, sources, synapses = (value or 0 for value in each.load)
        tile = each.tile if len(population.shape) == 3 else each.tile[:1]
        figures = (neurons, synapses, sources, 0, 0)  # how synapses are stored is not published
        binding = max(shares, key=lambda name: shares[name])
        populations.append(PopulationPlacement(each.layer.name, tile, each.tiles, first, *figures, shares, binding))
    return Placement(tuple(populations), tuple(check_rules(place_rules(chip), cores, chip, core_figures(chip))))
