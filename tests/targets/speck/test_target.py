"""Speck from end to end: a network adapted, pruned, deployed and run again from its bundle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import spear_deploy
from spear_deploy.budgets.synops import MEAN
from spear_deploy.cli.main import cli
from spear_deploy.data import Split
from spear_deploy.data.samples import SpikeSamples
from spear_deploy.deployment.steps.baseline import with_rounding_apart
from spear_deploy.errors import InputError
from spear_deploy.execution import Execution
from spear_deploy.measure.measured import Baseline
from spear_deploy.measure.runs import measure_float, measure_program
from spear_deploy.network import Flatten, Linear
from spear_deploy.targets import InputRange, LoweringOptions, compiler_for, load_chip
from tests.targets.speck.networks import chain, conv, gesture

QUICK = {"episodes": 8, "candidates": 1, "epochs": 2.0, "samples": 4}


def test_a_leaky_network_is_adapted_and_deployed(tiny_nir: Path, tiny_npz: Path, tmp_path: Path) -> None:
    """The budget holds as measured event by event, each layer has a core, and the bundle runs on both emulators."""
    done = spear_deploy.deploy(
        tiny_nir, tiny_npz, "speck2f", synops="60%", adapt=True, output=tmp_path / "build", **QUICK
    )
    assert done.error is None
    (synops, cores) = done.report["budgets"]
    assert synops["within"]
    assert (cores["measured"], cores["limit"]) == (3, 9)
    assert "real Speck" in done.report["emulated"]
    assert done.report["search"]["method"] == "gradual", "single synapses save nothing on a chip that counts zeros"
    assert {layer["cores"] for layer in done.report["layers"]} == {1}
    for backend in ("emulator", "reference"):
        spikes = tmp_path / f"{backend}.h5"
        cli.main(["run", str(tmp_path / "build"), "--backend", backend, "-o", str(spikes)], standalone_mode=False)
        assert spikes.is_file()


def test_of_one_channel_too_many_that_channel_goes(tmp_path: Path) -> None:
    """A network that lacks memory is searched for the widths that its placement names, without a budget of SynOps."""
    rng = np.random.default_rng(0)
    maps = conv(rng, 2, 64, 3, padding=(1, 1)), conv(rng, 64, 65, 3, stride=(2, 2), padding=(1, 1))
    classes = Linear(rng.normal(0, 0.1, (2, 65 * 9)).astype(np.float32))
    network = chain((2, 6, 6), *((each,) for each in maps), (Flatten(), classes))
    y = np.arange(60) % 2
    x = (rng.random((60, 4, 2, 6, 6)) < 0.2).astype(np.uint8) * (y != np.arange(2)[:, None]).T[:, None, :, None, None]
    semantics = spear_deploy.Semantics(dt=1.0, reset="subtract", compare="ge", spikes="integer", floor=-1.0)
    spear_deploy.Imported(network, semantics).save(tmp_path / "wide.nir")
    np.savez(tmp_path / "data.npz", x=x.astype(np.uint8), y=y)
    done = spear_deploy.deploy(
        tmp_path / "wide.nir",
        tmp_path / "data.npz",
        "speck2f",
        cores=9,
        semantics=semantics,
        allow_loss=True,
        effort="quick",
        epochs=1.0,
    )
    assert done.error is None
    assert done.work.lowered is not None
    assert [finding.code for finding in done.work.lowered.placement.findings] == ["E087"]
    assert done.work.measured is not None
    assert [each.shape[0] for each in done.work.measured.network.neurons] == [64, 64, 2]


@pytest.mark.parametrize("method", ["magnitude", "gradr", "synapses", "gradual"])
def test_a_network_without_units_that_may_go(method: str, tmp_path: Path) -> None:
    """Where whole kernels are read, single synapses save nothing: E041 of every method, and none is advised."""
    rng = np.random.default_rng(0)
    network = chain((2, 6, 6), (Flatten(), Linear(rng.normal(0.1, 0.2, (3, 72)).astype(np.float32))))
    semantics = spear_deploy.Semantics(dt=1.0, reset="subtract", compare="ge", spikes="integer", floor=-1.0)
    y = np.arange(60) % 3
    x = (rng.random((60, 4, 2, 6, 6)) < 0.1 + 0.2 * (np.arange(6) // 2 == y[:, None])[:, None, None, None]).astype(
        np.uint8
    )
    given = {"synops": "50%", "method": method, "allow_loss": True, **QUICK}
    model = spear_deploy.Imported(network, semantics)
    (found,) = spear_deploy.deploy(model, (x, y), "speck2f", **given).error.findings
    assert (found.code, found.where) == ("E041", "synops")
    assert "no unit may be pruned" in found.message
    assert "--method" not in found.fix


def test_half_is_half_of_what_events_do() -> None:
    """Excitation and inhibition cancel in a time step and not event by event: that is the chip, and no loss of its
    integers, so that a percentage is of the chip's own SynOps."""
    weights = [np.array([[2.5, -3.0]], np.float32), np.ones((4, 1), np.float32)]
    network = chain((2,), *((Linear(weight),) for weight in weights))
    split = Split(SpikeSamples(np.ones((8, 20, 2), np.uint8)), np.zeros(8, int), np.arange(8))
    lowered = compiler_for(load_chip("speck2f"), {"input": InputRange()}, LoweringOptions()).lower(network)
    in_float, on_chip = measure_float(network, split), measure_program(lowered.program, split)
    before = Baseline(network, lowered, in_float, on_chip, in_float, on_chip)
    baseline = with_rounding_apart(before, split, Execution())
    assert (in_float.mean_synops, on_chip.mean_synops, baseline.rounded_val) == (40, 40 + 20 * 4, 40)
    assert (before.works_alike, baseline.works_alike) == (False, True)
    assert MEAN.ask("50%").limit(baseline) == 60


def test_weights_have_eight_bits() -> None:
    """Other numbers are E007."""
    with pytest.raises(InputError) as caught:
        compiler_for(load_chip("speck2f"), {"input": InputRange()}, LoweringOptions(weight_bits=4))
    assert [finding.code for finding in caught.value.findings] == ["E007"]


def test_inspect_says_what_does_not_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One channel too many: exit 3, with the layers, the cores and the change that cures it."""
    path = tmp_path / "gesture.nir"
    semantics = spear_deploy.Semantics(dt=1.0, reset="subtract", compare="ge", spikes="integer", floor=-1.0)
    spear_deploy.Imported(gesture((16, 16, 32, 33, 64, 64, 256, 128)), semantics).save(path)
    with pytest.raises(spear_deploy.errors.UnsupportedError, match="all fit with 32 of the 33 channels"):
        cli.main(["inspect", str(path), "--chip", "speck2f"], standalone_mode=False)
    assert "9 cores" not in capsys.readouterr().err
