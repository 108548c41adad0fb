"""What a cut does to a network before any training: as it is, recalibrated, and compensated by least squares.

Units at one ratio for all, or single weights of the least worth for their SynOps (by first-order Taylor), are removed
at once until a share of the SynOps is left, by the rates before.  For each: accuracy on 512 validation samples in
float, SynOps as a share of what was aimed at, which rates that change spoil, and seconds of a core.  Least squares is
:mod:`spear_deploy.search.toolkit.compensation`, on a hundred samples.

    python -m benchmarks.recalibration --network digits
    python -m benchmarks.recalibration --network cifar-vgg --data-dir build/cifar
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.evaluators import Subject, subject
from benchmarks.pruning import NETWORKS, known
from spear_deploy.measure.runs import measure_float
from spear_deploy.network import Network
from spear_deploy.network.units import Units, keep_units
from spear_deploy.search.evaluator import Evaluator
from spear_deploy.search.recalibration import recalibrate
from spear_deploy.search.synapses import SynapseCosts, masked
from spear_deploy.search.thinning import worths
from spear_deploy.search.toolkit.compensation import compensate

RESULTS = Path(__file__).parent / "results" / "recalibration.jsonl"
SHARES = (75, 50, 30)
_SAMPLES, _FITTED = 512, 100


@dataclass(frozen=True, eq=False)
class Cut:
    """A network that lost units or weights; ``kept`` are the units of each group that are left."""

    of: str
    network: Network
    kept: Mapping[str, Units]


def cuts(some: Subject, share: float) -> Iterator[Cut]:
    """Yield the network with fewer units, and with fewer weights."""
    evaluator = some.evaluator
    network, execution, train = evaluator.baseline.network, evaluator.execution, evaluator.data.train
    kept = evaluator.kept_units(some.uniform(share))
    yield Cut("units", keep_units(network, kept), kept)
    synapses = SynapseCosts.of(network, evaluator.data.val.some(_SAMPLES), execution)
    worth = worths(synapses, train.some(_SAMPLES), execution)["taylor"]
    yield Cut("weights", masked(network, synapses.kept(worth, share)), {})


def made_good(cut: Cut, evaluator: Evaluator) -> Iterator[tuple[str, Network, float]]:
    """Yield the cut network in each way, with the seconds of a core that it took."""
    before, train, execution = evaluator.baseline.network, evaluator.data.train, evaluator.execution
    ways: Mapping[str, Callable[[], Network]] = {
        "as it is": lambda: cut.network,
        "recalibrated": lambda: recalibrate(before, cut.network, cut.kept, train, execution),
        "least squares": lambda: compensate(before, cut.network, cut.kept, train.some(_FITTED), execution),
    }
    for name, way in ways.items():
        started = time.process_time()
        yield name, way(), time.process_time() - started


def rows(network: str, folder: Path | None, shares: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Cut, make good in each way, and measure."""
    with subject(network, folder, 0) as some:
        evaluator = some.evaluator
        val, execution = evaluator.data.val.some(_SAMPLES), evaluator.execution
        whole = measure_float(evaluator.baseline.network, val, execution)
        for share in shares:
            for cut in cuts(some, share / 100):
                row = {"network": network, "share": share, "of": cut.of, "whole": whole.accuracy}
                for way, made, seconds in made_good(cut, evaluator):
                    found = measure_float(made, val, execution)
                    use = 100 * found.mean_synops / whole.mean_synops / share
                    yield {**row, "way": way, "accuracy": found.accuracy, "use": use, "seconds": seconds}


def table(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a table: a row for each cut, for each way accuracy, SynOps / aim, and seconds."""
    ways = list(dict.fromkeys(each["way"] for each in found))
    yield "| network | SynOps left | fewer | " + " | ".join(ways) + " |"
    yield "|---|---|---|" + "---|" * len(ways)
    for key in dict.fromkeys((each["network"], each["whole"], each["share"], each["of"]) for each in found):
        own = [each for each in found if (each["network"], each["whole"], each["share"], each["of"]) == key]
        cells = [f"{100 * e['accuracy']:.1f} %, {e['use']:.2f}{spent(e['seconds'])}" for e in own]
        yield f"| {key[0]} ({100 * key[1]:.1f} %) | {key[2]} % | {key[3]} | {' | '.join(cells)} |"


def spent(seconds: float) -> str:
    """Return seconds of a core, of what takes some."""
    return f", {seconds:.1f} s" if seconds > 0.01 else ""


def main() -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=NETWORKS, default="digits")
    parser.add_argument("--data-dir", type=Path)
    given = parser.parse_args()
    if given.network not in {each["network"] for each in known(RESULTS)}:
        lines = [json.dumps(row, sort_keys=True) + "\n" for row in rows(given.network, given.data_dir, SHARES)]
        with RESULTS.open("a") as stream:
            stream.writelines(lines)
    Console(width=160).print("\n".join(table(known(RESULTS))), markup=False, highlight=False)


if __name__ == "__main__":
    main()
