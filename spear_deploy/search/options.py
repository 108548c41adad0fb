"""The options of the search, in a module of their own so that they can be read without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from spear_deploy.train.config import FinetuneConfig


@dataclass(frozen=True)
class SearchOptions:
    """How long and how the search runs.

    Attributes:
        method: a name in :data:`spear_deploy.search.methods.METHODS`.
        episodes: networks that the method may propose; each is scored without fine-tuning.
        candidates: networks of the method that are fine-tuned briefly and compared.
        beside: networks that are always compared with them: ``gradual`` and ``uniform`` widths, and the latter trained
            from ``scratch``.
        lowest_ratio: smallest keep ratio of a group.
        aim: share of a budget that fine-tuning aims for.
        least_use: a network that uses less than this share of its budget wastes it: another is preferred.
        rate: learning rate; None: found by short trial runs.
        trial: fine-tuning of each trial run.
        stage: fine-tuning after each stage of gradual pruning.
        compare: fine-tuning before candidates are compared.
        finish: the closing fine-tuning at its longest; it ends early once the validation samples gain nothing.
        reference: fine-tuning of the unpruned network, the reference for the reported loss, at its longest.
    """

    method: str = "synapses"
    episodes: int = 160
    candidates: int = 1
    beside: tuple[str, ...] = ("gradual", "uniform", "scratch")
    lowest_ratio: float = 0.02
    aim: float = 0.99
    least_use: float = 0.9
    rate: float | None = None
    trial: FinetuneConfig = field(default_factory=lambda: FinetuneConfig(epochs=4.0, max_steps=40))
    stage: FinetuneConfig = field(default_factory=lambda: FinetuneConfig(epochs=3.0, max_steps=40))
    compare: FinetuneConfig = field(default_factory=lambda: FinetuneConfig(epochs=4.0, max_steps=80))
    finish: FinetuneConfig = field(default_factory=lambda: FinetuneConfig(epochs=40.0, max_steps=1600, least_steps=400))
    reference: FinetuneConfig = field(default_factory=lambda: FinetuneConfig(epochs=40.0, max_steps=200))

    @property
    def decide(self) -> str | None:
        """The decision rule of all networks, in fine-tuning and measurement."""
        return self.finish.decide

    def suited(self, *, counts_zeros: bool) -> SearchOptions:
        """Return the options for a chip, which may count an operation for a weight of zero.

        There, removing single synapses saves nothing: ``synapses`` becomes ``gradual``, which removes units only.
        """
        return replace(self, method="gradual") if counts_zeros and self.method == "synapses" else self

    def training(self, *, decide: str | None, augment: tuple[str, ...]) -> SearchOptions:
        """Return the options with this decision rule (None: the usual one) and augmentation in every fine-tuning."""
        names = ("trial", "stage", "compare", "finish", "reference")
        return replace(self, **{name: replace(getattr(self, name), decide=decide, augment=augment) for name in names})


def _spending(usual: SearchOptions, share: float) -> SearchOptions:
    """Return the options for fine-tuning ``share`` times as long."""
    names = ("stage", "compare", "finish", "reference")
    return replace(usual, **{name: getattr(usual, name).scaled(share) for name in names})


EFFORTS: Mapping[str, SearchOptions] = MappingProxyType(
    {
        "quick": _spending(SearchOptions(episodes=40), 0.25),
        "normal": SearchOptions(),
        "thorough": _spending(SearchOptions(episodes=800, candidates=3), 3.0),
    }
)
"""Presets of ``--effort`` by name."""
