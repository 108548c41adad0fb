"""How long a search will take."""

from __future__ import annotations

from dataclasses import replace

from spear_deploy.search.options import SearchOptions
from spear_deploy.search.outlook import Pace, outlook
from spear_deploy.train.config import FinetuneConfig

OPTIONS = SearchOptions(
    stage=FinetuneConfig(epochs=1e9, max_steps=10),
    compare=FinetuneConfig(epochs=1e9, max_steps=20),
    finish=FinetuneConfig(epochs=1e9, max_steps=100),
    reference=FinetuneConfig(epochs=1e9, max_steps=40),
)


def test_batches_at_their_pace() -> None:
    """Two stages of 10 batches in float; four networks of 20, the closing and the reference as the chip computes."""
    pace = Pace()
    assert outlook(OPTIONS, pace, 0.5, 640) == ""
    pace.add("float", 30.0, 60)
    assert "about 3m50s of training" in outlook(OPTIONS, pace, 0.5, 640)  # 20 / 2 s, and 220 at twice that
    pace.add("chip", 20.0, 10)
    pace.add("chip", 40.0, 20)
    assert "about 7m30s of training" in outlook(OPTIONS, pace, 0.5, 640)
    few = replace(OPTIONS, finish=replace(OPTIONS.finish, max_steps=1), compare=replace(OPTIONS.compare, max_steps=1))
    quick = Pace()
    quick.add("float", 0.1, 60)
    assert outlook(few, quick, 0.5, 640) == ""
