"""A new target, method, backend, placement and budget each work without touching a file of the package.

Each is written here as another distribution would write it, added to its table, and used in a whole deployment.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import spear_deploy
from spear_deploy.backends import BACKENDS
from spear_deploy.budgets import RESOURCES, Resource
from spear_deploy.chips.figures import Count
from spear_deploy.chips.profile import ChipProfile
from spear_deploy.cli.main import cli
from spear_deploy.data import DataOptions, from_arrays, load_data
from spear_deploy.data.kind import Kind
from spear_deploy.data.kinds import KINDS
from spear_deploy.errors import InputError, PluginError, UnsupportedError
from spear_deploy.execution import Execution
from spear_deploy.frontends import Imported, Semantics
from spear_deploy.network import Network
from spear_deploy.network.fan_out import fan_outs
from spear_deploy.network.ops import Shape
from spear_deploy.placement import Placement, PopulationPlacement
from spear_deploy.placement.cuts import Cut
from spear_deploy.placement.load import Load
from spear_deploy.placement.placers import PLACERS, Recut
from spear_deploy.recording import Recording
from spear_deploy.registry import Registry
from spear_deploy.search.methods import METHODS, Outcome, Proposal, Task
from spear_deploy.simulate.record import simulate
from spear_deploy.simulate.simulator import FloatSimulator, NetworkSimulator
from spear_deploy.targets import TARGETS, Checked, Compiler, InputRange, Lowered, LoweringOptions
from spear_deploy.targets.ports import InputPort
from spear_deploy.targets.rules import Breach, Rule, check_rules, rule

QUICK = {"episodes": 8, "candidates": 1, "epochs": 2.0, "samples": 4}


@contextmanager
def added(table: Registry[Any], name: str, entry: Any) -> Iterator[None]:
    table.add(name, entry)
    try:
        yield
    finally:
        table.remove(name)


# A budget: one entry


def neurons_of(network: Any, _: Any = None) -> float:
    return float(sum(population.size for population in network.lowered.program.populations))


NEURONS = Resource(
    name="neurons",
    title="neurons",
    help="Most neurons.",
    whole=True,
    measured=neurons_of,
    of_placement=lambda placement: sum(p.neurons_per_core * p.cores for p in placement.populations),
)


def test_a_budget(tiny_nir: Path, tiny_npz: Path, tmp_path: Path) -> None:
    """It is a keyword and an option, steers the search, is measured, and missing it is exit 4."""
    with added(RESOURCES, "neurons", NEURONS):
        done = spear_deploy.deploy(tiny_nir, tiny_npz, neurons=14, synops="90%", **QUICK)
        (row,) = [budget for budget in done.report["budgets"] if budget["resource"] == "neurons"]
        assert row["measured"] <= row["limit"] == 14
        assert sum(layer["neurons"] for layer in done.report["layers"]) == row["measured"] < 21
        options = ["compile", str(tiny_nir), "--chip", "loihi2", "--data", str(tiny_npz), "--synops", "100%"]
        options += ["--neurons", "2", "-o", str(tmp_path / "out")]
        assert cli.main(options, standalone_mode=False) == 4


@pytest.mark.parametrize(("figure", "shown"), [(np.float32(3), 3.0), (np.int64(3), 3)])
def test_a_budget_in_numpys_numbers(figure: Any, shown: float, tiny_nir: Path, tiny_npz: Path) -> None:
    """A figure of another library is a number in the report; one that is only measured is judged."""
    odd = Resource(name="odd", title="odd", help="Odd.", measured=lambda *_: figure)
    with added(RESOURCES, "odd", odd):
        done = spear_deploy.deploy(tiny_nir, tiny_npz, odd=2, synops="100%", **QUICK)
    (row,) = [budget for budget in done.report["budgets"] if budget["resource"] == "odd"]
    assert (row["measured"], row["predicted"], row["within"], row["judges_accuracy"]) == (shown, None, False, False)
    assert [(finding.code, finding.where) for finding in done.error.findings] == [("E040", "odd")]
    assert json.loads(json.dumps(done.report, allow_nan=False)) == done.report


# A method: one class


class Halves:
    """Keeps half of one group after the other."""

    def __init__(self, task: Task) -> None:
        self.units, self.told, self.asked = task.space.units, [], 0

    def ask(self) -> Proposal | None:
        if self.asked == len(self.units):
            return None
        halved = list(self.units)[: self.asked + 1]
        self.asked += 1
        return Proposal({name: units // 2 if name in halved else units for name, units in self.units.items()})

    def tell(self, proposal: Proposal, outcome: Outcome) -> None:
        self.told.append(outcome)

    def merit(self, proposal: Proposal, outcome: Outcome) -> float:
        return outcome.score

    def figures(self) -> Mapping[str, Any]:
        return {"halved": self.asked}


class Lighter:
    """Changes weights instead of counts: halves them all."""

    def __init__(self, task: Task) -> None:
        self.network, self.done = task.network, False

    def ask(self) -> Proposal | None:
        if self.done:
            return None
        self.done = True
        projections = tuple(replace(p, ops=tuple(halved(op) for op in p.ops)) for p in self.network.projections)
        return Proposal({}, replace(self.network, projections=projections))

    def tell(self, proposal: Proposal, outcome: Outcome) -> None:
        self.outcome = outcome

    def merit(self, proposal: Proposal, outcome: Outcome) -> float:
        return outcome.score

    def figures(self) -> Mapping[str, Any]:
        return {"before": self.outcome.synops}


def halved(op: Any) -> Any:
    return replace(op, weight=op.weight / 2) if hasattr(op, "weight") else op


@pytest.mark.parametrize(("method", "figure"), [(Halves, "halved"), (Lighter, "before")])
def test_a_method(method: Any, figure: str, tiny_nir: Path, tiny_npz: Path) -> None:
    """It is chosen by its name, its proposals are fine-tuned and compared, and its figures are in the report."""
    with added(METHODS, "mine", method):
        done = spear_deploy.deploy(tiny_nir, tiny_npz, synops="70%", method="mine", **QUICK)
    assert done.report["search"]["method"] == "mine"
    assert figure in done.report["search"]["figures"]
    (own,) = (each for each in done.report["search"]["candidates"] if each["of"] == "mine")
    assert method is Lighter or own["units"] in ({"hidden1": 5, "hidden2": 4}, {"hidden1": 5, "hidden2": 8})


class Wrong:
    """Proposes what it was made for, and never anything else."""

    counts: Mapping[str, int] | None = None

    def __init__(self, task: Task) -> None:
        self.asked = False

    def ask(self) -> Proposal | None:
        proposal = None if self.asked or self.counts is None else Proposal(self.counts)
        self.asked = True
        return proposal

    def tell(self, proposal: Proposal, outcome: Outcome) -> None:
        raise AssertionError("such a network is not judged")

    def merit(self, proposal: Proposal, outcome: Outcome) -> float:
        return outcome.score

    def figures(self) -> Mapping[str, Any]:
        return {}


@pytest.mark.parametrize(
    "counts",
    [
        None,
        {},
        {"hidden1": 5},
        {"hidden1": 0, "hidden2": 4},
        {"hidden1": -1, "hidden2": 4},
        {"hidden1": 11, "hidden2": 4},
        {"hidden1": 5, "hidden2": 4, "nobody": 1},
    ],
)
def test_a_method_that_proposes_no_network(
    counts: Mapping[str, int] | None, tiny_nir: Path, tiny_npz: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing, groups that are missing or that there are not, too few or too many units: E065 with the method."""
    monkeypatch.setattr(Wrong, "counts", counts)
    with added(METHODS, "wrong", Wrong), pytest.raises(PluginError) as caught:
        spear_deploy.deploy(tiny_nir, tiny_npz, synops="70%", method="wrong", **QUICK)
    (finding,) = caught.value.findings
    assert (finding.code, finding.where) == ("E065", "wrong")
    assert finding.fix


