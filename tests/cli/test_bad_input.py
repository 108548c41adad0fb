"""Bad input of every kind: the right exit code, a message with place and fix, and nothing left behind."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from jsonschema import Draft202012Validator

from spear_deploy.deployment.bundle import read_bundle
from spear_deploy.frontends.nir import file as nir_file
from spear_deploy.frontends.nir.file import NirGraph, NirNode
from spear_deploy.report.schema import schema
from spear_deploy.resources import resource
from tests.cli.conftest import Done, Run

DIGITS = resource("examples/digits/digits.nir")
Refuse = Callable[..., None]


@pytest.fixture
def refuse(spear: Run, tiny_nir: Path, tiny_npz: Path, tmp_path: Path) -> Refuse:
    """Deploy the tiny network with some arguments replaced; require an exit code and texts on stderr."""
    output = tmp_path / "build"

    def check(code: int, *texts: object, command: str = "compile", **replaced: object) -> None:
        given: dict[str, Any] = {"model": tiny_nir, "chip": "loihi2", "data": tiny_npz, "synops": "50%", "o": output}
        given |= replaced
        options = [str(item) for key, value in given.items() if key != "model" for item in _option(key, value)]
        done: Done = spear(command, given["model"], *options)
        assert done.code == code, done.err
        for text in texts:
            assert str(text) in done.err
        assert "fix" in done.err
        assert "Traceback" not in done.err
        assert not output.exists()

    return check


def _option(key: str, value: object) -> list[object]:
    return [f"-{key}" if len(key) == 1 else f"--{key.replace('_', '-')}", value]


def written(path: Path, graph: NirGraph) -> Path:
    nir_file.write(path, graph)
    return path


def saved(path: Path, **arrays: np.ndarray) -> Path:
    np.savez(path, **arrays)
    return path


def changed(model: Path, name: str, node: NirNode) -> NirGraph:
    """The graph of a file with one node replaced."""
    graph = nir_file.read(model)
    return replace(graph, nodes={**graph.nodes, name: node})


def test_missing_file(refuse: Refuse, tmp_path: Path) -> None:
    """A model that does not exist: 2, with its path."""
    refuse(2, "E001", tmp_path / "absent.nir", "no such file", model=tmp_path / "absent.nir")


def test_text_renamed_to_nir(refuse: Refuse, tmp_path: Path) -> None:
    """A text file with the suffix .nir: 2, and how such files are written."""
    path = tmp_path / "notes.nir"
    path.write_text("my network\n")
    refuse(2, "E002", path, "not an HDF5 file", "nir.write", model=path)


def test_truncated_nir(refuse: Refuse, tiny_nir: Path, tmp_path: Path) -> None:
    """A file that was cut in half: 2, damaged or truncated."""
    path = tmp_path / "cut.nir"
    content = tiny_nir.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    refuse(2, "E002", path, "truncated", model=path)


def test_hdf5_that_is_no_nir(refuse: Refuse, tmp_path: Path) -> None:
    """HDF5 of another kind: 2."""
    path = tmp_path / "other.nir"
    with h5py.File(path, "w") as file:
        file["weights"] = np.ones(3)
    refuse(2, "E002", path, "no NIR graph", model=path)


def test_unsupported_nodes(refuse: Refuse, tiny_nir: Path, tmp_path: Path) -> None:
    """Nodes that are not supported: 3, every one by name, and what is supported."""
    graph = changed(tiny_nir, "hidden1", NirNode("MaxPool2d", {"kernel_size": np.ones(2)}))
    graph = replace(graph, nodes={**graph.nodes, "hidden2": NirNode("BatchNorm", {"weight": np.ones(8)})})
    path = written(tmp_path / "odd.nir", graph)
    refuse(3, "E021", "node 'hidden1'", "MaxPool2d", "node 'hidden2'", "BatchNorm", "supported: Affine", model=path)


def test_missing_semantics(refuse: Refuse) -> None:
    """A foreign file without --semantics: 3, with every preset."""
    refuse(3, "E020", DIGITS, "--semantics", "snntorch", "spikingjelly", "sinabs", model=DIGITS, data="digits")


def test_data_of_another_shape(refuse: Refuse, tmp_path: Path) -> None:
    """Samples whose shape does not fit the input: 2, with both shapes."""
    data = saved(tmp_path / "d.npz", x=np.ones((20, 6, 11), np.uint8), y=np.arange(20) % 3)
    refuse(2, "E005", "data d", "(11,)", "(12,)", data=data)
    named_data = data.rename(tmp_path / "data.npz")
    refuse(2, "E005 data: ", "(11,)", data=named_data)


def test_labels_out_of_range(refuse: Refuse, tmp_path: Path) -> None:
    """Labels beyond the outputs: 2, with the range, what y holds, and what to give."""
    data = saved(tmp_path / "d.npz", x=np.ones((20, 6, 12), np.uint8), y=np.arange(20) % 3 + 1)
    refuse(2, "E006", "data d", "0..2", "y holds 1, 2, 3", "give y - 1", data=data)


@pytest.mark.parametrize(
    ("arrays", "texts"),
    [
        ({"x": np.ones((20, 6, 12))}, ["it holds x (20, 6, 12) instead of", "y is missing"]),
        ({"x": np.full((20, 6, 12), np.nan), "y": np.arange(20) % 3}, ["NaN"]),
        ({"x": -np.ones((20, 6, 12)), "y": np.arange(20) % 3}, ["negative"]),
        ({"x": np.array([None] * 20), "y": np.arange(20) % 3}, ["pickled"]),
    ],
)
def test_unusable_data(arrays: dict[str, np.ndarray], texts: list[str], refuse: Refuse, tmp_path: Path) -> None:
    """Missing arrays, NaN, negative values and pickled objects: 2, with the file."""
    data = saved(tmp_path / "d.npz", **arrays)
    refuse(2, "E005", data, *texts, data=data)


def test_missing_data(refuse: Refuse, spear: Run, tiny_nir: Path, tmp_path: Path) -> None:
    """An unknown data set suggests the nearest; none at all is asked for: 2."""
    refuse(2, "E008", "did you mean 'digits'", data="digit")
    done = spear("compile", tiny_nir, "--chip", "loihi2", "--synops", "50%", "-o", tmp_path / "build")
    assert (done.code, "--data" in done.err) == (2, True)


def test_nan_in_the_weights(refuse: Refuse, tiny_nir: Path, tmp_path: Path) -> None:
    """A weight that is not a number: 2, with the node and the field."""
    weight = nir_file.read(tiny_nir).nodes["to_hidden1"].values["weight"].copy()
    weight[0, 0] = np.nan
    path = written(tmp_path / "nan.nir", changed(tiny_nir, "to_hidden1", NirNode("Linear", {"weight": weight})))
    refuse(2, "E003", "node 'to_hidden1'", "weight holds 1 NaN", model=path)


@pytest.mark.parametrize("budget", ["0", "0%", "-1", "half"])
def test_impossible_budgets(budget: str, refuse: Refuse) -> None:
    """A budget of nothing, below it, or no number: 2, before any file is opened."""
    refuse(2, "E007", f"--synops {budget}", "50%", synops=budget, model="absent.nir")


def test_no_cores(refuse: Refuse) -> None:
    """A budget of no cores: 2."""
    refuse(2, "E007", "--cores 0", cores=0)


@pytest.mark.parametrize(("chip", "meant"), [("lohi2", "loihi2"), ("Loihi2", "loihi2"), ("hala_pont", "hala_point")])
def test_unknown_chip(chip: str, meant: str, refuse: Refuse) -> None:
    """A chip that does not exist: 2, with the nearest name and all names."""
    refuse(2, "E008", chip, f"did you mean {meant}?", "one of:", chip=chip)


def test_unknown_semantics(refuse: Refuse) -> None:
    """A preset that does not exist: 2, with the nearest; an override alone does not make up for a preset."""
    refuse(2, "E008", "did you mean 'snntorch'?", model=DIGITS, semantics="snntorhc")
    refuse(3, "E020", "give --semantics", model=DIGITS, reset="zero")


def test_unwritable_output(refuse: Refuse, tmp_path: Path) -> None:
    """An output folder below a regular file: 2, with the path."""
    (tmp_path / "file").write_text("x")
    refuse(2, "E009", tmp_path / "file" / "build", "choose another folder", o=tmp_path / "file" / "build")
    assert (tmp_path / "file").read_text() == "x"


def test_output_with_other_files(refuse: Refuse, tmp_path: Path) -> None:
    """A folder that holds something else: 2, and it stays."""
    other = tmp_path / "thesis"
    other.mkdir()
    (other / "chapter1.tex").write_text("x")
    refuse(2, "E009", other, "chapter1.tex", "empty folder", o=other)
    assert [item.name for item in other.iterdir()] == ["chapter1.tex"]


def test_lava_is_not_installed(refuse: Refuse) -> None:
    """deploy proves on Lava: without its environment 6, at once, with the command that installs it."""
    refuse(6, "E060", "spear-deploy backend install lava", command="deploy")


@pytest.mark.parametrize(
    ("budget", "among", "named", "amount"),
    [
        ("12%", ("uniform", 0.5), "synops", r"give a --synops of [\d,]+ or more, or a --lowest-ratio of 0.1$"),
        ("1%", ("uniform", 0.5), "synops", r"give a --synops of [\d,]+ or more$"),  # the input alone takes more
        ("2", ("synapses", 0.1), "cores", r"give a --cores of 3 or more$"),  # one for each population
    ],
)
def test_budget_out_of_reach(
    budget: str,
    among: tuple[str, float],
    named: str,
    amount: str,
    spear: Run,
    tiny_nir: Path,
    tiny_npz: Path,
    tmp_path: Path,
) -> None:
    """A budget that even the smallest network exceeds: 4, with a fix that does away with it, bundle and report."""
    folder = tmp_path / "build"
    given = (tiny_nir, "--chip", "loihi2", "--data", tiny_npz, "-o", folder, "--seed", 0)
    given += tuple(chain.from_iterable(zip(("--method", "--lowest-ratio"), among, strict=True)))
    done = spear("compile", *given, f"--{named}", budget)
    assert done.code == 4
    assert f"E041 {named}: the smallest network that may be built" in done.err
    (fix,) = [line for line in done.err.splitlines() if "fix" in line]
    found = re.search(amount, fix)
    assert found
    report = json.loads((folder / "report.json").read_text())
    assert (report["within"], report["search"]) == (False, None)
    assert [note["where"] for note in report["notes"] if note["code"] == "E041"] == [named]
    Draft202012Validator(schema()).validate(report)
    assert "over budget" in done.out
    assert f"note        E041 {named}" in " ".join(spear("report", folder).out.split("\n"))
    assert read_bundle(folder).manifest["network"] == report["hashes"]["pruned"]
    words = found[0].split()
    again = spear("compile", *given, words[2], words[4].replace(",", ""), "--episodes", 4, "--epochs", 0.1, "--force")
    assert again.code in (0, 4)
    assert "E041" not in again.err


def test_a_chip_that_no_pruning_fits(spear: Run, tiny_nir: Path, tiny_npz: Path, tmp_path: Path) -> None:
    """More populations than cores: E041 asks for neither pruning nor more cores than there are."""
    chip = tmp_path / "one.toml"
    chip.write_text(
        'inherits = "loihi2"\ntitle = "One core"\n[capacity]\ncores_per_chip = { value = 1, source = "OWN" }\n'
        '[sources]\nOWN = "ours"\n'
    )
    done = spear("compile", tiny_nir, "--chip", chip, "--data", tiny_npz, "--synops", "90%", "-o", tmp_path / "o")
    assert (done.code, done.err.count("E041 ")) == (4, 1)
    assert (
        "E041 network: the smallest network that may be built does not fit: needs 3 cores, chip one has 1"
        in " ".join(done.err.split())
    )
    assert "The chip has 1 core, and" in done.err
    assert "fix choose a board with more chips" in done.err


@pytest.mark.parametrize("samples", ["\u00b2", "some", "0", "-1", "1.5", "", "9" * 5000])
def test_numbers_of_samples(samples: str, refuse: Refuse) -> None:
    """What is not a positive number, nor ``all``: 2."""
    refuse(2, "E007", "--samples", "or all", samples=samples)


@pytest.mark.parametrize("memory", ["much", "0", "-1GiB", "4GB of it"])
def test_sizes_of_memory(memory: str, refuse: Refuse) -> None:
    """What is not a size, or none of at least a byte: 2."""
    refuse(2, "E007", "memory", "4GiB", memory=memory)


def test_memory_that_holds_no_sample(refuse: Refuse) -> None:
    """A bound below what libraries and one sample take: 2, before anything is measured, with one that would do."""
    refuse(2, "E019", "--memory 900MiB", "one sample of", "give --memory 1.1GiB", memory="900MiB")


def test_neurons_the_chip_does_not_have(refuse: Refuse) -> None:
    """Semantics that the chip's neuron cannot follow: 3, with the population and what reading them otherwise does."""
    refuse(3, "E031", "N007", "--adapt", model=DIGITS, semantics="snntorch", data="digits", spikes="integer")
    refuse(3, "E030", "subtraction", model=DIGITS, semantics="snntorch", data="digits", chip="loihi1")


@pytest.mark.parametrize("command", ["run", "validate", "report"])
def test_commands_need_a_bundle(command: str, spear: Run, tmp_path: Path) -> None:
    """A folder without a bundle: 2, and how one is made."""
    done = spear(command, tmp_path / "absent")
    assert done.code == 2
    assert "E001" in done.err
    assert str(tmp_path / "absent") in done.err
    assert "run spear-deploy" in done.err
