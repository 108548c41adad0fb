"""Golden traces in files: arrays find their populations and axes, and all that is wrong is said at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import pytest

from spear_deploy.errors import InputError
from spear_deploy.frontends.nir.reader import convert
from spear_deploy.network import Network
from spear_deploy.validate.golden import Golden
from spear_deploy.validate.trace_file import read_golden
from tests.frontends.nir.graphs import LITERAL, chain, conv, joined, lif, linear, node, port

SAMPLES, STEPS = 3, 5


@pytest.fixture(scope="module")
def network() -> Network:
    """An input map, a population that is a map, and an output."""
    pool = node("Flatten", start_dim=0, end_dim=-1)
    return convert(
        chain(conv(2, 1, (3, 3)), lif(2, 4, 4), pool, linear(3, 32), lif(3), shape=(1, 6, 6)), LITERAL
    ).network


def spikes(seed: int, *shape: int) -> np.ndarray:
    return (np.random.default_rng(seed).random(shape) < 0.5).astype(np.uint8)


X, HIDDEN, OUTPUT = spikes(0, SAMPLES, STEPS, 1, 6, 6), spikes(1, SAMPLES, STEPS, 2, 4, 4), spikes(2, SAMPLES, STEPS, 3)


def saved(path: Path, **arrays: Any) -> Path:
    np.savez_compressed(path / "trace.npz", **arrays)
    return path / "trace.npz"


def assert_same(golden: Golden, x: np.ndarray = X, **expected: np.ndarray) -> None:
    np.testing.assert_array_equal(golden.inputs["input"], x)
    assert set(golden.spikes) == set(expected)
    for name, raster in expected.items():
        np.testing.assert_array_equal(golden.spikes[name], raster)


def messages(path: Path, network: Network, dt: float | None = None) -> list[str]:
    with pytest.raises(InputError) as caught:
        read_golden(path, network, dt)
    assert {finding.code for finding in caught.value.findings} == {"E014"}
    assert all(finding.fix for finding in caught.value.findings)
    return [finding.message for finding in caught.value.findings]


@pytest.mark.parametrize(
    "names",
    [
        ("input", "n1", "n4"),
        ("x", "n1_spikes", "output"),
        ("spikes_input", "spikes_n1", "output_spikes"),
        ("input", "hidden_spikes", "spikesn4"),
    ],
)
def test_names_of_arrays(names: tuple[str, str, str], network: Network, tmp_path: Path) -> None:
    """Arrays are named after nodes, with or without "spikes", or after the only population of a role."""
    path = saved(tmp_path, **dict(zip(names, (X, HIDDEN, OUTPUT), strict=True)))
    assert_same(read_golden(path, network), n1=HIDDEN, n4=OUTPUT)


def test_flat_arrays(network: Network, tmp_path: Path) -> None:
    """Maps may be stored flat, as nir.write_data wants them."""
    path = saved(tmp_path, x=X.reshape(SAMPLES, STEPS, -1), hidden=HIDDEN.reshape(SAMPLES, STEPS, -1))
    assert_same(read_golden(path, network), n1=HIDDEN)


@pytest.mark.parametrize("is_flat", [False, True])
def test_input_without_steps_is_held(is_flat: bool, network: Network, tmp_path: Path) -> None:
    """An input without the axis of steps is the same in every step, and is not copied."""
    still = X[:, 0]
    path = saved(tmp_path, input=still.reshape(SAMPLES, -1) if is_flat else still, output=OUTPUT)
    golden = read_golden(path, network)
    assert_same(golden, np.repeat(still[:, None], STEPS, axis=1), n4=OUTPUT)
    assert golden.inputs["input"].strides[1] == 0


@pytest.mark.parametrize("evidence", ["labels", "y", "still"])
def test_steps_first(evidence: str, network: Network, tmp_path: Path) -> None:
    """Steps come first where labels, or an input without steps, prove it."""
    x = X[:, 0] if evidence == "still" else np.swapaxes(X, 0, 1)
    extra = {} if evidence == "still" else {evidence: np.zeros(SAMPLES, int)}
    path = saved(tmp_path, input=x, output=np.swapaxes(OUTPUT, 0, 1), **extra)
    expected = np.repeat(X[:, :1], STEPS, axis=1) if evidence == "still" else X
    assert_same(read_golden(path, network), expected, n4=OUTPUT)


def test_without_evidence_samples_come_first(network: Network, tmp_path: Path) -> None:
    """The documented order holds unless the file proves another one."""
    golden = read_golden(saved(tmp_path, input=np.swapaxes(X, 0, 1), output=np.swapaxes(OUTPUT, 0, 1)), network)
    assert (golden.samples, golden.steps) == (STEPS, SAMPLES)


def test_equal_arrays_of_one_population(network: Network, tmp_path: Path) -> None:
    """A population may be recorded twice, if both agree."""
    assert_same(read_golden(saved(tmp_path, x=X, output=OUTPUT, n4=OUTPUT), network), n4=OUTPUT)
    (message,) = messages(saved(tmp_path, x=X, output=OUTPUT, n4=1 - OUTPUT), network)
    assert "second one of population 'n4'" in message


def test_all_that_is_wrong(network: Network, tmp_path: Path) -> None:
    """Unknown names, wrong shapes and values that are not spikes are said at once."""
    path = saved(tmp_path, x=X.astype(float) + np.nan, n1=HIDDEN[..., 1:], output=OUTPUT * 0.5, other=OUTPUT)
    found = "\n".join(messages(path, network))
    expected = ("'x' holds NaN", "'n1' has shape (3, 5, 2, 4, 3)", "'output' holds other values", "'other' names no")
    assert all(text in found for text in expected)


def test_input_of_another_shape_is_not_missing_too(network: Network, tmp_path: Path) -> None:
    """An array is told to be wrong once."""
    (message,) = messages(saved(tmp_path, x=X[..., 1:], output=OUTPUT), network)
    assert "'x' has shape" in message


@pytest.mark.parametrize(
    ("arrays", "text"),
    [
        ({"output": OUTPUT}, "no array of the input 'input'"),
        ({"x": X}, "no spikes of any population"),
        ({"x": X, "output": OUTPUT[:2]}, "samples and steps differ (input: (3, 5), n4: (2, 5))"),
        ({"x": X, "output": OUTPUT, "labels": np.zeros(4)}, "number of samples is unclear (labels: 4; spikes (3, 5))"),
        ({"x": X, "output": -OUTPUT.astype(int)}, "other values than counts"),
        ({"x": X[:0], "output": OUTPUT[:0]}, "has shape (0, 5, 3)"),
        ({"x": X, "output": np.array([None])}, "pickled objects"),
    ],
)
def test_unusable_recordings(arrays: dict[str, np.ndarray], text: str, network: Network, tmp_path: Path) -> None:
    """Nothing is guessed: each kind of defect is E014 with what was found."""
    assert text in "\n".join(messages(saved(tmp_path, **arrays), network))


def test_potentials_of_a_readout(tmp_path: Path) -> None:
    """A population that never fires has no spikes to compare."""
    readout = convert(chain(linear(4, 3), lif(4), linear(2, 4), shape=(3,)), LITERAL).network
    (population,) = readout.outputs
    x, potentials = spikes(0, 2, 5, 3), np.ones((2, 5, 2))
    found = messages(saved(tmp_path, x=x, hidden=spikes(1, 2, 5, 4), **{population: potentials}), readout)
    assert "never fires" in found[0]


def test_two_inputs(tmp_path: Path) -> None:
    """With several inputs each is recorded under its own name."""
    nodes = {"a": port("Input", 2), "b": port("Input", 2), "n": lif(2), "out": port("Output", 2)}
    two = convert(joined(nodes, "a>n b>n n>out"), LITERAL).network
    x, out = spikes(0, 2, 5, 2), spikes(1, 2, 5, 2)
    assert set(read_golden(saved(tmp_path, a=x, b=x, n=out), two).inputs) == {"a", "b"}
    found = "\n".join(messages(saved(tmp_path, input=x, n=out), two))
    assert "'input' names no population" in found
    assert "the input 'a'" in found


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"])
def test_other_files(content: bytes, network: Network, tmp_path: Path) -> None:
    """A file that is neither kind is E014; one that does not exist is E001."""
    path = tmp_path / "trace"
    path.write_bytes(content)
    assert messages(path, network)
    with pytest.raises(InputError, match="E001"):
        read_golden(tmp_path / "absent.npz", network)


# Recordings of nir.write_data


def gridded(array: np.ndarray, dt: float = 1.0) -> nir.TimeGriddedData:
    return nir.TimeGriddedData(array.reshape(*array.shape[:2], -1).astype(bool), dt)


def written(path: Path, **nodes: dict[str, Any]) -> Path:
    data = nir.NIRGraphData({name: nir.NIRNodeData(observables) for name, observables in nodes.items()})
    nir.write_data(str(path / "trace.h5"), data)
    return path / "trace.h5"


def test_gridded_data(network: Network, tmp_path: Path) -> None:
    """Spikes on a grid are read; other observables of a node are not."""
    potential = nir.TimeGriddedData(np.full((SAMPLES, STEPS, 32), 0.5), 1.0)
    nodes = {"n1": {"spikes": gridded(HIDDEN), "v": potential}, "n4": {"s": gridded(OUTPUT)}}
    path = written(tmp_path, input={"spikes": gridded(X)}, **nodes)
    assert_same(read_golden(path, network), n1=HIDDEN, n4=OUTPUT)


@pytest.mark.parametrize("dt", [1e-4, 1e-3, 0.1, 1.0])
@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_events(dt: float, shift: float, network: Network, tmp_path: Path) -> None:
    """Events give back the grid that nir made them of, with the other recordings' time step or the one given."""
    events = gridded(HIDDEN, dt).to_event(64 * STEPS, shift * dt)
    path = written(tmp_path, input={"spikes": gridded(X, dt)}, n1={"spikes": events})
    assert_same(read_golden(path, network), n1=HIDDEN)
    path = written(tmp_path, input={"x": gridded(X, dt).to_event(64 * STEPS)}, n1={"spikes": events})
    assert_same(read_golden(path, network, dt), n1=HIDDEN)
    assert "give --dt" in messages(path, network)[0]


