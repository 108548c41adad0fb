"""``inspect``: what it shows of a network, and what a golden trace says of how it was read."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

import spear_deploy
from spear_deploy.frontends import load
from spear_deploy.frontends.nir import file as nir_file
from spear_deploy.frontends.nir.file import NirGraph, NirNode
from spear_deploy.frontends.semantics import Semantics, preset
from spear_deploy.resources import resource
from spear_deploy.simulate.simulator import FloatSimulator
from tests.cli.conftest import Run
from tests.frontends.nir.graphs import chain, lif, linear


def test_inspect(spear: Run, tiny_nir: Path, tiny_npz: Path) -> None:
    """``inspect`` shows populations, activity on data, and the placement on a chip."""
    done = spear("inspect", tiny_nir, "--data", tiny_npz, "--chip", "loihi2")
    assert done.code == 0
    shown = ("hidden1", "to_hidden1: Linear", "10 units", "it is an output", "on 24 test samples", "cores")
    assert all(text in done.out for text in shown)


def test_it_shows_what_it_waits_for(
    spear: Run, tiny_nir: Path, tiny_npz: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bars on standard error where that is a terminal; nothing there for --json, a file or a pipe."""
    given = ("inspect", tiny_nir, "--data", tiny_npz, "--chip", "loihi2")
    assert spear(*given).err == ""
    monkeypatch.setenv("FORCE_COLOR", "1")  # what makes rich take any stream for a terminal
    bars = [line for line in spear(*given).err.splitlines() if "━" in line]
    assert all(any(step in line for line in bars) for step in ("data", "float", "float -> chip"))
    assert spear(*given, "--json").err.count("━" * 12) == 0
    assert "chips" in spear("inspect", tiny_nir, "--chip", "all").err


def test_inspect_with_fewer_weight_bits(spear: Run, tiny_nir: Path, tiny_npz: Path) -> None:
    """Float beside the integers that ``deploy`` would make with as many bits."""
    given = ("inspect", tiny_nir, "--data", tiny_npz, "--chip", "loihi2", "--json")
    found = {bits: json.loads(spear(*given, *more).out) for bits, more in ((8, ()), (4, ("--weight-bits", 4)))}
    imported = load(tiny_nir, None)
    for bits, each in found.items():
        lowered = spear_deploy.lower(imported, "loihi2", weight_bits=bits)
        assert each["placement"]["memory_bits"] == lowered.placement.memory_bits
    fine, coarse = (each["fidelity"]["populations"] for each in found.values())
    assert sum(row["rate_distance"] for row in fine) < sum(row["rate_distance"] for row in coarse)


def test_weight_bits_that_a_chip_does_not_have_come_first(spear: Run, tiny_nir: Path) -> None:
    """They are told before the data are read and anything is measured."""
    for command in (("inspect", tiny_nir), ("compile", tiny_nir, "--synops", "50%", "-o", "out")):
        done = spear(*command, "--chip", "loihi2", "--data", "missing.npz", "--weight-bits", 9)
        assert done.code == 2
        assert "E007 --weight-bits 9" in done.err


@pytest.mark.parametrize("chip", [(), ("--chip", "all"), ("--chip", "truenorth")])
def test_weight_bits_are_of_one_emulated_chip(chip: tuple[str, ...], spear: Run, tiny_nir: Path) -> None:
    """Without one there is nothing that they could round."""
    done = spear("inspect", tiny_nir, *chip, "--weight-bits", 4)
    assert done.code == 2
    assert "E007 --weight-bits 4" in done.err


def test_inspect_with_a_readout(spear: Run, tiny_nir: Path, tiny_npz: Path, tmp_path: Path) -> None:
    """A population that never fires is shown without spikes, beside those that do."""
    graph = nir_file.read(tiny_nir)
    readout = NirNode("LI", {key: graph.nodes["output"].values[key] for key in ("tau", "r", "v_leak")})
    path = tmp_path / "readout.nir"
    nir_file.write(path, NirGraph({**graph.nodes, "output": readout}, graph.edges, graph.metadata))
    done = spear("inspect", path, "--data", tiny_npz)
    assert done.code == 0
    assert ["output", "0"] in [line.split() for line in done.out.splitlines()]


def test_inspect_of_an_example(spear: Run) -> None:
    """A foreign file is shown with the semantics that it was read with."""
    folder = resource("examples/digits")
    done = spear("inspect", folder / "digits.nir", "--semantics", folder / "semantics.toml")
    assert done.code == 0
    assert "reset zero, reset delay yes, compare gt" in done.out
    assert "16x8x8" in done.out


