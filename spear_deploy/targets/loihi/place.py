"""Place populations on cores: which tile of which population a core holds, and how full that makes it.

The rule is the one that explains the core counts which Lava's compiler prints for Loihi 2; it is used for all
chips.  A population is cut into tiles, one a core, that fit a core's neurons, synapse memory and axon entries:

* a vector (N,) into the fewest tiles; where the chip has ``vector_words_per_core``, as Lava's compiler of 2022 did: one
  tile is cut into as many as its words are too many times, and each again, until they keep that number;
* a map (C, H, W) by halving the channels until a column of the map fits, then by giving each core the widest strip
  of columns that fits, the width being a power of two (which is also what it is charged).  Only if not even one
  channel of one column fits is the height halved.

Checked against every convolution and MNIST row that lava-dl's notebooks print, PilotNet's 61 and 74 cores, and NxTF's
tables (``benchmarks/placement.py`` shows them side by side): the counts, that is; YOLO-KP's tiles are lower and wider.
One printed row takes more cores than this rule: Oxford's dense 256 (3 where 2 would do; 2 for 200 beside it).

The law.  On a chip whose out-axons are not counted by core (Loihi 2), removing units never takes more cores for
a map, or for a vector that one core holds.  A vector that is cut can take more, since cutting again multiplies: 128
neurons behind 784 inputs are cut into 3, behind 585 into 2 and then 4.  So can anything on Loihi 1: a target that is
cut differently may be reached through more cores.  Outside the law are grouped convolutions other than depthwise ones,
and maps that are fed by both a convolution and a matrix.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from math import ceil
from types import MappingProxyType

from spear_deploy.network.order import Link, components, loops
from spear_deploy.network.synapses import Synapses
from spear_deploy.placement import Placement, PopulationPlacement
from spear_deploy.placement.cuts import Cut
from spear_deploy.targets.loihi.core_use import (
    ConnectionShape,
    CoreUse,
    Tile,
    Tiling,
    connection_shape,
    unread_axons_out,
)
from spear_deploy.targets.loihi.profile import LoihiProfile
from spear_deploy.targets.loihi.rules import CORE_RULES, PlacedPopulations, core_figures
from spear_deploy.targets.rules import check_rules

_UNIT = Tile(1, 1, 1)
_ROUNDS = 16
"""Enough for the tiles of a loop to settle: cores that a population gains cost those that feed it axons.