# A placement: one function


def test_a_placement(tiny_nir: Path, tiny_npz: Path) -> None:
    """It is a name in the table, gets what was measured, and what it returns is reported beside the target's own."""
    seen = []

    def one_more_core(placement: Placement, load: Load, recut: Recut) -> Placement:
        seen.append(load.cost(placement))
        found = recut({"hidden1": (Cut.even(load.shapes["hidden1"][0], 2),)})
        assert found is not None
        return found

    with added(PLACERS, "mine", one_more_core):
        done = spear_deploy.deploy(tiny_nir, tiny_npz, synops="100%", place="mine", samples=4)
    found = done.report["bottleneck"]
    assert found["placement"] == "mine"
    assert (found["by_own_rule"]["cores"], found["cores"]) == (seen[0].cores, seen[0].cores + 1)


# A backend: one class


class Mirror:
    """Gives the emulator's spikes, or others."""

    name, targets, is_independent = "mirror", frozenset({"loihi"}), True

    def __init__(self, *, wrong: bool) -> None:
        self.wrong = wrong

    def require(self) -> str:
        return "here"

    def install(self, report: Callable[[str], None]) -> str:
        return "here"

    def check(self) -> Mapping[str, Any]:
        return {"ok": True, "message": ""}

    def refusals(self, program: Any) -> tuple[()]:
        return ()

    def run(self, program: Any, inputs: Mapping[str, Any], *, timeout: Any = None, tick: Any = None) -> Recording:
        recording = BACKENDS.get("emulator").run(program, inputs, timeout=None, tick=None)
        if not self.wrong:
            return recording
        spikes = {name: x.copy() for name, x in recording.spikes.items()}
        spikes[program.outputs[0]][2, 1, 0] ^= 1
        return Recording(spikes, recording.membrane)