def test_inspect_with_two_inputs(spear: Run, tiny_nir: Path, tiny_npz: Path, tmp_path: Path) -> None:
    """A network with several inputs is shown; with data it is refused: 3."""
    graph = nir_file.read(tiny_nir)
    nodes = {**graph.nodes, "second": graph.nodes["input"]}
    path = tmp_path / "two.nir"
    nir_file.write(path, NirGraph(nodes, (*graph.edges, ("second", "to_hidden1")), graph.metadata))
    assert spear("inspect", path).code == 0
    done = spear("inspect", path, "--data", tiny_npz)
    assert done.code == 3
    assert "input, second" in done.err


def test_inspect_shows_names_as_they_are(spear: Run, tiny_nir: Path, tmp_path: Path) -> None:
    """Node names with brackets are not markup."""
    graph = nir_file.read(tiny_nir)
    renamed = {"hidden1": "conv[relu]", "to_hidden1": "odd[bold]"}
    nodes = {renamed.get(name, name): node for name, node in graph.nodes.items()}
    edges = tuple((renamed.get(a, a), renamed.get(b, b)) for a, b in graph.edges)
    nir_file.write(tmp_path / "odd.nir", NirGraph(nodes, edges, graph.metadata))
    done = spear("inspect", tmp_path / "odd.nir", "--chip", "loihi2")
    assert done.code == 0
    assert "conv[relu]" in done.out
    assert "odd[bold]: Linear" in done.out


# Golden traces


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A network of leaky neurons as snnTorch would write it, without its semantics."""
    parameters = {"tau": 2e-3, "r": 20.0}
    graph = chain(linear(12, 6, 1), lif(12, **parameters), linear(5, 12, 2), lif(5, **parameters), shape=(6,))
    nir_file.write(tmp_path / "foreign.nir", graph)
    return tmp_path / "foreign.nir"


@pytest.fixture
def trace(foreign: Path, tmp_path: Path) -> Path:
    """What that network does under snnTorch's semantics: 8 samples of 60 steps."""
    return recorded(foreign, preset("snntorch"), tmp_path / "trace.npz")


def recorded(model: Path, semantics: Semantics | None, path: Path) -> Path:
    network = load(model, semantics).network
    x = (np.random.default_rng(0).random((8, 60, *network.inputs[0].shape)) < 0.5).astype(np.float32)
    with torch.no_grad():
        out = FloatSimulator(network)({"input": torch.from_numpy(np.swapaxes(x, 0, 1).copy())})
    np.savez(path, input=x, **{name: np.swapaxes(value.numpy(), 0, 1) for name, value in out.items()})
    return path


def test_golden_spikes_that_agree(spear: Run, foreign: Path, trace: Path) -> None:
    """With the right semantics every population's bins are counted and none differs: 0."""
    done = spear("inspect", foreign, "--semantics", "snntorch", "--golden", trace)
    assert done.code == 0
    assert "8 samples of 60 steps" in done.out
    assert "0 of 8,160 recorded bins differ" in done.out


def test_golden_spikes_that_differ(spear: Run, foreign: Path, trace: Path) -> None:
    """With wrong semantics: 5, the first divergence, and the options that give every spike."""
    done = spear("inspect", foreign, "--semantics", "snntorch", "--no-reset-delay", "--golden", trace)
    assert done.code == 5
    assert "population" in done.out
    expected = (
        "E051",
        str(trace),
        "of 8,160 recorded bins differ; the first at step ",
        "sample ",
        "neuron (",
        "computed",
    )
    assert all(text in done.err for text in expected)
    assert "these options give every recorded spike:\n       --semantics snntorch\n" in done.err
    advised = ("--semantics", "snntorch", "--golden", trace)
    assert spear("inspect", foreign, *advised).code == 0


def test_golden_spikes_tell_the_semantics(spear: Run, foreign: Path, trace: Path) -> None:
    """A file without semantics: 3 as without a trace, but with the options that give every spike."""
    done = spear("inspect", foreign, "--golden", trace)
    assert done.code == 3
    assert "E020" in done.err
    assert "these options give every recorded spike:\n       --semantics snntorch\n" in done.err


