"""``program.h5`` of a Xylo program: what is written is read, and what is not a program is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from spear_deploy.errors import InputError
from spear_deploy.targets.xylo.emulator import XyloEmulator
from spear_deploy.targets.xylo.program_file import read_program, write_program

from .programs import random_events, random_program


@pytest.mark.parametrize("seed", range(3))
def test_a_program_comes_back(seed: int, tmp_path: Path) -> None:
    """Equal bytes for equal programs; the one that is read runs alike."""
    program = random_program(seed)
    for name in ("a.h5", "b.h5"):
        write_program(tmp_path / name, program)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    again, x = read_program(tmp_path / "a.h5"), {"input": random_events(program, 10, 2, seed)}
    assert (again.shifts, again.outputs, again.shapes) == (program.shifts, program.outputs, program.shapes)
    ours, theirs = (XyloEmulator(each).run(x, membranes=True) for each in (program, again))
    for name in ("first", "out"):
        np.testing.assert_array_equal(ours.spikes[name], theirs.spikes[name])
        np.testing.assert_array_equal(ours.membrane[name], theirs.membrane[name])


def _set(group: str, key: str, value: Any) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        file[group].attrs[key] = value

    return change


def _put(name: str, value: Any) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        shape = file[name].shape
        del file[name]
        file[name] = np.broadcast_to(value, shape)

    return change


@pytest.mark.parametrize(
    "change",
    [
        _set("/", "schema", 3),
        _set("/", "shift_input", 9),
        _set("/", "outputs", ["first"]),
        _set("/", "order", ["out", "first"]),
        _set("populations/first", "depth", -1),
        _set("inputs/input", "max_value", 0),
        _put("populations/first/threshold", 0),
        _put("populations/first/dash_mem", 16),
        _put("populations/out/bias", 40000),
        _put("populations/out/threshold", 1.5),
        _set("projections/input-first", "target", "out"),
        _set("projections/input-first", "source", "out"),
        _set("projections/input-first", "source", "nobody"),
    ],
)
def test_damage_is_refused(change: Callable[[h5py.File], None], tmp_path: Path) -> None:
    """What xylosim would crash on, or compute something else of, is E010."""
    path = tmp_path / "program.h5"
    write_program(path, random_program(1))
    with h5py.File(path, "a") as file:
        change(file)
    with pytest.raises(InputError) as caught:
        read_program(path)
    assert caught.value.findings[0].code == "E010"


def test_another_targets_program_is_refused(tmp_path: Path) -> None:
    """A file that is not HDF5 at all, too."""
    (tmp_path / "x.h5").write_bytes(b"nothing")
    with pytest.raises(InputError, match="E010"):
        read_program(tmp_path / "x.h5")
