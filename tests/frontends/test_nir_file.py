"""The HDF5 layout of NIR: exact round trips, and damaged files of every kind refused."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import h5py
import numpy as np
import pytest

from spear_deploy.errors import InputError, SpearError
from spear_deploy.frontends import load, nir_file
from spear_deploy.frontends.nir_file import NirGraph
from tests.frontends.graphs import LITERAL, chain, lif, linear, node

METADATA = {"spear_deploy": {"format": 1, "text": "x"}, "note": "grüße"}


def graph() -> NirGraph:
    small = chain(linear(4, 3, bias=[1.0, 2.0, 3.0, 4.0]), lif(4), shape=(3,))
    return NirGraph(dict(sorted(small.nodes.items())), small.edges, METADATA)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A small valid file."""
    path = tmp_path / "small.nir"
    nir_file.write(path, graph())
    return path


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        nir_file.read(path)
    (finding,) = caught.value.findings
    assert str(path) in finding.where
    return f"{finding.code} {finding.message}"


def test_write_then_read_gives_the_same_graph(written: Path) -> None:
    """Nodes, fields, edges, nested metadata and version survive a round trip."""
    again, expected = nir_file.read(written), graph()
    assert (again.edges, again.metadata, again.version) == (expected.edges, METADATA, "1.0.8")
    assert {name: item.type for name, item in again.nodes.items()} == {n: i.type for n, i in expected.nodes.items()}
    for name, item in expected.nodes.items():
        assert set(again.nodes[name].values) == set(item.values)
        for key, value in item.values.items():
            np.testing.assert_array_equal(again.nodes[name].values[key], value)


def test_equal_graphs_give_equal_bytes(written: Path, tmp_path: Path) -> None:
    """Neither the time nor the name of the file shows in its bytes."""
    nir_file.write(tmp_path / "other.nir", graph())
    assert (tmp_path / "other.nir").read_bytes() == written.read_bytes()


def test_failed_write_leaves_nothing(written: Path, tmp_path: Path) -> None:
    """A value that HDF5 cannot hold fails the write, and keeps the file that was there."""
    before = written.read_bytes()
    with pytest.raises(TypeError):
        nir_file.write(written, chain(node("Linear", weight=object()), shape=(3,)))
    assert written.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == [written.name]


@pytest.mark.parametrize("name", ["absent.nir", "."])
def test_missing_file(name: str, tmp_path: Path) -> None:
    """A path without a file, or of a folder, is E001."""
    assert refusal(tmp_path / name).startswith("E001")


@pytest.mark.parametrize("content", [b"", b"just some text\n", b"\x80\x04\x95 a pickle", b"\x89HDF\r\n\x1a\n"])
def test_renamed_file(content: bytes, tmp_path: Path) -> None:
    """A text, a pickle, an empty file or a bare HDF5 signature with the suffix .nir is E002."""
    path = tmp_path / "renamed.nir"
    path.write_bytes(content)
    assert refusal(path).startswith("E002")


def _delete_graph(file: h5py.File) -> None:
    del file["node"]


def _drop_type(file: h5py.File) -> None:
    del file["node/nodes/n0/type"]


def _flat_edges(file: h5py.File) -> None:
    del file["node/edges"]
    file["node/edges"] = np.array([b"input", b"n0", b"n1"])


def _group_for_value(file: h5py.File) -> None:
    del file["node/edges"]
    file.create_group("node/edges")


def _value_for_nodes(file: h5py.File) -> None:
    del file["node/nodes"]
    file["node/nodes"] = 1


def _value_for_node(file: h5py.File) -> None:
    file["node/nodes/n9"] = 1


def _deep_groups(file: h5py.File) -> None:
    file.create_group("node/nodes/n0/" + "/".join(["deeper"] * 100))


def _loop_of_groups(file: h5py.File) -> None:
    file["node/nodes/n0/itself"] = file["node/nodes/n0"]


def _dangling_link(file: h5py.File) -> None:
    file["node/nodes/n0/link"] = h5py.SoftLink("/nowhere")


def _huge_dataset(file: h5py.File) -> None:
    file.create_dataset("node/nodes/n0/huge", (1 << 40,), "f8", chunks=(1024,))


def _external_link(file: h5py.File) -> None:
    file["node/nodes/n0/link"] = h5py.ExternalLink("small.nir", "/node/edges")


@pytest.mark.parametrize(
    "damage",
    [
        _delete_graph,
        _drop_type,
        _flat_edges,
        _group_for_value,
        _value_for_nodes,
        _value_for_node,
        _deep_groups,
        _loop_of_groups,
        _dangling_link,
        _huge_dataset,
        _external_link,
    ],
)
def test_wrong_layout(damage, written: Path) -> None:
    """HDF5 that is not laid out as NIR is E002: nothing is read from elsewhere, and nothing huge is allocated."""
    with h5py.File(written, "a") as file:
        damage(file)
    assert refusal(written).startswith("E002")


def test_every_prefix_of_a_file_is_refused(written: Path, tmp_path: Path) -> None:
    """A file that was cut off anywhere is E002, never another exception."""
    content = written.read_bytes()
    path = tmp_path / "cut.nir"
    lengths = [*range(128), *range(128, len(content), 97), len(content) - 1]
    for length in lengths:
        path.write_bytes(content[:length])
        assert refusal(path).startswith("E002"), f"cut after {length} bytes"


READ, REFUSED, RAISED, CRASHED = range(4)


def outcome(content: bytes, path: Path) -> int:
    """Load a file of this content and return what happened."""
    path.write_bytes(content)
    try:
        load(path, LITERAL)
    except SpearError as error:
        return REFUSED if error.exit_code in (2, 3) and error.findings else RAISED
    except BaseException:
        return RAISED
    return READ


def outcomes_in_children(contents: list[bytes], path: Path) -> list[int]:
    """Return the outcome of each content; a child process goes on behind one that crashed or hung HDF5."""
    outcomes: list[int] = []
    while len(outcomes) < len(contents):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            for content in contents[len(outcomes) :]:
                signal.alarm(3)
                os.write(writer, bytes([outcome(content, path)]))
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader, "rb") as stream:
            outcomes += stream.read()
        if os.waitpid(child, 0)[1]:
            outcomes.append(CRASHED)
    return outcomes


def test_flipped_bytes_never_raise_anything_else(written: Path, tmp_path: Path) -> None:
    """Of 200 files with flipped bytes each is read or refused with findings.

    About one in 500 such files crashes or hangs HDF5's own C code, which no Python code can prevent.
    """
    content = written.read_bytes()
    rng = np.random.default_rng(0)
    contents = []
    for _ in range(200):
        damaged = bytearray(content)
        for position in rng.integers(0, len(content), rng.integers(1, 12)):
            damaged[position] ^= int(rng.integers(1, 256))
        contents.append(bytes(damaged))
    outcomes = outcomes_in_children(contents, tmp_path / "flipped.nir")
    assert RAISED not in outcomes
    assert outcomes.count(REFUSED) > 50, "the mutations must reach the structure"
    assert outcomes.count(CRASHED) < 5
