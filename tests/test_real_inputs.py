"""The main job on real networks and real data, as a user runs it: the command line, Lava as the backend."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from spear_deploy.report.schema import schema

pytestmark = [pytest.mark.lava, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"


def deploy(output: Path, *arguments: str) -> dict[str, Any]:
    """Run ``spear-deploy deploy``, require exit 0, and return the report."""
    code = "from spear_deploy.cli.main import main; main()"
    command = [
        sys.executable,
        "-c",
        code,
        "deploy",
        *arguments,
        "--chip",
        "loihi2",
        "--backend",
        "lava",
        "-o",
        str(output),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    report: dict[str, Any] = json.loads((output / "report.json").read_text())
    jsonschema.validate(report, schema())
    return report


def assert_done(report: dict[str, Any], *, points: float) -> None:
    """Within the budget, spike-exact on 32 samples, accuracy within ``points``; and the budget is not wasted.

    Of candidates whose accuracies are equal within a standard error one that saves SynOps is delivered, so that a
    quarter may be left unused; more is no waste where the network decides better than the unpruned one all the same.
    """
    on_test = report["accuracy"]
    is_better = on_test["quantised"] > max(on_test["float"], on_test["reference"]["accuracy"])
    for budget in report["budgets"]:
        assert budget["within"], budget
        if budget["resource"].startswith("synops"):
            assert budget["measured"] >= 0.75 * budget["limit"] or is_better, budget
    assert report["validation"]["samples"] >= 32
    assert report["validation"]["mismatches"] == 0
    accuracy = report["accuracy"]
    assert accuracy["quantised"] >= accuracy["float"] - points / 100


@pytest.mark.parametrize(("synops", "points"), [("50%", 2.0), ("30%", 4.0)])
def test_digits(tmp_path: Path, synops: str, points: float) -> None:
    """The shipped digits network keeps its accuracy within 2 points at half of its SynOps, within 4 at 30 %."""
    model, semantics = EXAMPLES / "digits/digits.nir", EXAMPLES / "digits/semantics.toml"
    arguments = (str(model), "--semantics", str(semantics), "--data", "digits", "--synops", synops)
    assert_done(deploy(tmp_path / "build", *arguments), points=points)


def test_nmnist(tmp_path: Path, shared: Path) -> None:
    """The NIR paper's N-MNIST network, a file made by others, goes the whole path on event data."""
    data = ("--data", "nmnist-small", "--data-dir", str(shared / "data"), "--bin-ms", "10")
    search = ("--synops", "50%", "--epochs", "6", "--episodes", "40")
    arguments = (str(shared / "nir/nmnist_scnn.nir"), "--semantics", "nir", "--dt", "1", *data, *search)
    assert_done(deploy(tmp_path / "build", *arguments), points=3.0)


def test_fashion_mnist(tmp_path: Path, shared: Path) -> None:
    """The shipped Fashion-MNIST network (constant, graded input) keeps its accuracy within 2 points at 50 %."""
    folder = EXAMPLES / "fashion_mnist"
    data = ("--data", "fashion-mnist", "--data-dir", str(shared / "data"), "--synops", "50%", "--episodes", "60")
    arguments = (str(folder / "fashion_mnist.nir"), "--semantics", str(folder / "semantics.toml"), *data)
    assert_done(deploy(tmp_path / "build", *arguments), points=2.0)


@pytest.mark.parametrize(
    ("name", "reset"), [("braille_srnn_zero", "zero"), ("braille_srnn_subtract_nested", "subtract")]
)
def test_braille(tmp_path: Path, shared: Path, name: str, reset: str) -> None:
    """The NIR paper's recurrent networks, trained on for a recording at hand, lose half of their SynOps.

    Unpruned and over 315 steps, they decide 88 to 89 % as in float, where E066 asks for 90.
    """
    prepare = ["-m", "examples.braille.prepare", "--model", str(shared / f"nir/{name}.nir"), "--reset", reset]
    given = ["--data-dir", str(shared / "data"), "--epochs", "30", "-o", str(tmp_path)]
    subprocess.run([sys.executable, *prepare, *given], cwd=ROOT, check=True, capture_output=True)
    files = (str(tmp_path / "braille.nir"), "--data", str(tmp_path / "braille.npz"), "--synops", "50%", "--allow-loss")
    assert_done(deploy(tmp_path / "build", *files), points=10.0)
