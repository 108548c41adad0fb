"""Lava, run through the client, against plain numpy: spikes of every population, potentials, final states."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import pytest

from spear_deploy.backends.lava import run_lava
from spear_deploy.backends.supervised import Record
from spear_deploy.errors import BackendError

from .programs import Array, Population, Program, Projection, copy_of, evaluate, write

pytestmark = [pytest.mark.lava, pytest.mark.usefixtures("lava_python")]

Random = np.random.Generator


def _weights(random: Random, *shape: int, largest: int = 127) -> Array:
    return random.integers(-largest, largest + 1, shape)


def _convolutional(random: Random) -> Program:
    """Stride, padding, dilation and groups that differ in y and x; a dense projection from an image."""
    return Program(
        (
            Population("input", "input", (2, 9, 8), 0),
            Population("first", "lif", (4, 5, 6), 1, du=4095, dv=300, vth=60),
            Population("second", "lif", (6, 3, 3), 2, du=1500, dv=random.integers(0, 4096, (6, 3, 3)), vth=150),
            Population("third", "lif", (5,), 3, du=4095, dv=40, vth=120),
            Population("out", "readout", (3,), 4, du=1000, dv=100),
        ),
        (
            Projection("input", "first", _weights(random, 4, 2, 3, 2), 0, (2, 1), (1, 0), (1, 2)),
            Projection("first", "second", _weights(random, 6, 2, 3, 4), 1, (1, 2), (0, 1), (1, 1), 2),
            Projection("second", "third", _weights(random, 5, 54)),
            Projection("third", "out", _weights(random, 3, 5), 2),
        ),
    )


def _residual(random: Random) -> Program:
    """Paths of different length into one image, by convolution and by dense weights."""
    return Program(
        (
            Population("input", "input", (2, 4, 3), 0),
            Population("a", "lif", (3, 4, 3), 1, dv=500, vth=50),
            Population("b", "lif", (3, 4, 3), 2, dv=100, vth=90),
            Population("c", "lif", (2, 2, 3), 4, du=2000, dv=100, vth=200),
            Population("out", "readout", (2,), 5),
        ),
        (
            Projection("input", "a", _weights(random, 3, 2, 3, 3), 0, (1, 1), (1, 1)),
            Projection("a", "b", _weights(random, 3, 1, 3, 3), 1, (1, 1), (1, 1), (1, 1), 3),
            Projection("a", "c", _weights(random, 2, 3, 1, 1), 0, (2, 1)),
            Projection("b", "c", _weights(random, 12, 36)),
            Projection("input", "c", _weights(random, 12, 24), 1),
            Projection("c", "out", _weights(random, 2, 12)),
            Projection("a", "out", _weights(random, 2, 36)),
        ),
    )


def _graded(random: Random) -> Program:
    """Payloads beyond one, into a convolution, into dense weights, and through a delay."""
    return Program(
        (
            Population("input", "input", (1, 6, 5), 0, max_value=200),
            Population("a", "lif", (2, 6, 5), 1, dv=500, vth=9000),
            Population("b", "lif", (7,), 2, dv=0, vth=20000),
        ),
        (
            Projection("input", "a", _weights(random, 2, 1, 3, 3), 0, (1, 1), (1, 1)),
            Projection("a", "b", _weights(random, 7, 60)),
            Projection("input", "b", _weights(random, 7, 30)),
        ),
    )


def _biased(random: Random) -> Program:
    """Every parameter differs between neurons; one population is driven by its bias alone, one is alone."""
    shape = (2, 3, 2)
    own: dict[str, Any] = {
        "du": random.integers(0, 4096, shape),
        "dv": random.integers(0, 4097, shape),
        "vth": random.integers(0, 200, shape),
        "bias_mant": random.integers(-1000, 4096, shape),
        "bias_exp": random.integers(0, 4, shape),
    }
    return Program(
        (
            Population("input", "input", (3,), 0),
            Population("driven", "lif", shape, 1, **own),
            Population("driver", "lif", (4,), 1, bias_mant=np.array([4000, 700, 0, -50]), bias_exp=1, vth=60),
            Population("alone", "readout", (2, 1, 2), 1, bias_mant=33, bias_exp=2, dv=100),
            Population("joined", "lif", (3,), 2, vth=80, dv=900),
        ),
        (
            Projection("input", "driven", _weights(random, 12, 3)),
            Projection("driven", "joined", _weights(random, 3, 12)),
            Projection("driver", "joined", _weights(random, 3, 4)),
        ),
    )


def _zero(random: Random) -> Program:
    """Projections that were pruned away altogether, and weights of one sign."""
    return Program(
        (
            Population("input", "input", (1, 4, 4), 0),
            Population("a", "lif", (2, 4, 4), 1, bias_mant=900, vth=20),
            Population("b", "lif", (4,), 2, vth=30),
            Population("c", "readout", (4,), 3),
            Population("d", "readout", (4,), 3),
        ),
        (
            Projection("input", "a", np.zeros((2, 1, 3, 3), np.int64), 0, (1, 1), (1, 1)),
            Projection("a", "b", np.abs(_weights(random, 4, 32))),
            Projection("b", "c", np.zeros((4, 4), np.int64), 3),
            Projection("b", "d", np.minimum(_weights(random, 4, 4), 0)),
        ),
    )


def _extreme(random: Random) -> Program:
    """Currents that wrap around and potentials that are clipped."""
    return Program(
        (
            Population("input", "input", (20,), 0),
            Population("wraps", "lif", (12,), 1, du=0, dv=0, vth=131071),
            Population("clips", "readout", (12,), 1, du=100, dv=0),
        ),
        (
            Projection("input", "wraps", _weights(random, 12, 20), 7),
            Projection("input", "clips", np.abs(_weights(random, 12, 20)), 5),
        ),
    )


def _two_networks(random: Random) -> Program:
    """Two inputs with a network each, that have nothing in common, and an input that nothing listens to."""
    return Program(
        (
            Population("deaf", "input", (2,), 0),
            Population("left", "input", (4,), 0),
            Population("right", "input", (2, 2, 2), 0, max_value=9),
            Population("a", "lif", (5,), 1, dv=300, vth=70),
            Population("b", "readout", (3,), 1),
        ),
        (
            Projection("left", "a", _weights(random, 5, 4)),
            Projection("right", "b", _weights(random, 3, 8), 1),
        ),
    )


def _wide(random: Random) -> Program:
    """A geometry beyond the 8 bits in which Lava's own convolution keeps it: many groups, a long kernel."""
    return Program(
        (
            Population("input", "input", (130, 2, 1), 0),
            Population("grouped", "lif", (130, 2, 1), 1, vth=40),
            Population("signal", "input", (1, 1, 300), 0),
            Population("long", "lif", (2, 1, 2), 1, vth=900),
        ),
        (
            Projection("input", "grouped", _weights(random, 130, 1, 1, 1), 0, (1, 1), groups=130),
            Projection("signal", "long", _weights(random, 2, 1, 1, 160), 0, (1, 140)),
        ),
    )