def test_valued_events(network: Network, tmp_path: Path) -> None:
    """Values of events are added on the grid; a place without event counts nothing."""
    index, time = np.array([[0, 0, 2, -1]]), np.array([[0.0, 0.0, 3.0, np.inf]])
    events = nir.ValuedEventData(index, time, 3, 4.0, np.array([[1.0, 2.0, 1.0, 9.0]]))
    path = written(tmp_path, input={"spikes": gridded(X[:1, :4])}, n4={"spikes": events})
    expected = np.zeros((1, 4, 3))
    expected[0, 0, 0], expected[0, 3, 2] = 3, 1
    np.testing.assert_array_equal(read_golden(path, network).spikes["n4"], expected)


def _no_data(file: h5py.File) -> None:
    file.attrs["__type__"] = "NIRGraph"


def _no_nodes(file: h5py.File) -> None:
    del file["nodes"]


def _unknown_node(file: h5py.File) -> None:
    file["nodes/n1"].attrs["__type__"] = "x"


def _unknown_observable(file: h5py.File) -> None:
    file["nodes/n1/observables/spikes"].attrs["__type__"] = "x"


def _list_of_types(file: h5py.File) -> None:
    file["nodes/n1"].attrs["__type__"] = ["NIRNodeData", "x"]


def _no_step(file: h5py.File) -> None:
    file["nodes/input/observables/spikes"].attrs["dt"] = 0.0