def test_golden_spikes_of_none(spear: Run, foreign: Path, trace: Path, tmp_path: Path) -> None:
    """Spikes that no semantics give: the three nearest, with how many bins they miss, and how the axes were read."""
    with np.load(trace) as arrays:
        changed = {name: arrays[name].copy() for name in arrays.files}
    changed["n1"][0, 0] = 1 - changed["n1"][0, 0]
    np.savez(tmp_path / "other.npz", **changed)
    for options, code in (((), 3), (("--semantics", "snntorch"), 5)):
        done = spear("inspect", foreign, *options, "--golden", tmp_path / "other.npz")
        assert done.code == code
        assert "the nearest are\n       --semantics snntorch: 12 bins\n" in done.err
        assert done.err.count(" bins\n") == 3
        assert "if its axes are (steps, samples, ...), swap them" in done.err


def test_golden_spikes_of_a_file_with_semantics(spear: Run, tiny_nir: Path, tmp_path: Path) -> None:
    """A file that carries its semantics is judged by them; overrides that spoil them are told from them."""
    trace = recorded(tiny_nir, None, tmp_path / "trace.npz")
    assert spear("inspect", tiny_nir, "--golden", trace).code == 0
    done = spear("inspect", tiny_nir, "--reset", "subtract", "--golden", trace)
    assert done.code == 5
    assert "       --reset subtract --reset zero\n" in done.err
    assert "--semantics" not in done.err


def test_golden_spikes_of_a_net_file(spear: Run, tmp_path: Path) -> None:
    """They are held against the file's integers, which round decays as the float network does not; a bin that differs
    is 5, with no word of a NIR graph.
    """
    model, trace = tmp_path / "model.net", tmp_path / "trace.npz"
    with h5py.File(model, "w") as file:
        layer = file.create_group("layer/0")
        layer["type"], layer["shape"] = np.array(["dense"], "S10"), [2]
        layer["weight"] = np.array([[1.0, 0, 1], [0, 3, -1]], np.float32)
        for key, value in {"type": b"CUBA", "iDecay": 1000, "vDecay": 200, "vThMant": 9}.items():
            layer[f"neuron/{key}"] = value
    x = (np.random.default_rng(0).random((200, 8, 3)) < 0.5).astype(np.float32)
    imported = load(model, None)
    recording = spear_deploy.lower(imported, "loihi2", calibration=x).emulate(x)
    arrays = {"input": x, "dense0": recording.spikes["dense0"]}
    np.savez(trace, **{name: np.swapaxes(values, 0, 1) for name, values in arrays.items()})
    in_float = FloatSimulator(imported.network)({"input": torch.from_numpy(x)})["dense0"].detach().numpy()
    assert np.any(in_float != arrays["dense0"])
    done = spear("inspect", model, "--golden", trace)
    assert done.code == 0
    assert "beside the file's integers on loihi2" in done.out
    arrays["dense0"][0, 0] = 1 - arrays["dense0"][0, 0]
    np.savez(trace, **{name: np.swapaxes(values, 0, 1) for name, values in arrays.items()})
    done = spear("inspect", model, "--golden", trace)
    assert done.code == 5
    assert "2 of 3,200 recorded bins differ" in done.err
    assert "recorded by netx or Lava" in done.err
    assert "NIR" not in done.err


def test_golden_file_that_cannot_be_used(spear: Run, foreign: Path, tmp_path: Path) -> None:
    """A trace that does not fit: 2, all of it, with or without semantics."""
    np.savez(tmp_path / "bad.npz", input=np.ones((2, 3, 7)), other=np.ones(3))
    for options in ((), ("--semantics", "snntorch")):
        done = spear("inspect", foreign, *options, "--golden", tmp_path / "bad.npz")
        assert done.code == 2
        assert all(text in done.err for text in ("E014", "'input' has shape", "'other' names no"))
        assert "Traceback" not in done.err


def test_real_golden_spikes(spear: Run, shared: Path) -> None:
    """snnTorch's recurrent network: its preset gives all 197,120 bins, and is named when another is given."""
    model = shared / "nir/snntorch_rleaky_subtract_rowmnist.nir"
    trace = model.with_suffix(".npz")
    good = spear("inspect", model, "--semantics", "snntorch", "--golden", trace)
    assert (good.code, "0 of 197,120 recorded bins differ" in good.out) == (0, True)
    wrong = spear("inspect", model, "--semantics", "nir", "--dt", "1e-4", "--golden", trace)
    assert (wrong.code, "       --semantics snntorch\n" in wrong.err) == (5, True)
