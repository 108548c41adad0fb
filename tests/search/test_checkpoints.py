"""Fine-tuned weights of an interrupted run: taken as they were written, or trained anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from spear_deploy.data import Dataset
from spear_deploy.journal import Journal
from spear_deploy.network import Network
from spear_deploy.search.checkpoints import Checkpoints
from spear_deploy.simulate.simulator import FloatSimulator
from spear_deploy.targets import Compiler, InputRange, LoweringOptions, compiler_for, load_chip
from spear_deploy.train.config import FinetuneConfig
from spear_deploy.train.finetune import Tuned, finetune


@pytest.fixture
def chip() -> Compiler:
    return compiler_for(load_chip("loihi2"), {"input": InputRange()}, LoweringOptions())


@pytest.mark.parametrize("kind", ["float", "chip"])
@pytest.mark.parametrize("damage", [None, "gone", "changed"])
def test_the_same_network_comes_back(
    kind: str, damage: str | None, chip: Compiler, tiny_network: Network, tiny_data: Dataset, tmp_path: Path
) -> None:
    """From the file without training; where it is gone or not the one that was written, by training again."""
    simulator = FloatSimulator if kind == "float" else chip.trainable
    trained: list[Tuned] = []

    def tune() -> Tuned:
        config = FinetuneConfig(epochs=2, batch=24, learning_rate=1e-2)
        trained.append(finetune(tiny_network, tiny_data.train, config, seed=0, simulator=simulator))
        return trained[-1]

    def run(*, resume: bool) -> Tuned:
        journal = Journal(tmp_path / "journal", {}, resume=resume)
        return Checkpoints(journal, tmp_path / "weights").once({"as": kind}, tiny_network, simulator, tune)

    first = run(resume=False)
    (file,) = (tmp_path / "weights").iterdir()
    if damage == "gone":
        file.unlink()
    if damage == "changed":
        file.write_bytes(file.read_bytes()[:-3] + b"abc")
    again = run(resume=True)
    assert again.network.content_hash == first.network.content_hash != tiny_network.content_hash
    assert again.multiplier == first.multiplier
    assert len(trained) == (1 if damage is None else 2)
