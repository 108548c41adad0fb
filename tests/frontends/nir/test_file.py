"""The HDF5 layout of NIR: exact round trips, and damaged files of every kind refused."""

from __future__ import annotations

import os
from errno import EACCES
from pathlib import Path

import h5py
import numpy as np
import pytest

from spear_deploy.errors import InputError
from spear_deploy.frontends.nir import file as nir_file
from spear_deploy.frontends.nir.file import NirGraph
from spear_deploy.untrusted import hdf5
from tests.frontends.nir.graphs import chain, lif, linear, node

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


def _numbers_for_edges(file: h5py.File) -> None:
    del file["node/edges"]
    file["node/edges"] = np.ones((2, 2))


def _many_axes(file: h5py.File) -> None:
    del file["node/nodes/input/shape"]
    file["node/nodes/input/shape"] = np.ones(1 << 20)


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
        _numbers_for_edges,
        _many_axes,
    ],
)
def test_wrong_layout(damage, written: Path) -> None:
    """HDF5 that is not laid out as NIR is E002: nothing is read from elsewhere, and nothing huge is allocated."""
    with h5py.File(written, "a") as file:
        damage(file)
    assert refusal(written).startswith("E002")


def test_part_of_a_file(written: Path, tmp_path: Path) -> None:
    """A file that was cut off is E002, wherever: in the signature, in the structure, or one byte from the end."""
    content = written.read_bytes()
    path = tmp_path / "cut.nir"
    for length in (0, 1, 8, 9, 96, len(content) // 3, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        assert refusal(path).startswith("E002"), f"cut after {length} bytes"


def test_file_that_may_not_be_read(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that the system does not let us open is E001 with its reason, not a damaged one."""

    def refuse(*_: object) -> None:
        raise PermissionError(EACCES, os.strerror(EACCES))

    monkeypatch.setattr(hdf5, "read", refuse)
    assert refusal(written) == "E001 cannot be read: Permission denied"
