"""``inspect`` and ``run`` of a .net file of sigma-delta neurons, and what the other commands say of one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from spear_deploy.backends import lava
from spear_deploy.frontends.net.file import NetLayer, write
from spear_deploy.recording import Recording
from spear_deploy.targets.loihi.sigma_delta.emulator import SigmaDeltaEmulator
from spear_deploy.targets.loihi.sigma_delta.program import SigmaDeltaProgram
from tests.cli.conftest import Run
from tests.targets.loihi.sigma_delta.net_files import conv, decoder, map_input


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """An encoder, a convolution and a decoder of two outputs."""
    layers = (
        map_input((1, 4, 4), threshold=2),
        conv((2, 3, 3), np.array([[[[4, -2], [0, 8]]], [[[2, 2], [-6, 0]]]]), bias=[3, -1]),
        NetLayer("flatten", {}),
        decoder(np.arange(36).reshape(2, 18) - 17.0),
    )
    write(tmp_path / "model.net", layers)
    return tmp_path / "model.net"


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """Frames of integers of either sign that change from step to step: (N, T, C, H, W)."""
    x = np.random.default_rng(0).integers(-9, 10, (6, 5, 1, 4, 4))
    np.savez(tmp_path / "frames.npz", x=x, y=np.arange(6) % 2)
    return tmp_path / "frames.npz"


def test_inspect(spear: Run, model: Path, frames: Path) -> None:
    """Populations, messages and SynOps on data, and a place on a chip."""
    done = spear("inspect", model, "--chip", "loihi2", "--data", frames)
    assert done.code == 0
    shown = (
        "conv1.weight: Conv2d",
        "no, sigma-delta",
        "the output hears of the input 2 steps later",
        "messages/sample",
    )
    assert all(text in done.out for text in (*shown, "3 cores of 128"))
    found = json.loads(spear("inspect", model, "--chip", "loihi2", "--data", frames, "--json").out)
    assert [each["kind"] for each in found["populations"]] == ["input", "delta", "sigma_delta", "sigma"]
    assert found["populations"][1]["threshold"] == 2
    assert found["activity"]["synops"] == sum(each["synops"] for each in found["activity"]["populations"]) > 0


def test_run(spear: Run, model: Path, frames: Path, tmp_path: Path) -> None:
    """Batch by batch or all at once, the same SynOps; what is saved are messages and a decoder's sums."""
    found = json.loads(spear("run", model, "--data", frames, "--json").out)
    done = spear("run", model, "--data", frames, "-o", tmp_path / "out.h5", "--json")
    assert json.loads(done.out)["activity"] == found["activity"]
    assert found["activity"]["decision"]["rule"] == "last"
    with h5py.File(tmp_path / "out.h5") as file:
        messages, sums = file["spikes/conv1"][()], file["potentials/dense3"][()]
    assert messages.min() < 0 < messages.max()
    assert sums.shape == (len(messages), 5, 2)


def test_validate(spear: Run, model: Path, frames: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every message of a backend is held against the emulator's; one that differs is E050."""

    def faithful(program: SigmaDeltaProgram, inputs: Mapping[str, np.ndarray], **_: Any) -> Recording:
        return SigmaDeltaEmulator(program).run(inputs)

    def other(program: SigmaDeltaProgram, inputs: Mapping[str, np.ndarray], **_: Any) -> Recording:
        recording = faithful(program, inputs)
        recording.spikes["conv1"][3, 0, 0, 0, 0] += 1
        return recording

    given = ("validate", model, "--data", frames, "--samples", 1)
    monkeypatch.setitem(lava.KINDS, SigmaDeltaProgram, lava.Kind(lambda program: (), faithful))
    assert "3 populations" in (done := spear(*given)).out
    assert (done.code, "0 mismatches" in done.out) == (0, True)
    monkeypatch.setitem(lava.KINDS, SigmaDeltaProgram, lava.Kind(lambda program: (), other))
    done = spear(*given)
    assert (done.code, "step 3, population 'conv1', neuron (0, 0, 0)" in done.err) == (5, True)


def test_registers_that_are_too_narrow_are_told(spear: Run, model: Path, tmp_path: Path) -> None:
    """Values as large as the encoder takes make states and messages longer than the chip's (N032)."""
    np.savez(tmp_path / "large.npz", x=np.tile([[[[2047, -2048]]]], (6, 4, 1, 4, 2)), y=np.arange(6) % 2)
    done = spear("run", model, "--data", tmp_path / "large.npz")
    assert done.code == 0
    assert "N032 population 'encoder'" in done.out
    assert "messages beyond 16 bits" in done.out


@pytest.mark.parametrize(
    ("arguments", "exit_code", "told"),
    [
        (("run", "MODEL"), 2, "E005 --data"),
        (("validate", "MODEL", "--backend", "lava"), 2, "E005 --data"),
        (("validate", "MODEL", "--data", "FRAMES", "--backend", "netx"), 3, "E038 netx"),
        (("run", "MODEL", "--data", "FRAMES", "--normalise", "1,2"), 2, "E016"),
        (("inspect", "MODEL", "--chip", "all"), 3, "E021 --chip all"),
        (("inspect", "MODEL", "--golden", "FRAMES"), 3, "E021 --golden"),
        (("inspect", "MODEL", "--chip", "loihi2", "--weight-bits", 4), 3, "E021 --weight-bits"),
        (("inspect", "MODEL", "--semantics", "nir"), 2, "E024"),
        (("inspect", "MODEL", "--chip", "loihi1"), 3, "E034 loihi1"),
        (
            ("deploy", "MODEL", "--chip", "loihi2", "--data", "FRAMES", "--cores", "9", "-o", "OUT"),
            3,
            "are sigma-delta",
        ),
    ],
)
def test_what_is_refused(
    arguments: tuple[str, ...], exit_code: int, told: str, spear: Run, model: Path, frames: Path, tmp_path: Path
) -> None:
    """One error each, with a way on."""
    paths = {"MODEL": model, "FRAMES": frames, "OUT": tmp_path / "out"}
    done = spear(*(paths.get(each, each) for each in arguments))
    assert done.code == exit_code
    assert told in done.err
    assert "fix" in done.err