def _one_sign(random: Random) -> Program:
    """Weights of one sign that need all 8 bits, dense and convolved, odd ones and zeros among them."""
    return Program(
        (
            Population("input", "input", (2, 4, 4), 0),
            Population("a", "lif", (3, 4, 4), 1, dv=200, vth=900),
            Population("b", "lif", (6,), 2, dv=100, vth=2500),
            Population("c", "readout", (5,), 3),
            Population("d", "readout", (1, 2, 2), 2),
        ),
        (
            Projection("input", "a", random.integers(0, 256, (3, 2, 3, 3)), 0, (1, 1), (1, 1)),
            Projection("a", "b", random.integers(0, 256, (6, 48)), 1),
            Projection("b", "c", -random.integers(0, 256, (5, 6))),
            Projection("input", "c", -random.integers(1, 256, (5, 32)), 2),
            Projection("a", "d", -random.integers(0, 256, (1, 3, 2, 2)), 1, (2, 2)),
        ),
    )


def _resets(random: Random) -> Program:
    """All four resets, driven so hard by input and bias that several thresholds lie between v and 0.

    Those that are not Lava's own fire at v > threshold or at v >= threshold.
    """
    own_kinds = [("value", True), ("subtract", False), ("subtract", True)]
    names = [("value", False, "gt"), *((*kind, compare) for kind in own_kinds for compare in ("gt", "ge"))]
    shape = (2, 3, 2)
    populations, projections = [Population("input", "input", (5,), 0)], []
    for index, (reset, late, compare) in enumerate(names):
        own: dict[str, Any] = {
            "du": random.integers(1000, 4096, shape),
            "dv": random.integers(0, 900, shape),
            "vth": random.integers(0, 150, shape),
            "bias_mant": random.integers(-300, 1000, shape),
            "bias_exp": random.integers(0, 3, shape),
        }
        name = f"{reset}{' late' if late else ''} {compare}"
        populations.append(Population(name, "lif", shape, 1, reset=reset, late=late, compare=compare, **own))
        projections.append(Projection("input", name, _weights(random, 12, 5)))
        populations.append(Population(f"after {index}", "lif", (3,), 2, dv=300, vth=90, reset=reset, late=late))
        projections.append(Projection(name, f"after {index}", _weights(random, 3, 12)))
    return Program(tuple(populations), tuple(projections))


