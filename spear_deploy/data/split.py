"""Seeded, stratified draws: each part of a data set has every class in about its share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.intp]

TEST, VALIDATION = 1, 2
"""Random streams of a seed: parts are drawn independently of each other and of its other uses."""


def draw(
    labels: NDArray[Any], pool: Indices, count: int, seed: int, stream: int, *, keep: int
) -> tuple[Indices, Indices]:
    """Draw ``count`` samples of the ``pool``, stratified by label; return them and the rest, both sorted.

    Of each class at least one is drawn, where there are enough, and ``keep`` stay behind, where that is possible.
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(stream,)))
    classes, members = np.unique(labels[pool], return_inverse=True)
    shares = _apportion(np.bincount(members, minlength=len(classes)), count, keep, rng)
    chosen = [rng.permutation(pool[members == index])[:share] for index, share in enumerate(shares)]
    drawn = np.sort(np.concatenate(chosen))
    return drawn, np.setdiff1d(pool, drawn)


def _apportion(sizes: NDArray[np.intp], count: int, keep: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return how many of each class are drawn: its share by largest remainders, within the bounds of :func:`draw`."""
    caps = next(c for c in (np.maximum(sizes - k, 0) for k in range(keep, -1, -1)) if c.sum() >= count)
    least = np.minimum(caps, 1) if np.count_nonzero(caps) <= count else np.zeros_like(caps)
    quotas = sizes * (count / sizes.sum())
    shares: NDArray[np.intp] = np.clip(np.floor(quotas).astype(np.intp), least, caps)
    order = rng.permutation(len(sizes))  # who gets what is scarce
    while shares.sum() < count:
        lacking = np.where(shares < caps, quotas - shares, -np.inf)
        shares[order[np.argmax(lacking[order])]] += 1
    while shares.sum() > count:
        beyond = np.where(shares > least, shares - quotas, -np.inf)
        shares[order[np.argmax(beyond[order])]] -= 1
    return shares