Until then the tiles of the round before are taken, at first one core for each population.
"""


def place(
    shapes: Mapping[str, tuple[int, ...]],
    synapses: Sequence[Synapses],
    chip: LoihiProfile,
    *,
    inputs: Collection[str],
    weight_bits: int,
    compartments: Mapping[str, int] = MappingProxyType({}),
    cuts: Mapping[str, Sequence[Cut]] = MappingProxyType({}),
) -> Placement:
    """Place the populations ``shapes`` (name to (C, H, W) or (N,)) other than ``inputs`` on the cores of ``chip``.

    Of the synapses only the shapes matter.  ``compartments`` tells for populations whose neurons cost more than one
    compartment what one costs (2 where the chip emulates a subtracting reset).  ``cuts`` are those of populations that
    are cut otherwise than by the rule; what does not fit a core then is beyond its share, as any tile is.
    """
    connections = [connection_shape(s, shapes[s.source]) for s in synapses]
    limits, of_vectors = CoreUse.limits(chip), CoreUse.limits_of_vectors(chip)
    tilings = {name: Tiling(Tile.of(shape), _UNIT) for name, shape in shapes.items() if name not in inputs}
    uses: dict[str, CoreUse] = {}
    links = [Link(c.source, c.target, 1) for c in connections if c.source in tilings]
    groups = components(tuple(tilings), links)
    recurrent = loops(groups, links)
    for group in reversed(groups):  # targets first: the tiles of targets decide on a source's out-axons
        for _ in range(_ROUNDS if group in recurrent else 1):
            before = [tilings[name] for name in group]
            for name in group:
                use = _use_of(name, connections, tilings, chip, weight_bits, compartments.get(name, 1))
                tilings[name] = (
                    Tiling.of(cuts[name]) if name in cuts else _tiling(shapes[name], use, limits, of_vectors)
                )
                uses[name] = use(tilings[name].tile)
            if [tilings[name] for name in group] == before:
                break
    cut = {name: cuts.get(name) or tiling.cuts(shapes[name]) for name, tiling in tilings.items()}
    populations = tuple(_placements(cut, tilings, uses, limits, chip.capacity.word_bits.value))
    placed = PlacedPopulations(populations, uses, limits, chip.cores)
    return Placement(populations, tuple(check_rules(CORE_RULES, placed, chip, core_figures(chip))))


def _use_of(
    name: str,
    connections: Sequence[ConnectionShape],
    tilings: Mapping[str, Tiling],
    chip: LoihiProfile,
    weight_bits: int,
    compartments: int,
) -> Callable[[Tile], CoreUse]:
    """Return the function from a tile of the population to what it takes from a core."""
    incoming = [f for f in connections if f.target == name]
    outgoing = [(f, tilings[f.target]) for f in connections if f.source == name]

    def use(tile: Tile) -> CoreUse:
        axons_out = sum(f.axons_out(tile, target, chip) for f, target in outgoing)
        return CoreUse(
            neurons=tile.neurons * compartments,
            synapse_words=sum(f.words(tile, weight_bits, chip) for f in incoming),
            axons_in=sum(f.axons_in(tile, chip) for f in incoming),
            axons_out=axons_out if outgoing else unread_axons_out(tile, chip),
        )

    return use


def _tiling(
    shape: tuple[int, ...], use: Callable[[Tile], CoreUse], limits: CoreUse, of_vectors: CoreUse | None
) -> Tiling:
    """Cut a population by the rule above; into single units if not even one fits."""

    def fits(tile: Tile) -> bool:
        return not use(tile).exceeds(limits)

    whole = Tile.of(shape)
    if not fits(_UNIT):
        return Tiling(_UNIT, whole)
    if len(shape) == 1:
        units = bisect_left(range(1, whole.channels + 1), True, key=lambda n: not fits(Tile(n, 1, 1)))
        parts = ceil(whole.channels / units)
        if of_vectors is not None:
            parts = max(parts, _multiplied(whole.channels, use, of_vectors))
        return Tiling(Tile(ceil(whole.channels / parts), 1, 1), Tile(parts, 1, 1))
    height, rows = next(cut for cut in _halvings(whole.height) if fits(Tile(1, cut[0], 1)))
    channels, groups = next(cut for cut in _halvings(whole.channels) if fits(Tile(cut[0], height, 1)))
    widths = (1 << exponent for exponent in reversed(range((whole.width - 1).bit_length() + 1)))
    width = next(width for width in widths if fits(Tile(channels, height, width)))
    tile = Tile(channels, height, min(width, whole.width))
    return Tiling(tile, Tile(groups, rows, ceil(whole.width / width)))


def _multiplied(units: int, use: Callable[[Tile], CoreUse], limits: CoreUse) -> int:
    """Return into how many parts a vector is cut whose parts are cut again as long as they exceed the limits."""
    parts = 1
    while parts < units:
        over = ceil(max(use(Tile(ceil(units / parts), 1, 1)).fractions(limits).values()))
        if over <= 1:
            break
        parts = min(units, parts * over)
    return parts


def _halvings(extent: int) -> Iterator[tuple[int, int]]:
    """Yield (size of the largest part, number of parts) of ``extent`` in 1, 2, 4, ... even parts."""
    for exponent in range((extent - 1).bit_length() + 1):
        parts = min(1 << exponent, extent)
        yield ceil(extent / parts), parts


def _placements(
    cuts: Mapping[str, Sequence[Cut]],
    tilings: Mapping[str, Tiling],
    uses: Mapping[str, CoreUse],
    limits: CoreUse,
    word_bits: int,
) -> Iterator[PopulationPlacement]:
    first = 0
    for name, tiling in tilings.items():
        use, of_axes = uses[name], tuple(cuts[name])
        fractions = use.fractions(limits)
        tile, cores = tuple(cut.largest for cut in of_axes), tiling.cores
        binding = max(fractions, key=lambda resource: fractions[resource])
        bits = cores * use.synapse_words * word_bits
        yield PopulationPlacement(name, tile, cores, first, *use, bits, fractions, binding, of_axes)
        first += cores
