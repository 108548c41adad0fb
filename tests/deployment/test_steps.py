"""A whole deployment: what is written, when nothing is, and that a run can be repeated and resumed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from spear_deploy.data import DataOptions, Dataset, load_data
from spear_deploy.deployment.bundle import MANIFEST, MODEL, PAGE, PROGRAM, REPORT, SAMPLES, read_bundle
from spear_deploy.deployment.folder import JOURNAL, WEIGHTS
from spear_deploy.deployment.verdict import error_of
from spear_deploy.deployment.work import Work
from spear_deploy.errors import BudgetNotMetError, InputError, SpearError, UnsupportedError
from spear_deploy.frontends import Imported, load
from spear_deploy.measure.runs import measure_program
from spear_deploy.network import Input, Linear, Network, Population
from spear_deploy.progress import Progress
from spear_deploy.storage import sha256
from tests.tiny_deployments import SEARCH, Deploy

REPEATABLE = (PROGRAM, MODEL, SAMPLES)


def hashes(folder: Path) -> dict[str, str]:
    return {name: sha256(folder / name) for name in REPEATABLE}


def files(folder: Path) -> list[str]:
    return sorted(item.name for item in folder.iterdir()) if folder.is_dir() else []


def refused(call: Callable[[], Any], kind: type[SpearError]) -> list[str]:
    with pytest.raises(kind) as caught:
        call()
    return [finding.code for finding in caught.value.findings]


# What is written


def test_the_bundle_is_whole(deployed: Work) -> None:
    """The folder holds the bundle and the journal, every hash in the manifest is right, and it opens."""
    folder = deployed.options.output
    assert set(files(folder)) >= {MANIFEST, JOURNAL, *REPEATABLE}
    bundle = read_bundle(folder)
    assert bundle.manifest["files"] == hashes(folder)
    assert bundle.manifest["chip"] == "loihi2"
    assert bundle.manifest["network"] == deployed.measured.network.content_hash
    assert bundle.x.shape == (8, 6, 12)
    assert bundle.y.shape == (8,)


def test_the_program_is_the_one_that_was_measured(deployed: Work) -> None:
    """Run again from its file on the test samples, the program does exactly what was measured."""
    program = read_bundle(deployed.options.output).program
    again = measure_program(program, deployed.data.test)
    np.testing.assert_array_equal(again.total, deployed.on_test.activity.total)
    np.testing.assert_array_equal(again.scores, deployed.on_test.activity.scores)


def test_the_model_is_the_pruned_network(deployed: Work) -> None:
    """model.nir is read without options as the chosen network, and lists the units that were kept."""
    imported = load(deployed.options.output / MODEL)
    assert imported.network.content_hash == deployed.measured.network.content_hash
    kept = json.loads(imported.network.metadata["spear_deploy"]["kept_units"])
    assert {name: len(units) for name, units in kept.items()} == {
        name: deployed.measured.network[name].units for name in kept
    }


def test_samples_are_those_of_the_test_split(deployed: Work) -> None:
    """The bundle's samples are test samples with their labels, as the chip's input takes them."""
    bundle = read_bundle(deployed.options.output)
    x, y = next(deployed.data.test.batches(len(deployed.data.test)))

    def pairs(x: np.ndarray, y: np.ndarray) -> set[tuple[bytes, int]]:
        return {(sample.astype(np.uint8).tobytes(), int(label)) for sample, label in zip(x, y, strict=True)}

    assert pairs(bundle.x, bundle.y) < pairs(np.moveaxis(x, 1, 0), y)


def test_already_within(run_deploy: Deploy, imported: Imported, tmp_path: Path) -> None:
    """A network within its budgets is not searched: it is written as it is, without a journal."""
    deployment = run_deploy(tmp_path / "build", synops="100%")
    assert deployment.search is None
    assert error_of(deployment) is None
    assert load(tmp_path / "build" / MODEL).network.content_hash == imported.network.content_hash
    assert files(tmp_path / "build") == sorted([MANIFEST, *REPEATABLE])


def test_an_absolute_budget(run_deploy: Deploy, deployed: Work, tmp_path: Path) -> None:
    """The same limit as a number gives the same bundle as the percentage."""
    deployment = run_deploy(tmp_path / "build", synops=repr(deployed.goal.budgets[0].limit))
    assert hashes(tmp_path / "build") == hashes(deployed.options.output)
    assert deployment.goal.budgets == deployed.goal.budgets


# What is refused


@pytest.mark.parametrize(("budget", "resource"), [({"synops": "1%"}, "synops"), ({"cores": 1}, "cores")])
def test_budgets_out_of_reach(budget: dict[str, Any], resource: str, run_deploy: Deploy, tmp_path: Path) -> None:
    """A budget that even the smallest network exceeds is E041, told before any training, of the unpruned network."""
    work = run_deploy(tmp_path / "build", **budget)
    error = error_of(work)
    assert isinstance(error, BudgetNotMetError)
    assert [(finding.code, finding.where) for finding in error.findings] == [("E041", resource)]
    assert error.findings[0].fix
    assert files(tmp_path / "build") == sorted([MANIFEST, *REPEATABLE])
    assert read_bundle(tmp_path / "build").manifest["network"] == work.imported.network.content_hash


def test_all_budgets_out_of_reach(run_deploy: Deploy, tmp_path: Path) -> None:
    """Each is named, not the first alone."""
    error = error_of(run_deploy(tmp_path / "build", synops="1%", cores=1))
    assert [finding.where for finding in error.findings] == ["synops", "cores"]


def test_unusable_outputs(run_deploy: Deploy, tmp_path: Path) -> None:
    """A path below a file, and a folder with somebody else's files, are E009; what was there stays."""
    (tmp_path / "file").write_text("x")
    assert refused(lambda: run_deploy(tmp_path / "file" / "build"), InputError) == ["E009"]
    other = tmp_path / "thesis"
    other.mkdir()
    (other / "chapter1.tex").write_text("x")
    assert refused(lambda: run_deploy(other), InputError) == ["E009"]
    assert files(other) == ["chapter1.tex"]


