"""Small inputs that were read wrongly once, with the right output; each stands for a whole kind tested elsewhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spear_deploy.errors import UnsupportedError
from spear_deploy.frontends import Imported, load
from spear_deploy.frontends.semantics import preset


@pytest.fixture
def cases(shared: Path) -> Path:
    """Folder of the cases; tests are skipped without it."""
    if not (shared / "cases").is_dir():
        pytest.skip(f"needs the cases in {shared}")
    return shared / "cases"


def output(imported: Imported, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the network's output on a case's input, and the right one."""
    with np.load(folder / "expected.npz") as expected:
        x, want = expected["x"], expected["want"]
    return imported.simulate(x).spikes[imported.network.outputs[0]], want


@pytest.mark.parametrize(
    ("case", "name", "dt"),
    [
        ("per_channel_parameters", "nir", 1.0),
        ("same_padding_even_kernel", "nir", 1.0),
        ("norse_starts_at_v_leak", "norse", 1e-3),
        ("spikingjelly_export_dt", "spikingjelly", 1e-3),
    ],
)
def test_output_is_right(case: str, name: str, dt: float, cases: Path) -> None:
    """Not one bin differs."""
    found, want = output(load(cases / case / "model.nir", replace(preset(name), dt=dt)), cases / case)
    np.testing.assert_allclose(found.reshape(want.shape), want, atol=1e-4)


def test_a_bias_that_a_linear_stores(cases: Path) -> None:
    """It is refused by name."""
    with pytest.raises(UnsupportedError, match="E026 node 'a': Linear has no field 'bias'"):
        load(cases / "unknown_field_linear_bias" / "model.nir", replace(preset("nir"), dt=1.0))


def test_a_default_time_step(cases: Path) -> None:
    """It is said aloud, with what follows from it, unless it is stated."""
    path = cases / "spikingjelly_export_dt" / "model.nir"
    (note,) = [n for n in load(path, preset("spikingjelly")).notes if n.code == "N008"]
    assert "0.0001 is only the default of spikingjelly" in note.message
    assert "tau 20 steps" in note.message
    assert "N008" not in {n.code for n in load(path, preset("spikingjelly"), {"dt": 1e-4}).notes}


def test_names_that_are_not_ascii(cases: Path, tmp_path: Path) -> None:
    """They are written as they are read."""
    imported = load(cases / "unicode_names_crash" / "model.nir", replace(preset("nir"), dt=1.0))
    assert not all(p.name.isascii() for p in imported.network.neurons)
    imported.save(tmp_path / "again.nir")
    assert load(tmp_path / "again.nir").network.content_hash == imported.network.content_hash
