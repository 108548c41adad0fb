"""program.h5: what is written is read, equal programs give equal bytes, and damage is one coded error."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from spear_deploy import Imported, Semantics, lower
from spear_deploy.errors import InputError
from spear_deploy.targets.speck.program import SpeckProgram
from spear_deploy.targets.speck.program_file import read_program, write_program
from tests.targets.speck.networks import branched, random_network


def program(seed: int) -> SpeckProgram:
    network = branched(0, pool=2) if seed < 0 else random_network(seed)
    found = lower(Imported(network, Semantics(dt=1.0)), chip="speck2e").program
    assert isinstance(found, SpeckProgram)
    return found


@pytest.mark.parametrize("seed", [-1, 0, 1])
def test_a_round_trip(seed: int, tmp_path: Path) -> None:
    """Every field comes back, in the same order, and writes the same bytes."""
    written = program(seed)
    write_program(tmp_path / "a.h5", written)
    read = read_program(tmp_path / "a.h5")
    write_program(tmp_path / "b.h5", read)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    assert (read.chip, read.inputs, read.outputs) == (written.chip, written.inputs, written.outputs)
    for one, other in zip(read.populations, written.populations, strict=True):
        np.testing.assert_array_equal(one.weight, other.weight)
        np.testing.assert_array_equal(one.originals.weight, other.originals.weight)
        same = ("name", "shape", "core", "sources", "stride", "padding", "threshold", "low", "reset", "scale")
        assert [getattr(one, name) for name in same] == [getattr(other, name) for name in same]
    assert read.integers().keys() == written.integers().keys()


def damage_schema(file: h5py.File) -> None:
    file.attrs["schema"] = 99


def damage_shape(file: h5py.File) -> None:
    file["layers/layer0"].attrs["stride"] = (3, 3)


def damage_threshold(file: h5py.File) -> None:
    file["layers/layer0"].attrs["threshold"] = 0


def damage_source(file: h5py.File) -> None:
    file["layers/layer0"].attrs["sources"] = ["nobody"]


def damage_weight(file: h5py.File) -> None:
    weight = file["layers/layer0/weight"][()]
    del file["layers/layer0/weight"]
    file["layers/layer0/weight"] = weight.astype(np.float64)


@pytest.mark.parametrize("damage", [damage_schema, damage_shape, damage_threshold, damage_source, damage_weight])
def test_damage(damage: object, tmp_path: Path) -> None:
    """E010, with the file's name."""
    path = tmp_path / "program.h5"
    write_program(path, program(0))
    with h5py.File(path, "r+") as file:
        damage(file)  # type: ignore[operator]
    with pytest.raises(InputError) as caught:
        read_program(path)
    assert [finding.code for finding in caught.value.findings] == ["E010"]
