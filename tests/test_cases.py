"""Networks that went wrong once, with what is right: the float network's spikes, computed independently."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import spear_deploy
from spear_deploy.recording import Recording
from spear_deploy.targets import Lowered


@pytest.fixture(scope="session")
def cases(shared: Path) -> Path:
    """The folder of such networks."""
    folder = shared / "cases"
    if not folder.is_dir():
        pytest.skip(f"needs the cases in {folder}")
    return folder


def lowered(folder: Path, semantics: str, calibrated: bool, **options: Any) -> tuple[Lowered, Recording, np.ndarray]:
    """Return the lowered network, what the emulator recorded of the case's input, and what is wanted."""
    with np.load(folder / "expected.npz") as arrays:
        x, wanted = arrays["x"], arrays["want"]
    imported = spear_deploy.load(folder / "model.nir", semantics, **options)
    chip = spear_deploy.lower(imported, "loihi2", calibration=x if calibrated else None)
    return chip, chip.emulate(x), wanted


@pytest.mark.parametrize("calibrated", [True, False])
@pytest.mark.parametrize(
    ("name", "tolerance", "options"),
    [
        ("outlier_weight_collapse", 0.01, {"dt": 1.0}),
        ("membrane_clip_inhibition", 0.0, {"dt": 1.0}),
        ("cuba_bias_slow_synapse", 0.0, {"dt": 1.0}),
        ("ge_on_a_grid", 0.0, {"spikes": "binary"}),
    ],
)
def test_spikes_follow(name: str, tolerance: float, options: dict[str, Any], calibrated: bool, cases: Path) -> None:
    """Outliers do not silence the others, inhibition does not clip, a bias in front of a slow synapse rises slowly."""
    chip, recording, wanted = lowered(cases / name, "sinabs" if "spikes" in options else "nir", calibrated, **options)
    (output,) = chip.program.outputs
    assert abs(recording.spikes[output].sum(dtype=float) - wanted.sum()) <= tolerance * wanted.sum()


@pytest.mark.parametrize("calibrated", [True, False])
def test_last_membranes_decide(calibrated: bool, cases: Path) -> None:
    """A slow readout keeps its order to the end: the largest last membrane is always the wanted one."""
    chip, recording, wanted = lowered(cases / "readout_membrane_saturates", "nir", calibrated, dt=1.0)
    (output,) = chip.program.outputs
    membrane = recording.membrane[output]
    assert np.abs(membrane).max() < chip.program.arithmetic.limit
    np.testing.assert_array_equal(membrane[-1].argmax(axis=1), wanted)
