"""Names in any script and of any length are read and written back; others are renamed, or refused early."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import nir
import numpy as np
import pytest

from spear_deploy.errors import InputError
from spear_deploy.frontends import load, save
from spear_deploy.frontends.nir.file import NirGraph
from spear_deploy.frontends.nir.names import with_writable_names
from spear_deploy.frontends.nir.reader import convert
from spear_deploy.network import Input, Linear, Network, Population, Projection, identity_readout
from spear_deploy.targets.loihi.program_file import read_program, write_program
from spear_deploy.targets.loihi.quantise import quantise
from spear_deploy.targets.ports import InputRange
from tests.frontends.nir.graphs import LITERAL, lif, linear, nested, port
from tests.strategies import REGISTERS

SCRIPTS = ["é", "日本語", "ключ", "نورون", "😀👩\u200d👩\u200d👧"]
GOOD = [*SCRIPTS, "a b", "a.b", "..", "[red]", "<b>&", "it's", "x" * 20_000, "new\nline"]
BAD = ["a/b", "", ".", "n\0ul", "\ud800", "[/red]", "/"]


def graph_of(names: list[str]) -> NirGraph:
    """Return layers of those names in a row."""
    nodes = {"in": port("Input", 3)}
    for index, name in enumerate(names):
        nodes |= {f"w{name}": linear(3, 3, seed=index), name: lif(3)}
    nodes["out"] = port("Output", 3)
    return NirGraph(nodes, tuple(pairwise(nodes)))


def test_any_script_and_length(tmp_path: Path) -> None:
    """In the network, in its file, in nir's own reading of that, and in a chip's program."""
    imported = convert(graph_of(GOOD), LITERAL)
    assert not imported.notes
    assert {p.name for p in imported.network.neurons} == set(GOOD)
    save(tmp_path / "n.nir", imported.network, imported.semantics)
    assert load(tmp_path / "n.nir").network.content_hash == imported.network.content_hash
    assert set(GOOD) < set(nir.read(tmp_path / "n.nir").nodes)
    program = quantise(imported.network, "loihi2", REGISTERS, {"in": InputRange(1, True)}).program
    write_program(tmp_path / "p.h5", program)
    assert {p.name for p in read_program(tmp_path / "p.h5").populations} == set(GOOD)


@pytest.mark.parametrize("name", BAD)
def test_what_no_file_can_hold_is_renamed(name: str, tmp_path: Path) -> None:
    """A graph in memory may have it: it gets the nearest name, and a note says so."""
    imported = convert(graph_of([name, "other"]), LITERAL)
    notes = [note for note in imported.notes if "files cannot hold this name" in note.message]
    assert len(notes) == 2 - (f"w{name}" in ("w", "w."))
    assert all(note.code == "N006" and str(note).encode() for note in notes)
    save(tmp_path / "n.nir", imported.network, imported.semantics)
    assert load(tmp_path / "n.nir").network.content_hash == imported.network.content_hash


def test_new_names_are_new() -> None:
    """Two names that become one, and one that is there already, stay apart; edges and nested graphs follow."""
    inner = NirGraph({"i/n": port("Input", 3), "f": lif(3), "o": port("Output", 3)}, (("i/n", "f"), ("f", "o")))
    nodes = {"a/b": port("Input", 3), "a_b": lif(3), "a\0b": lif(3), "s/s": nested(inner), "out": port("Output", 3)}
    graph, notes = with_writable_names(NirGraph(nodes, tuple(pairwise(nodes))))
    assert sorted(graph.nodes) == ["a_b", "a_b.2", "a_b.3", "out", "s_s"]
    assert [note.where for note in notes] == ["node 'a/b'", "node 'a\\x00b'", "node 's/s'", "node 's_s.i/n'"]
    network = convert(NirGraph(nodes, tuple(pairwise(nodes))), LITERAL).network
    assert network.order == ("a_b.2", "a_b", "a_b.3", "s_s.f")


@pytest.mark.parametrize("name", BAD)
def test_a_network_has_only_names_that_can_be_written(name: str) -> None:
    """One that is made in Python is refused when it is made, not when all is done."""
    neuron = identity_readout((3,))
    for population, projection in ((name, "p"), ("n", name)):
        populations = (Input("in", (3,)), Population(population, (3,), neuron))
        synapses = Projection(projection, "in", population, (Linear(np.eye(3, dtype=np.float32)),))
        with pytest.raises(InputError, match="no file can hold this name") as caught:
            Network(populations, (synapses,), (population,))
        assert {finding.code for finding in caught.value.findings} == {"E004"}
        assert str(caught.value).encode("ascii", "backslashreplace")