def _other_step(file: h5py.File) -> None:
    group = file["nodes/input/observables"]
    group.copy("spikes", file["nodes"].create_group("n4/observables"))
    file["nodes/n4"].attrs["__type__"] = "NIRNodeData"
    file["nodes/n4/observables/spikes"].attrs["dt"] = 0.5


def _too_long(file: h5py.File) -> None:
    file["nodes/n1/observables/spikes"].attrs["t_max"] = 1e12


def _too_late(file: h5py.File) -> None:
    file["nodes/n1/observables/spikes/time"][0, 0] = 99.0


def _no_time(file: h5py.File) -> None:
    file["nodes/n1/observables/spikes/time"][0, 0] = np.nan


def _too_high(file: h5py.File) -> None:
    file["nodes/n1/observables/spikes/idx"][0, 0] = 32


def _text(file: h5py.File) -> None:
    del file["nodes/n1/observables/spikes/idx"]
    file["nodes/n1/observables/spikes/idx"] = "x"


@pytest.mark.parametrize(
    "damage",
    [
        _no_data,
        _no_nodes,
        _unknown_node,
        _list_of_types,
        _unknown_observable,
        _no_step,
        _other_step,
        _too_long,
        _too_late,
        _no_time,
        _too_high,
        _text,
    ],
)
def test_damaged_data(damage, network: Network, tmp_path: Path) -> None:
    """Whatever departs from nir's layout is E014, and events outside the recording are."""
    events = gridded(HIDDEN).to_event(64 * STEPS)
    path = written(tmp_path, input={"spikes": gridded(X)}, n1={"spikes": events})
    with h5py.File(path, "r+") as file:
        damage(file)
    assert messages(path, network)
