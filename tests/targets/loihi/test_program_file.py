"""program.h5: reading gives back what was written, the bytes are a function of the program, damage is E010."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings

from spear_deploy.errors import InputError
from spear_deploy.network.synapses import ConvSynapses, DenseSynapses
from spear_deploy.targets.loihi.program import InputPort, LoihiPopulation, LoihiProgram, LoihiProjection
from spear_deploy.targets.loihi.program_file import read_program, write_program
from spear_deploy.targets.loihi.registers import Arithmetic
from tests.strategies import chip_programs


def assert_same(a: Any, b: Any) -> None:
    """Equal structures of dataclasses, tuples, arrays (by value) and scalars."""
    if is_dataclass(a):
        assert type(a) is type(b)
        for field in fields(a):
            assert_same(getattr(a, field.name), getattr(b, field.name))
    elif isinstance(a, tuple):
        assert len(a) == len(b)
        for first, second in zip(a, b, strict=True):
            assert_same(first, second)
    elif isinstance(a, np.ndarray):
        assert a.shape == b.shape
        np.testing.assert_array_equal(a, b)
    else:
        assert a == b


def by_name(program: LoihiProgram) -> LoihiProgram:
    """The program with its projections sorted: their order has no meaning."""
    return replace(program, projections=tuple(sorted(program.projections, key=lambda p: p.synapses.name)))


@settings(max_examples=40, deadline=None)
@given(chip_programs())
def test_reading_gives_back_what_was_written(program):
    """Random programs come back whole, with each register's shape; writing twice gives the same bytes."""
    with TemporaryDirectory() as folder:
        first, second = Path(folder, "first.h5"), Path(folder, "second.h5")
        write_program(first, program)
        again = read_program(first)
        write_program(second, again)
        assert_same(by_name(again), by_name(program))
        assert first.read_bytes() == second.read_bytes()


def test_other_widths_than_lavas_are_kept(program, tmp_path):
    """A program says with which widths it computes; without a word they are Lava's."""
    path = tmp_path / "p.h5"
    write_program(path, replace(program, arithmetic=Arithmetic(decay_bits=8, state_bits=14, shift=4)))
    assert read_program(path).arithmetic == Arithmetic(decay_bits=8, state_bits=14, shift=4)
    write_program(path, program)
    assert read_program(path).arithmetic == Arithmetic(decay_bits=12, state_bits=24, shift=6)


@pytest.fixture
def program() -> LoihiProgram:
    """A convolution into spiking neurons."""
    scalar = np.asarray(7, np.int32)
    population = LoihiPopulation("p", (3, 2, 2), "lif", 1, np.asarray(12.5), scalar, scalar, scalar, scalar, scalar)
    weight = np.arange(-18, 18).reshape(3, 3, 2, 2).astype(np.int16)
    synapses = ConvSynapses("w", "in", "p", weight, (1, 2), (0, 1), (1, 1), 1)
    projection, port = LoihiProjection(synapses, 2, 0), InputPort("in", (3, 3, 3), 1)
    return LoihiProgram("loihi2", (port,), (population,), (projection,), ("p",))


def change(path: Path, name: str, value: Any) -> None:
    """Overwrite an attribute of the file, given as group@attribute, or delete a group or data set."""
    group, _, attribute = name.partition("@")
    with h5py.File(path, "r+") as file:
        if attribute:
            file[group].attrs[attribute] = value
        else:
            del file[group]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("/@schema", 4),
        ("populations/p@reset", "never"),
        ("projections/w@delay", -1),
        ("projections/w@source", "ghost"),
        ("populations/p@kind", "izhikevich"),
        ("projections/w@kind", "sparse"),
        ("/@order", ["in", "ghost"]),
        ("/@outputs", ["ghost"]),
        ("projections/w@stride", [1]),
        ("populations/p@shape", "wide"),
        ("populations/p@shape", [3, 2, 3]),
        ("projections/w@groups", 3),
        ("projections/w@stride", [0, 1]),
        ("projections/w@padding", [0, -1]),
        ("projections/w@weight_exp", np.inf),
        ("projections/w@target", "in"),
        ("populations/p/vth", None),
        ("projections/w/weight", None),
        ("projections", None),
    ],
)
def test_departures_from_the_schema_are_damage(program, tmp_path, name, value):
    """A later schema, unknown kinds, missing parts and values of another type are E010 and name the file."""
    path = tmp_path / "p.h5"
    write_program(path, program)
    change(path, name, value)
    with pytest.raises(InputError) as caught:
        read_program(path)
    assert [(f.code, f.where) for f in caught.value.findings] == [("E010", str(path))]


@pytest.mark.parametrize("content", [b"", b"no HDF5 at all" * 100, None])
def test_files_that_are_no_program_are_damage(program, tmp_path, content):
    """An empty, a foreign, or a truncated file (None) is E010."""
    path = tmp_path / "p.h5"
    write_program(path, program)
    path.write_bytes(path.read_bytes()[:2000] if content is None else content)
    with pytest.raises(InputError) as caught:
        read_program(path)
    assert caught.value.findings[0].code == "E010"


def test_matrices_that_compress_well_are_read(tmp_path):
    """A matrix of the largest size, almost all zeros as that of a pooling is, is believed of a file of 1 MB."""
    weight = np.zeros((1 << 13, 1 << 13), np.int16)
    weight[7, 5] = -3
    zero = np.asarray(0, np.int32)
    population = LoihiPopulation("p", (1 << 13,), "readout", 1, np.asarray(1.0), zero, zero, zero, zero, zero)
    projection, port = LoihiProjection(DenseSynapses("w", "in", "p", weight), 0, 0), InputPort("in", (1 << 13,), 1)
    write_program(tmp_path / "p.h5", LoihiProgram("loihi2", (port,), (population,), (projection,), ("p",)))
    assert (tmp_path / "p.h5").stat().st_size < 1 << 20
    np.testing.assert_array_equal(read_program(tmp_path / "p.h5").synapses[0].weight, weight)
