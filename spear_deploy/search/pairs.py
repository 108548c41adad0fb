"""The pairs that LRE learns from before the search: random networks near the target, fine-tuned briefly."""

from __future__ import annotations

import numpy as np

from spear_deploy.progress import Tick
from spear_deploy.search.evaluator import Evaluator
from spear_deploy.search.lre import Pair, fit
from spear_deploy.search.methods import Proposal
from spear_deploy.search.space import Space, keep_count

_FEWEST = 6
_INTERVAL = 0.1
"""LRE takes samples until its prediction interval at the target is within this share of the target."""
_RATIO_SPREAD = 0.15
"""Standard deviation of the ratios of one network around its mean ratio: uneven networks too (chosen)."""
_FAR_SHARE = 0.05
"""Share of the networks outside half to twice the target that are taken all the same, so that drawing ends (chosen)."""


def first_pairs(evaluator: Evaluator, space: Space, target: float, tick: Tick) -> list[Pair]:
    """Fine-tune random networks near ``target`` until the prediction interval is narrow enough."""
    rng = np.random.default_rng(evaluator.execution.seed)
    most = evaluator.options.samples
    pairs: list[Pair] = []
    while len(pairs) < most:
        pairs.append(evaluator.pair(_draw_near(evaluator, space, target, rng)))
        tick(len(pairs), most)
        line = fit(pairs)
        if len(pairs) >= _FEWEST and line.half_width(line.inverse(target)) < _INTERVAL * target:
            break
    return pairs


def _draw_near(evaluator: Evaluator, space: Space, target: float, rng: np.random.Generator) -> Proposal:
    """Draw keep ratios until SynOps before fine-tuning lie within half to twice the target."""
    units = space.units
    while True:
        centre = rng.uniform(space.lowest, 1.0)
        ratios = np.clip(rng.normal(centre, _RATIO_SPREAD, len(units)), space.lowest, 1.0)
        counts = {n: keep_count(u, float(r)) for (n, u), r in zip(units.items(), ratios, strict=True)}
        proposal = Proposal(counts)
        if target / 2 <= evaluator.outcome(proposal).synops <= 2 * target or rng.random() < _FAR_SHARE:
            return proposal