@pytest.mark.parametrize("wrong", [False, True])
def test_a_backend(wrong: bool, tiny_nir: Path, tiny_npz: Path) -> None:
    """It proves a deployment, or shows its first divergence."""
    with added(BACKENDS, "mirror", Mirror(wrong=wrong)):
        done = spear_deploy.deploy(tiny_nir, tiny_npz, synops="120%", backend="mirror", samples=4)
    validation = done.report["validation"]
    assert validation["backend"] == "mirror"
    assert validation["mismatches"] == int(wrong)
    assert (done.error is not None) == wrong
    if wrong:
        assert done.error.exit_code == 5
        assert (validation["first_divergence"]["step"], validation["first_divergence"]["sample"]) == (2, 1)


def test_a_kind_of_data() -> None:
    """It takes the names that are its own, with the options that have a meaning for them."""
    x, y = np.eye(4, dtype=np.uint8)[np.arange(20) % 4, None], np.arange(20) % 4
    load = lambda name, options: from_arrays({"x": x, "y": y}, name.removeprefix("made:"), name, options)  # noqa: E731
    with added(KINDS, "made", Kind("made:NAME", lambda name: name.startswith("made:"), lambda _, __: (), load)):
        data = load_data("made:eye", DataOptions())
        assert (data.name, data.shape) == ("eye", (4,))
        with pytest.raises(InputError, match="E005.*bin-ms"):
            load_data("made:eye", DataOptions(bin_ms=1.0))
        with pytest.raises(InputError, match=r"E008(.|\n)*made:NAME"):
            load_data("none", DataOptions())


# A target: one chip family


@dataclass(frozen=True, kw_only=True)
class ToyProfile(ChipProfile):
    """A chip of so many neurons; a population takes a core."""

    neurons: Count

    @property
    def cores(self) -> int:
        return 64


@dataclass(frozen=True, eq=False)
class ToyPopulation:
    name: str
    shape: Shape
    is_readout: bool

    @property
    def size(self) -> int:
        return int(np.prod(self.shape))


@dataclass(frozen=True, eq=False)
class ToyProgram:
    """Not integers at all: the float network."""

    network: Network
    chip: str
    inputs: tuple[InputPort, ...]
    target: str = "toy"

    @property
    def populations(self) -> list[ToyPopulation]:
        return [ToyPopulation(p.name, p.shape, p.neuron.is_readout) for p in self.network.neurons]

    @property
    def outputs(self) -> tuple[str, ...]:
        return self.network.outputs

    @property
    def shapes(self) -> Mapping[str, Shape]:
        return self.network.shapes

    @property
    def synapses(self) -> Any:
        return self.network.synapses

    @property
    def counted(self) -> frozenset[str]:
        return frozenset()

    @property
    def fan_outs(self) -> Any:
        return fan_outs(self.synapses, self.shapes)

    def integers(self) -> Mapping[str, Any]:
        return {"chip": self.chip}


@rule("E034", fix="prune it")
def few_neurons(subject: Network, limits: ToyProfile) -> Iterator[Breach]:
    """The toy has {neurons} neurons."""
    count = sum(population.size for population in subject.neurons)
    if count > limits.neurons.value:
        yield Breach("network", f"it has {count}", count, limits.neurons.value)


@dataclass(frozen=True, eq=False)
class ToyCompiler:
    chip: ToyProfile
    inputs: Mapping[str, InputRange]
    weight_bits = 32

    @property
    def identity(self) -> Mapping[str, Any]:
        return {"chip": self.chip.name}

    def lower(self, network: Network) -> Lowered:
        findings = check_rules([few_neurons], network, self.chip, {"neurons": str(self.chip.neurons.value)})
        if findings:
            raise UnsupportedError(findings)
        ports = tuple(InputPort(p.name, p.shape, int(self.inputs[p.name].maximum)) for p in network.inputs)
        return Lowered(TOY, ToyProgram(network, self.chip.name, ports), self.place(network), ())

    def place(self, network: Network) -> Placement:
        def placed(name: str, size: int) -> PopulationPlacement:
            share = size / self.chip.neurons.value
            return PopulationPlacement(name, (size,), 1, 0, size, 0, 0, 0, 0, {"neurons": share}, "neurons")

        return Placement(tuple(placed(p.name, p.size) for p in network.neurons), ())

    def trainable(self, network: Network) -> NetworkSimulator:
        return FloatSimulator(network)

    def adapt(self, network: Network, semantics: Semantics) -> tuple[Network, Semantics]:
        return network, semantics


