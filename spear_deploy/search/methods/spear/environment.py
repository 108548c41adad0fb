"""The search as a Gymnasium environment: an episode walks the groups and chooses how much of each to keep.

The observation of a group describes its layer, what it costs, and what has been decided so far, in the
manner of AMC (He et al. 2018); the action in [-1, 1] maps to a keep ratio in [lowest, 1].  Budgets that are
known without running (cores, neurons, synaptic memory) clip the action.  The reward comes at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

KeepCounts = Mapping[str, int]
"""How many units each group keeps."""


@dataclass(frozen=True)
class Layer:
    """A group as the agent sees it: number of units, fan-in of a unit, share of all SynOps it causes."""

    name: str
    units: int
    fan_in: int
    synops_share: float
    is_map: bool


@dataclass(frozen=True)
class Outcome:
    """What an episode's network did before fine-tuning: accuracy (0..1), SynOps as a share of the unpruned."""

    accuracy: float
    synops: float


class KeepRatios(gymnasium.Env[NDArray[np.float32], NDArray[np.float32]]):
    """One step a group; ``evaluate`` runs the network of an episode, ``reward`` judges its outcome.

    ``fits`` tells whether a (partly decided) network is within the deterministic budgets; undecided groups
    count at their smallest.
    """

    def __init__(
        self,
        layers: tuple[Layer, ...],
        evaluate: Callable[[KeepCounts], Outcome],
        reward: Callable[[Outcome], float],
        fits: Callable[[KeepCounts], bool],
        lowest: float = 0.1,
    ) -> None:
        self.layers = layers
        self.lowest = lowest
        self.episodes: list[tuple[KeepCounts, Outcome]] = []
        self._evaluate, self._reward, self._fits = evaluate, reward, fits
        self._decided: dict[str, int] = {}
        self.action_space = spaces.Box(-1.0, 1.0, (1,), np.float32)
        self.observation_space = spaces.Box(-1.0, 2.0, (8,), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Start an episode with nothing decided."""
        super().reset(seed=seed)
        self._decided = {}
        return self._observation(), {}

    def step(self, action: NDArray[np.float32]) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Decide one group; at the last one evaluate and return the reward."""
        layer = self.layers[len(self._decided)]
        ratio = self.lowest + (1 - self.lowest) * (float(np.clip(action[0], -1, 1)) + 1) / 2
        self._decided[layer.name] = self._clipped(layer, keep_count(layer.units, ratio))
        if len(self._decided) < len(self.layers):
            return self._observation(), 0.0, False, False, {}
        counts = dict(self._decided)
        outcome = self._evaluate(counts)
        self.episodes.append((counts, outcome))
        return self._observation(), self._reward(outcome), True, False, {}

    def smallest(self) -> KeepCounts:
        """Return the smallest network that the search may build."""
        return smallest_counts({layer.name: layer.units for layer in self.layers}, self.lowest)

    def _clipped(self, layer: Layer, count: int) -> int:
        """Lower ``count`` until the network fits with all undecided groups at their smallest (bisection)."""

        def fits(candidate: int) -> bool:
            return self._fits({**self.smallest(), **self._decided, layer.name: candidate})

        low = keep_count(layer.units, self.lowest)
        if count <= low or fits(count):
            return count
        high = count
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if fits(middle) else (low, middle)
        return low

    def _observation(self) -> NDArray[np.float32]:
        index = min(len(self._decided), len(self.layers) - 1)
        layer = self.layers[index]
        kept = [self._decided[item.name] / item.units for item in self.layers[: len(self._decided)]]
        shares = [item.synops_share for item in self.layers]
        saved = sum((1 - ratio) * share for ratio, share in zip(kept, shares, strict=False))
        return np.array(
            [
                index / max(1, len(self.layers) - 1),
                float(layer.is_map),
                layer.units / max(item.units for item in self.layers),
                layer.fan_in / max(item.fan_in for item in self.layers),
                layer.synops_share,
                saved,
                sum(shares[len(kept) :]),
                kept[-1] if kept else 1.0,
            ],
            dtype=np.float32,
        )


def keep_count(units: int, ratio: float) -> int:
    """Return how many of ``units`` a ratio keeps: at least one."""
    return min(units, max(1, round(units * ratio)))


def smallest_counts(units: Mapping[str, int], lowest: float) -> dict[str, int]:
    """Return the keep counts of the smallest network that ratios of at least ``lowest`` allow."""
    return {name: keep_count(count, lowest) for name, count in units.items()}