def test_a_new_run_replaces_the_old_bundle(run_deploy: Deploy, deployed: Work, tmp_path: Path) -> None:
    """A finished bundle and a journal are lost by force alone; nothing of them survives beside the new bundle then."""
    run_deploy(tmp_path / "build", synops="100%")
    (tmp_path / "build" / JOURNAL).write_text("{}")
    before = {path: path.read_bytes() for path in (tmp_path / "build").iterdir()}
    for state in ("interrupted", "bundle of an earlier run"):
        with pytest.raises(InputError, match=f"E018.*{state}"):
            run_deploy(tmp_path / "build", synops="101%")
        for name in (REPORT, PAGE):
            before[tmp_path / "build" / name] = b"{}"
            (tmp_path / "build" / name).write_bytes(b"{}")
    assert {path: path.read_bytes() for path in (tmp_path / "build").iterdir()} == before
    run_deploy(tmp_path / "build", synops="101%", force=True)
    assert files(tmp_path / "build") == sorted([MANIFEST, *REPEATABLE])


def test_a_silent_network(run_deploy: Deploy, imported: Imported, tmp_path: Path) -> None:
    """A network without a single nonzero weight does no SynOps: the semantics or the data must be wrong, E005."""
    silent = tuple(
        replace(projection, ops=tuple(Linear(np.zeros_like(op.weight)) for op in projection.ops))
        for projection in imported.network.projections
    )
    model = replace(imported, network=replace(imported.network, projections=silent))
    assert refused(lambda: run_deploy(tmp_path / "build", model=model), InputError) == ["E005"]
    assert files(tmp_path / "build") == []


@pytest.mark.parametrize(
    ("part", "said"), [("val", "does not fire on its validation samples"), ("train", "all training samples are 0")]
)
def test_silent_parts(part: str, said: str, run_deploy: Deploy, tiny_data: Dataset, tmp_path: Path) -> None:
    """Validation samples without a spike, which nothing can be a share of, and training samples of zeros are E005."""
    split = getattr(tiny_data, part)
    spikes = split.samples.spikes.copy()
    spikes[split.indices] = 0
    data = replace(tiny_data, **{part: replace(split, samples=replace(split.samples, spikes=spikes))})
    with pytest.raises(InputError, match=f"E005.*{said}"):
        run_deploy(tmp_path / "build", data=data)
    assert files(tmp_path / "build") == []


def test_data_that_does_not_fit(run_deploy: Deploy, tmp_path: Path) -> None:
    """Samples of another shape and labels beyond the outputs are told before anything is written."""
    np.savez(tmp_path / "d.npz", x=np.ones((20, 6, 11), np.uint8), y=np.arange(20))
    data = load_data(str(tmp_path / "d.npz"), DataOptions())
    codes = refused(lambda: run_deploy(tmp_path / "build", data=data), InputError)
    assert codes == ["E005", "E006"]
    assert files(tmp_path / "build") == []


def test_two_outputs(run_deploy: Deploy, imported: Imported, tmp_path: Path) -> None:
    """A network with several outputs is not supported: E021 names them."""
    network: Network = replace(imported.network, outputs=("hidden2", "output"))
    with pytest.raises(UnsupportedError, match="hidden2, output") as caught:
        run_deploy(tmp_path / "build", model=replace(imported, network=network))
    assert [finding.code for finding in caught.value.findings] == ["E021"]


