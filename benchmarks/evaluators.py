"""What studies of the search's parts share: their arguments, a measured baseline, and an evaluator of its networks."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.pruning import NETWORKS, example
from spear_deploy.budgets import ask
from spear_deploy.deployment.options import DeployOptions
from spear_deploy.deployment.run import run_steps
from spear_deploy.deployment.work import Work
from spear_deploy.execution import Execution
from spear_deploy.journal import Journal
from spear_deploy.progress import Progress
from spear_deploy.search.checkpoints import Checkpoints
from spear_deploy.search.evaluator import Evaluator
from spear_deploy.search.gradual import GradualPath, Stage
from spear_deploy.search.methods import Proposal
from spear_deploy.search.options import EFFORTS
from spear_deploy.search.space import KeepCounts, Space, keep_count, widest_uniform
from spear_deploy.targets import LoweringOptions, load_chip

LOWEST = EFFORTS["normal"].lowest_ratio


def study_arguments(description: str | None, budgets: Sequence[int], seeds: Sequence[int]) -> argparse.Namespace:
    """Parse the command line of a study: what to run, or ``--table`` alone."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=NETWORKS, default="digits")
    parser.add_argument("--budgets", nargs="+", type=int, default=budgets)
    parser.add_argument("--seeds", nargs="+", type=int, default=seeds)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--table", action="store_true", help="run nothing")
    return parser.parse_args()


def quiet(done: int, total: int) -> None:
    """Show no progress."""


@dataclass(frozen=True)
class Subject:
    """A network under study: the evaluator of its pruned forms, and the widths that they may have."""

    evaluator: Evaluator
    space: Space

    def uniform(self, share: float) -> KeepCounts:
        """Return the largest widths of one ratio within a share of the SynOps."""
        return widest_uniform(self.space, lambda counts: self.evaluator.outcome(Proposal(counts)).synops <= share)

    def ratios(self, counts: KeepCounts) -> tuple[float, ...]:
        """Return the keep ratio of each group."""
        return tuple(counts[name] / units for name, units in self.space.units.items())

    @property
    def unpruned(self) -> GradualPath:
        """The path of gradual pruning before its first stage."""
        kept = {name: np.arange(units) for name, units in self.space.units.items()}
        return GradualPath((Stage(self.evaluator.baseline.network, kept, 1.0, 0),), ())

    def drawn(self, rng: np.random.Generator) -> KeepCounts:
        """Return random widths: a ratio for each group, evenly in its logarithm."""
        return self.of_logs(rng.uniform(np.log(LOWEST), 0.0, len(self.space.groups)))

    def of_logs(self, logs: NDArray[np.float64]) -> KeepCounts:
        """Return the widths of these logarithms of keep ratios."""
        ratios = np.exp(np.clip(logs, np.log(LOWEST), 0.0))
        return {
            group.name: keep_count(group.units, float(ratio))
            for group, ratio in zip(self.space.groups, ratios, strict=True)
        }


@contextmanager
def subject(name: str, folder: Path | None, seed: int) -> Iterator[Subject]:
    """Yield a measured network of the examples; what is trained for it is removed when the block ends."""
    imported, data = example(name, folder)
    with TemporaryDirectory() as output:
        place = Path(output)
        asked = DeployOptions(
            place / "out",
            ask({"synops": "50%"}),
            LoweringOptions(),
            execution=Execution(seed=seed),
            allow_loss=True,
            until="baseline",
        )
        work = Work(imported=imported, data=data, chip=load_chip("loihi2"), options=asked)
        work = run_steps(work, Progress(Console(quiet=True)))
        assert work.baseline is not None
        assert work.compiler is not None
        checkpoints = Checkpoints(Journal(place / "journal", {}, resume=False), place / "weights")
        options, execution = EFFORTS["normal"], work.options.execution
        evaluator = Evaluator(work.baseline, work.data, work.compiler, options, execution, checkpoints)
        yield Subject(evaluator, Space(evaluator.prunable_groups(), LOWEST, lambda _: 0.0))
