"""The words that a layer takes from the core that holds it, as sinabs' ``memory_summary`` counts them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from spear_deploy.network.ops import Pair
from spear_deploy.targets.speck.layers import Layer
from spear_deploy.targets.speck.profile import SpeckProfile


class Words(NamedTuple):
    """Words of a core's three memories."""

    kernel: int
    neuron: int
    bias: int

    def fits(self, core: Words) -> bool:
        """Whether a core has as many."""
        return all(need <= have for need, have in zip(self, core, strict=True))

    def beyond(self, core: Words) -> Words:
        """Return what a core lacks."""
        return Words(*(max(0, need - have) for need, have in zip(self, core, strict=True)))

    def shares(self, core: Words) -> dict[str, float]:
        """Return the share of each of a core's memories that is taken."""
        return {f"{name}_words": need / have for name, need, have in zip(self._fields, self, core, strict=True)}

    def __str__(self) -> str:
        return ", ".join(f"{words:,} {name} words" for name, words in zip(self._fields, self, strict=True) if words)


@dataclass(frozen=True)
class LayerSize:
    """What a layer's need of memory depends on; ``map`` is (y, x) of its neurons, before they are pooled."""

    name: str
    sources: tuple[str, ...]
    channels_in: int
    channels: int
    kernel: Pair
    map: Pair
    has_bias: bool
    is_output: bool

    @property
    def words(self) -> Words:
        """Kernels and maps are addressed by bits: each extent counts as the next power of two.

        Input channels count as they are, and so do the channels of the neurons.
        """
        kernel = self.channels_in * up_to_power(self.kernel[0] * self.kernel[1]) * up_to_power(self.channels)
        neurons = self.channels * up_to_power(self.map[0]) * up_to_power(self.map[1])
        return Words(kernel, neurons, self.channels if self.has_bias else 0)


def up_to_power(count: int) -> int:
    """Return the smallest power of two that is not below ``count``."""
    return 1 << (count - 1).bit_length()


def size_of(layer: Layer, *, has_bias: bool, is_output: bool) -> LayerSize:
    """Return the size of a layer that has kernels; sources that are summed share them."""
    kernel = layer.feeds[0].kernel
    assert kernel is not None
    sources = tuple(dict.fromkeys(feed.projection.source for feed in layer.feeds))
    channels, channels_in, height, width = kernel.weight.shape
    cells = (layer.map[1], layer.map[2])
    return LayerSize(
        layer.name, sources, channels_in * kernel.groups, channels, (height, width), cells, has_bias, is_output
    )


def cores_of(chip: SpeckProfile) -> tuple[Words, ...]:
    """Return the memories of every core of a chip."""
    memory = chip.memory
    columns = (memory.kernel_words.value, memory.neuron_words.value, memory.bias_words.value)
    return tuple(Words(*words) for words in zip(*columns, strict=True))
