"""Place layers on unequal cores: a maximum matching, and what it would take where there is none for all.

A layer is never split, and a core holds one.  Any maximum matching is legal; sinabs' (by maximum flow) may be another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from spear_deploy.network.units import widest
from spear_deploy.placement import Placement, PopulationPlacement
from spear_deploy.targets.rules import Breach, check_rules, rule
from spear_deploy.targets.speck.memory import LayerSize, Words, cores_of
from spear_deploy.targets.speck.profile import SpeckProfile


@dataclass(frozen=True)
class Matched:
    """Layers, the cores, and which core each layer has: None where there is none left for it."""

    sizes: tuple[LayerSize, ...]
    cores: tuple[Words, ...]
    core_of: Mapping[str, int | None]

    @property
    def rivals(self) -> list[tuple[list[str], list[int]]]:
        """Layers that want more cores than there are, with these: one group for each layer that has none."""
        wanted = {size.name: suitable(size, self.cores) for size in self.sizes}
        owners = {core: name for name, core in self.core_of.items() if core is not None}
        groups = []
        for name in (size.name for size in self.sizes if self.core_of[size.name] is None and wanted[size.name]):
            names, cores = [name], []
            for each in names:  # grows: whoever holds a core that one of them wants wants others too
                for core in wanted[each]:
                    if core not in cores:
                        cores.append(core)
                        names.append(owners[core])
            groups.append(([size.name for size in self.sizes if size.name in names], sorted(cores)))
        return groups


@dataclass(frozen=True)
class Change:
    """A single change of a network: a layer with this many of its channels, or without a bias (None)."""

    layer: str
    channels: int | None
    of: int

    def __str__(self) -> str:
        if self.channels is None:
            return f"without the bias of {self.layer!r}"
        return f"with {self.channels} of the {self.of} channels of {self.layer!r}"


def suitable(size: LayerSize, cores: Sequence[Words]) -> list[int]:
    """Return the cores that can hold a layer."""
    return [core for core, words in enumerate(cores) if size.words.fits(words)]


def match(sizes: Sequence[LayerSize], cores: Sequence[Words]) -> Matched:
    """Give as many layers as possible a core, by augmenting paths (Kuhn)."""
    wanted = {size.name: suitable(size, cores) for size in sizes}
    owner: dict[int, str] = {}

    def seat(name: str, seen: set[int]) -> bool:
        for core in wanted[name]:
            if core in seen:
                continue
            seen.add(core)
            if core not in owner or seat(owner[core], seen):
                owner[core] = name
                return True
        return False

    for size in sizes:
        seat(size.name, set())
    core_of = {name: core for core, name in owner.items()}
    return Matched(tuple(sizes), tuple(cores), {size.name: core_of.get(size.name) for size in sizes})


def smallest_change(sizes: Sequence[LayerSize], cores: Sequence[Words]) -> Change | None:
    """Return the change of one layer that leaves most of it and gives every layer a core; None if no single one does.

    Output layers keep their channels: they are classes.
    """
    found: list[tuple[float, Change]] = []
    for size in sizes:
        if size.has_bias and _fit(_without_bias(sizes, size.name), cores):
            found.append((1.0, Change(size.name, None, size.channels)))
        if size.is_output:
            continue
        left = widest(size.channels, partial(_fits_narrowed, sizes, size, cores))
        if left is not None:
            found.append((left / size.channels, Change(size.name, left, size.channels)))
    return max(found, key=lambda each: each[0])[1] if found else None


def _fit(sizes: Sequence[LayerSize], cores: Sequence[Words]) -> bool:
    return None not in match(sizes, cores).core_of.values()


def _fits_narrowed(sizes: Sequence[LayerSize], changed: LayerSize, cores: Sequence[Words], channels: int) -> bool:
    return _fit(_narrowed(sizes, changed, channels), cores)


def _without_bias(sizes: Sequence[LayerSize], name: str) -> list[LayerSize]:
    return [replace(size, has_bias=False) if size.name == name else size for size in sizes]


def _narrowed(sizes: Sequence[LayerSize], changed: LayerSize, channels: int) -> list[LayerSize]:
    """Return the layers with one that has fewer channels, which those that it feeds receive."""

    def after(size: LayerSize) -> LayerSize:
        if size.name == changed.name:
            return replace(size, channels=channels)
        return replace(size, channels_in=channels) if changed.name in size.sources else size

    return [after(size) for size in sizes]


@rule("E087", fix="prune or narrow it; spear-deploy deploy searches for what fits")
def layers_fit_a_core(subject: Matched, limits: SpeckProfile) -> Iterator[Breach]:
    """A layer lies whole on one core. The cores have {kernel_words} kernel words (input channels x kernel x output
    channels, the last two up to a power of two), {neuron_words} neuron words (channels x height x width, the last two
    up to a power of two) and {bias_words} words of biases."""
    for size in subject.sizes:
        if suitable(size, subject.cores):
            continue
        nearest = _nearest(size, subject.cores)
        lacks = size.words.beyond(subject.cores[nearest])
        change = smallest_change(_beside(size, subject.sizes), subject.cores)
        cure = f"; it fits {change}" if change is not None else "; no single change makes it fit"
        found = f"it takes {size.words}; core {nearest} comes nearest and lacks {lacks}{cure}"
        worst = max(range(3), key=lambda memory: size.words[memory] / subject.cores[nearest][memory])
        yield Breach(f"population {size.name!r}", found, size.words[worst], subject.cores[nearest][worst])


@rule("E088", fix="prune or narrow one of them; spear-deploy deploy searches for what fits")
def layers_fit_together(subject: Matched, limits: SpeckProfile) -> Iterator[Breach]:
    """A core holds one layer."""
    change = None
    for names, cores in subject.rivals:
        change = change or smallest_change([s for s in subject.sizes if suitable(s, subject.cores)], subject.cores)
        listed = ", ".join(map(str, cores))
        needs = "; ".join(f"{s.name} {s.words}" for s in subject.sizes if s.name in names)
        cure = f"; all fit {change}" if change is not None else "; no single change makes all fit"
        found = f"they want {len(names)} cores, and only {len(cores)} can hold them ({listed}): {needs}{cure}"
        yield Breach(f"populations {', '.join(names)}", found, len(names), len(cores))


PLACE_RULES = (layers_fit_a_core, layers_fit_together)


def place(sizes: Sequence[LayerSize], chip: SpeckProfile) -> Placement:
    """Place layers; one without a core is listed on the nearest one, and is a finding (E087, E088)."""
    matched = match(sizes, cores_of(chip))
    populations = tuple(_placed(size, matched) for size in sizes)
    return Placement(populations, tuple(check_rules(PLACE_RULES, matched, chip, core_figures(chip))))


def core_figures(chip: SpeckProfile) -> dict[str, str]:
    """Return the figures that fill the text of the rules of this module."""
    memory = chip.memory
    lists = {"kernel_words": memory.kernel_words, "neuron_words": memory.neuron_words, "bias_words": memory.bias_words}
    return {name: _runs(figure.value) for name, figure in lists.items()}


def _runs(values: Sequence[int]) -> str:
    """Write a list with its repetitions counted: ``3 x 16,384, 2 x 32,768``."""
    runs: list[list[int]] = []
    for value in values:
        if runs and runs[-1][1] == value:
            runs[-1][0] += 1
        else:
            runs.append([1, value])
    return ", ".join(f"{count} x {value:,}" for count, value in runs)


def _nearest(size: LayerSize, cores: Sequence[Words]) -> int:
    return min(range(len(cores)), key=lambda core: max(size.words.shares(cores[core]).values()))


def _beside(size: LayerSize, sizes: Sequence[LayerSize]) -> list[LayerSize]:
    """Return a layer and those that feed it, whose own needs are left out: what may change so that it alone fits."""
    feeding = [s for s in sizes if s.name in size.sources and s.name != size.name]
    return [size, *(replace(s, channels_in=0, map=(1, 1), has_bias=False) for s in feeding)]


def _placed(size: LayerSize, matched: Matched) -> PopulationPlacement:
    core = matched.core_of[size.name]
    core = _nearest(size, matched.cores) if core is None else core
    words, shares = size.words, size.words.shares(matched.cores[core])
    tile = (size.channels, *size.map)
    bits = 8 * (words.kernel + words.bias)
    binding = max(shares, key=lambda memory: shares[memory])
    neurons = size.channels * size.map[0] * size.map[1]
    return PopulationPlacement(size.name, tile, 1, core, neurons, words.kernel, 0, 0, bits, shares, binding)