# Repeating and resuming


def test_the_same_seed_gives_the_same_bytes(run_deploy: Deploy, deployed: Work, tmp_path: Path) -> None:
    """Program, model and samples of two runs are equal byte for byte; another seed gives another program."""
    run_deploy(tmp_path / "same")
    assert hashes(tmp_path / "same") == hashes(deployed.options.output)
    run_deploy(tmp_path / "other", seed=1)
    assert hashes(tmp_path / "other")[PROGRAM] != hashes(deployed.options.output)[PROGRAM]


class Interrupting(Progress):
    """Stops the run, as Ctrl-C would, at the first tick once the journal has that many lines."""

    def __init__(self, journal: Path, lines: int) -> None:
        super().__init__(Console(quiet=True))
        self._journal, self._enough = journal, lines

    @contextmanager
    def step(self, name: str) -> Iterator[Callable[[int, int], None]]:
        """Run the step with a tick that may interrupt."""

        def tick(done: int, total: int) -> None:
            if self._journal.is_file() and len(self._journal.read_text().splitlines()) >= self._enough:
                raise KeyboardInterrupt

        with super().step(name):
            yield tick


@pytest.mark.parametrize("share", [0.1, 0.4, 0.7, 1.0])
@pytest.mark.parametrize("cut", [0, 7])
def test_resuming_gives_the_same_bytes(
    share: float, cut: int, run_deploy: Deploy, deployed: Work, tmp_path: Path
) -> None:
    """A run that was interrupted, with its last journal line half-written, ends with the uninterrupted run's bytes."""
    whole = (deployed.options.output / JOURNAL).read_text().splitlines()
    folder = tmp_path / "build"
    journal = folder / JOURNAL
    lines = max(2, round(share * len(whole)))
    with pytest.raises(KeyboardInterrupt):
        run_deploy(folder, progress=Interrupting(journal, lines))
    assert set(files(folder)) <= {JOURNAL, WEIGHTS}
    interrupted = journal.read_bytes()
    assert lines <= interrupted.count(b"\n") <= len(whole)
    journal.write_bytes(interrupted[: len(interrupted) - cut])
    run_deploy(folder, resume=True)
    assert hashes(folder) == hashes(deployed.options.output)
    assert journal.read_text().count('"kind": "header"') == 1
    assert WEIGHTS not in files(folder)


def test_resuming_computes_nothing_twice(run_deploy: Deploy, deployed: Work, tmp_path: Path) -> None:
    """A finished run that is resumed adds no line to its journal."""
    folder = tmp_path / "build"
    folder.mkdir()
    lines = (deployed.options.output / JOURNAL).read_text()
    (folder / JOURNAL).write_text(lines)
    run_deploy(folder, resume=True)
    assert (folder / JOURNAL).read_text() == lines


@pytest.mark.parametrize("method", ["uniform", "synapses"])
def test_neurons_that_fire_at_their_threshold(
    method: str, run_deploy: Deploy, imported: Imported, tmp_path: Path
) -> None:
    """SpikingJelly's: training gives them the chip's comparison, and the network that is written has it."""

    def at_threshold(each: Input | Population) -> Input | Population:
        return each if isinstance(each, Input) else replace(each, neuron=replace(each.neuron, compare="ge"))

    network = replace(imported.network, populations=tuple(map(at_threshold, imported.network.populations)))
    model = replace(imported, network=network, semantics=replace(imported.semantics, compare="ge"))
    work = run_deploy(tmp_path / "build", model=model, search=replace(SEARCH, method=method))
    again = load(tmp_path / "build" / MODEL)
    assert work.measured is not None
    assert again.network.content_hash == work.measured.network.content_hash
    assert again.semantics.compare == "gt"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"seed": 1}, r"--seed \(0, now 1\)"),
        ({"synops": "55%"}, r"differs in: --synops \([0-9.]+, now [0-9.]+\)\)"),
        ({"cores": 5}, r"differs in: --cores \(128, now 5.0\)\)"),
    ],
)
def test_journal_of_another_run(
    change: dict[str, Any], named: str, run_deploy: Deploy, deployed: Work, tmp_path: Path
) -> None:
    """Resuming with another seed or budget is E012, says what differs, and leaves the journal alone."""
    folder = tmp_path / "build"
    folder.mkdir()
    lines = (deployed.options.output / JOURNAL).read_text()
    (folder / JOURNAL).write_text(lines)
    with pytest.raises(InputError, match=named) as caught:
        run_deploy(folder, resume=True, **change)
    assert [finding.code for finding in caught.value.findings] == ["E012"]
    assert (folder / JOURNAL).read_text() == lines
