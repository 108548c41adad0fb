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
        method: a name of :data:`spear_deploy.search.methods.METHODS`.
        episodes: networks that the method may have judged, before fine-tuning.
        candidates: networks of the method that are fine-tuned briefly and compared.
        beside: what is compared with them always: ``gradual`` and ``uniform`` widths, and from ``scratch`` the latter.
        lowest_ratio: smallest keep ratio of a group.
        aim: share of a budget that fine-tuning presses what is judged towards.
        least_use: a network below so much of its budget wastes it, and another one is tried.
        rate: learning rate; None: it is found by short runs.
        trial: each of these short runs.
        stage: the short fine-tuning after each stage of gradual pruning.
        compare: the fine-tuning after which candidates are compared.
        finish: the closing fine-tuning at most; it ends earlier when the validation samples gain nothing.
        reference: the fine-tuning of the unpruned network, beside which the loss is reported, at most.
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
        """The decision rule that networks are judged by: the one that their fine-tuning follows."""
        return self.finish.decide

    def suited(self, *, counts_zeros: bool) -> SearchOptions:
        """Return the same for a chip that may count a weight of zero as an operation, as any other weight.

        There single synapses save nothing, and units go until the target: ``synapses`` is then ``gradual``.
        """
        return replace(self, method="gradual") if counts_zeros and self.method == "synapses" else self

    def training(self, *, decide: str | None, augment: tuple[str, ...]) -> SearchOptions:
        """Return the same, each fine-tuning under the decision rule of that name (None: the output's usual one), of
        samples that these augmentations change.
        """
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
"""How much is spent, by name."""