class ToyEmulator:
    def __init__(self, program: ToyProgram) -> None:
        self.program = program

    def batch_size(self, steps: int) -> int:
        return 64

    def run(self, inputs: Mapping[str, Any], *, membranes: bool = False, clips: bool = False) -> Recording:
        return simulate(self.program.network, inputs)


class Toy:
    name, profile, emulated = "toy", ToyProfile, "runs the float network itself"
    counts_zeros = False
    exporters: Mapping[str, Any] = {}

    def rules(self, chip: ToyProfile) -> list[tuple[Rule, Mapping[str, str]]]:
        return [(few_neurons, {"neurons": str(chip.neurons.value)})]

    def compiler(self, chip: ToyProfile, inputs: Mapping[str, InputRange], options: LoweringOptions) -> Compiler:
        return ToyCompiler(chip, inputs)

    def emulator(self, program: ToyProgram, execution: Execution) -> ToyEmulator:
        return ToyEmulator(program)

    def reference(self, program: ToyProgram, execution: Execution) -> ToyEmulator:
        return ToyEmulator(program)

    def write(self, path: Path, program: ToyProgram) -> None:
        Imported(program.network, Semantics(dt=1.0)).save(path)

    def read(self, path: Path) -> ToyProgram:
        network = spear_deploy.load(path).network
        return ToyProgram(network, "toy", tuple(InputPort(p.name, p.shape, 1) for p in network.inputs))


TOY = Toy()
PROFILE = """
title = "Toy"
target = "toy"
neurons = {{ value = {neurons}, source = "ME" }}
[sources]
ME = "made up for this test"
"""


class Ruled:
    """A family without an emulator: its rules, and nothing else."""

    name, profile = "ruled", ToyProfile

    def rules(self, chip: ToyProfile) -> list[tuple[Rule, Mapping[str, str]]]:
        return TOY.rules(chip)

    def check(self, chip: ToyProfile, network: Network) -> Checked:
        findings = check_rules([few_neurons], network, chip, {"neurons": str(chip.neurons.value)})
        return Checked(None, tuple(findings), (), ())


def test_a_target_that_is_checked(
    tiny_nir: Path, tiny_npz: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is inspected and compared by its rules; nothing is deployed on it (E090)."""
    chip = tmp_path / "mychip.toml"
    chip.write_text(PROFILE.format(neurons=7).replace('"toy"', '"ruled"'))
    with added(TARGETS, "ruled", Ruled()):
        (check,) = spear_deploy.check_chips(spear_deploy.load(tiny_nir), [chip])
        assert (check.answer, check.emulated, check.findings[0].slack) == ("no", False, -14)
        with pytest.raises(UnsupportedError, match="E034 network: it has 21"):
            cli.main(["inspect", str(tiny_nir), "--chip", str(chip)], standalone_mode=False)
        assert "checked, not emulated" in capsys.readouterr().out
        with pytest.raises(UnsupportedError, match="E090 mychip"):
            spear_deploy.deploy(tiny_nir, tiny_npz, chip, synops="60%", **QUICK)


def test_a_target(tiny_nir: Path, tiny_npz: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its profiles load by its schema, its rules are told and explained, and a network is deployed on it."""
    chip = tmp_path / "mychip.toml"
    chip.write_text(PROFILE.format(neurons=64))
    with added(TARGETS, "toy", TOY):
        done = spear_deploy.deploy(tiny_nir, tiny_npz, chip, synops="60%", output=tmp_path / "build", **QUICK)
        assert (done.report["target"], done.report["chip"], done.report["weight_bits"]) == ("toy", "mychip", 32)
        assert done.report["emulated"] == TOY.emulated
        assert TOY.emulated in (tmp_path / "build" / "report.html").read_text()
        assert "Lava" not in (tmp_path / "build" / "report.html").read_text()
        assert done.report["budgets"][0]["measured"] > 0
        cli.main(["chips", str(chip)], standalone_mode=False)
        assert "The toy has 64 neurons." in capsys.readouterr().out
        cli.main(["explain", "E034", "--chip", str(chip)], standalone_mode=False)
        assert "The toy has 64 neurons." in capsys.readouterr().out
        chip.write_text(PROFILE.format(neurons=7))
        with pytest.raises(UnsupportedError) as caught:
            spear_deploy.lower(spear_deploy.load(tiny_nir), chip=chip)
        (finding,) = caught.value.findings
        assert (finding.value, finding.limit, finding.slack) == (21, 7, -14)
        assert "The toy has 7 neurons." in finding.message