def _clipped_resets(random: Random) -> Program:
    """Membranes at their limit when the threshold, the largest there is, comes off: before or after clipping."""
    names = {"at once": False, "late": True}
    return Program(
        (
            Population("input", "input", (20,), 0),
            *(
                Population(name, "lif", (12,), 1, du=4095, dv=0, vth=131071, reset="subtract", late=late)
                for name, late in names.items()
            ),
        ),
        tuple(Projection("input", name, random.integers(-30, 256, (12, 20)) // 2, 7) for name in names),
    )


def _lagging(random: Random) -> Program:
    """Lags in feed-forward, through relays that share a source, longer than a sample, of graded input, of a bias."""
    return Program(
        (
            Population("input", "input", (1, 4, 4), 0, max_value=9),
            Population("driver", "lif", (3,), 2, bias_mant=900, bias_exp=1, vth=70, dv=100),
            Population("a", "lif", (2, 4, 4), 1, dv=500, vth=700),
            Population("b", "lif", (6,), 3, dv=100, vth=90),
            Population("c", "readout", (4,), 2),
        ),
        (
            Projection("input", "a", _weights(random, 2, 1, 3, 3), 0, (1, 1), (1, 1), lag=2),
            Projection("input", "b", _weights(random, 6, 16), lag=3),
            Projection("driver", "b", _weights(random, 6, 3), lag=2),
            Projection("driver", "b", _weights(random, 6, 3), lag=11),
            Projection("a", "b", _weights(random, 6, 32), lag=2),
            Projection("a", "b", _weights(random, 6, 32)),
            Projection("a", "c", _weights(random, 4, 32)),
            Projection("b", "c", _weights(random, 4, 6), lag=2),
            Projection("driver", "c", _weights(random, 4, 3), lag=1),
        ),
    )


def _recurrent(random: Random) -> Program:
    """Loops of one population with itself, at once and later, and of three populations and a convolution."""
    image = (2, 3, 3)
    return Program(
        (
            Population("input", "input", (6,), 0),
            Population("alone", "lif", (7,), 1, du=2000, dv=300, vth=100, reset="subtract"),
            Population("x", "lif", image, 2, dv=200, vth=110),
            Population("y", "lif", image, 3, dv=100, vth=90, late=True),
            Population("z", "lif", (5,), 4, dv=100, vth=80),
            Population("out", "readout", (3,), 5, du=1000, dv=50),
        ),
        (
            Projection("input", "alone", _weights(random, 7, 6)),
            Projection("alone", "alone", _weights(random, 7, 7), lag=1),
            Projection("alone", "alone", _weights(random, 7, 7), lag=4),
            Projection("alone", "x", _weights(random, 18, 7), 1),
            Projection("x", "y", _weights(random, 2, 2, 3, 3), 0, (1, 1), (1, 1)),
            Projection("y", "z", _weights(random, 5, 18)),
            Projection("z", "x", _weights(random, 18, 5), lag=3),
            Projection("y", "x", _weights(random, 2, 2, 1, 1), 0, (1, 1), lag=2),
            Projection("z", "out", _weights(random, 3, 5), 2),
        ),
    )


PROGRAMS = [
    _convolutional,
    _residual,
    _graded,
    _biased,
    _zero,
    _extreme,
    _two_networks,
    _wide,
    _one_sign,
    _resets,
    _clipped_resets,
    _lagging,
    _recurrent,
]


def _inputs(program: Program, random: Random, samples: int, steps: int) -> dict[str, npt.NDArray[np.int32]]:
    inputs = {}
    for population in program.populations:
        if population.kind == "input":
            active = random.random((samples, steps, *population.shape)) < 0.5
            inputs[population.name] = (active * random.integers(1, population.max_value + 1, active.shape)).astype(
                np.int32
            )
    return inputs


def _assert_equal(program: Program, inputs: dict[str, npt.NDArray[np.int32]], record: Record) -> None:
    expected = evaluate(program, inputs)
    assert record.spikes.keys() == expected.spikes.keys()
    for name, spikes in expected.spikes.items():
        np.testing.assert_array_equal(record.spikes[name], np.packbits(spikes.astype(bool), axis=-1), err_msg=name)
    assert record.potentials.keys() == expected.potentials.keys()
    for name, potentials in expected.potentials.items():
        assert record.potentials[name].dtype == np.int32
        np.testing.assert_array_equal(record.potentials[name], potentials, err_msg=name)
    for name, (u, v) in record.final.items():
        np.testing.assert_array_equal(u, expected.final[name][0], err_msg=f"u of {name}")
        np.testing.assert_array_equal(v, expected.final[name][1], err_msg=f"v of {name}")


@pytest.mark.parametrize("make", PROGRAMS, ids=lambda make: make.__name__.strip("_"))
def test_equals_the_equations(make: Callable[[Random], Program], tmp_path: Path) -> None:
    """Spikes, potentials and final states of several samples are those of the equations, bit by bit."""
    random = np.random.default_rng(7)
    program = make(random)
    inputs = _inputs(program, random, samples=3, steps=8)
    record = run_lava(copy_of(write(program, tmp_path / "program.h5")), inputs, timeout=120, final_state=True)
    _assert_equal(program, inputs, record)
    assert set(record.final) == {*record.spikes, *record.potentials}


def test_the_programs_are_active() -> None:
    """The comparison means something: populations fire, but not all the time; potentials do reach their limit."""
    for make in PROGRAMS:
        random = np.random.default_rng(7)
        program = make(random)
        evaluation = evaluate(program, _inputs(program, random, samples=3, steps=8))
        for name, spikes in evaluation.spikes.items():
            assert 0 < spikes.mean() < 1, f"{make.__name__} {name}"
        if make is _extreme:
            assert evaluation.potentials["clips"].max() == 2**23 - 1
        if make is _clipped_resets:
            assert evaluation.final["late"][1].max() == 2**23 - 1
            assert 2**23 - 1 - (131071 << 6) in evaluation.final["at once"][1]


def _in_flight(program: Program, inputs: dict[str, npt.NDArray[np.int32]]) -> list[int]:
    """How many spikes of each lagging projection arrive after the end of their sample."""
    sent = {name: np.asarray(x, np.int64) for name, x in inputs.items()} | evaluate(program, inputs).spikes
    return [int(np.count_nonzero(sent[p.source][:, -p.lag :])) for p in program.projections if p.lag]


@pytest.mark.parametrize("make", [_lagging, _recurrent], ids=["feed-forward", "recurrent"])
def test_samples_do_not_meet(make: Callable[[Random], Program], tmp_path: Path) -> None:
    """Three samples in one stream give what three runs give, although each ends with spikes in flight."""
    random = np.random.default_rng(7)
    program = make(random)
    inputs = _inputs(program, random, samples=3, steps=6)
    assert all(_in_flight(program, inputs))
    path = write(program, tmp_path / "program.h5")
    together = run_lava(copy_of(path), inputs, timeout=120)
    for sample in range(3):
        alone = run_lava(copy_of(path), {name: x[sample : sample + 1] for name, x in inputs.items()}, timeout=120)
        for name, spikes in together.spikes.items():
            np.testing.assert_array_equal(spikes[sample], alone.spikes[name][0], err_msg=name)
        for name, potentials in together.potentials.items():
            np.testing.assert_array_equal(potentials[sample], alone.potentials[name][0], err_msg=name)


@pytest.mark.parametrize("make", [_residual, _recurrent], ids=lambda make: make.__name__.strip("_"))
@pytest.mark.parametrize(("samples", "steps"), [(1, 6), (5, 1)], ids=["one-sample", "one-step"])
def test_lengths(make: Callable[[Random], Program], samples: int, steps: int, tmp_path: Path) -> None:
    """One sample alone, and samples of a single step, are run like any others."""
    random = np.random.default_rng(3)
    program = make(random)
    inputs = _inputs(program, random, samples, steps)
    record = run_lava(copy_of(write(program, tmp_path / "program.h5")), inputs, timeout=120, final_state=True)
    _assert_equal(program, inputs, record)


def test_progress_and_timings(tmp_path: Path) -> None:
    """Progress counts up to at most all steps; times and versions are those of the run."""
    random = np.random.default_rng(5)
    program = _extreme(random)
    seen: list[tuple[int, int]] = []
    path = write(program, tmp_path / "program.h5")
    record = run_lava(
        copy_of(path),
        _inputs(program, random, 40, 30),
        timeout=120,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == sorted(seen)
    assert {total for _, total in seen} == {40 * 30 + 1} == {record.steps}
    assert 0 < record.seconds_run < record.seconds_total
    assert record.versions["lava"] == "0.10.0"
    assert not record.final


INPUT = Population("input", "input", (3,), 0)


def _two(population: Population, weight: Any = 1, lag: int = 0, source: Population = INPUT) -> Program:
    return Program((source, population), (Projection("input", "a", np.broadcast_to(weight, (2, 3)), lag=lag),))


@pytest.mark.parametrize(
    ("program", "values", "message"),
    [
        (Program((INPUT,), ()), 1, "at least one other"),
        (_two(Population("a", "lif", (2,), 1), [-1, 0, 128]), 1, "-1..128 lie beyond"),
        (_two(Population("a", "lif", (2,), 1), -256), 1, "-256..-256 lie beyond"),
        (_two(Population("a", "lif", (2,), 1, bias_mant=40000)), 1, "bias_mant"),
        (_two(Population("a", "lif", (2,), 1, reset="twice")), 1, "unknown reset 'twice'"),
        (_two(Population("a", "lif", (2,), 1), lag=63), 1, "delay 63 lies beyond 0..62"),
        (_two(Population("a", "lif", (2,), 2), lag=-1), 1, "delay 0 is too short"),
        (_two(Population("a", "lif", (2,), -1), lag=2), 1, "level -1"),
        (_two(Population("a", "lif", (2,), 2), source=replace(INPUT, level=1)), 1, "level 1 of kind input"),
        (_two(Population("a", "lif", (2,), 1)), 2, "beyond 0..1"),
    ],
    ids=[
        "nothing-to-run",
        "mixed-mantissa",
        "inhibitory-mantissa",
        "bias",
        "reset",
        "long-delay",
        "arrives-before-sent",
        "negative-level",
        "late-input",
        "graded-into-binary",
    ],
)
def test_refuses_what_lava_would_run_wrongly(program: Program, values: int, message: str, tmp_path: Path) -> None:
    """Values that Lava would wrap or clip silently end the run with a message that names them."""
    path = write(program, tmp_path / "program.h5")
    with pytest.raises(BackendError, match="E061") as raised:
        run_lava(copy_of(path), {"input": np.full((1, 2, 3), values, np.uint8)}, timeout=60)
    assert message in str(raised.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    """A program that is not HDF5 or of an older schema, and inputs of another shape, are refused with the reason."""
    broken = tmp_path / "broken.h5"
    broken.write_bytes(b"not HDF5")
    with pytest.raises(BackendError, match="not a program"):
        run_lava(copy_of(broken), {"input": np.zeros((1, 2, 3), np.uint8)}, timeout=60)
    program = _extreme(np.random.default_rng(0))
    with h5py.File(write(program, tmp_path / "older.h5"), "r+") as file:
        file.attrs["schema"] = 1
    with pytest.raises(BackendError, match="schema 1, this backend reads schema 3"):
        run_lava(copy_of(tmp_path / "older.h5"), {"input": np.zeros((1, 2, 20), np.uint8)}, timeout=60)
    with pytest.raises(BackendError, match=r"expected integers \(N, T, 20\)"):
        run_lava(copy_of(write(program, tmp_path / "p.h5")), {"input": np.zeros((1, 2, 3), np.uint8)}, timeout=60)
