"""Running a program on a backend that another distribution brings, and that has faults."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import spear_deploy
from spear_deploy.backends import BACKENDS
from spear_deploy.errors import BackendError
from spear_deploy.recording import Recording
from spear_deploy.validate.run import run_on


class Faulty:
    """A backend that runs what it is given."""

    name, targets, is_independent = "faulty", frozenset({"loihi"}), True

    def __init__(self) -> None:
        self.act: Callable[[Any, Any], Recording] = lambda program, inputs: Recording({}, {})

    def require(self) -> str:
        return "here"

    def refusals(self, program: Any) -> tuple[()]:
        return ()

    def run(self, program: Any, inputs: Any, *, timeout: Any = None, tick: Any = None) -> Recording:
        return self.act(program, inputs)


@pytest.fixture
def faulty() -> Iterator[Faulty]:
    backend = Faulty()
    BACKENDS.add("faulty", backend)
    yield backend
    BACKENDS.remove("faulty")


def fail(*_: object) -> Recording:
    raise KeyError("population")


def stop(*_: object) -> Recording:
    raise BackendError.of("E062", "faulty", "too slow")


def some(program: Any, inputs: Any) -> Recording:
    """Leave out the first population."""
    recording = BACKENDS.get("emulator").run(program, inputs, timeout=None, tick=None)
    first = program.populations[0].name
    return Recording({n: x for n, x in recording.spikes.items() if n != first}, {})


FAULTS = [
    (fail, "E061", "KeyError: 'population'"),
    (lambda *_: None, "E061", "AttributeError"),
    (some, "E061", "recorded nothing of hidden1"),
    (stop, "E062", "too slow"),
]


@pytest.mark.parametrize(("act", "code", "told"), FAULTS)
def test_faults_of_a_backend(act: Any, code: str, told: str, faulty: Faulty, tiny_nir: Path) -> None:
    """An exception or a population that is not recorded is E061 with what happened; what is coded stays as it is."""
    faulty.act = act
    program = spear_deploy.lower(spear_deploy.load(tiny_nir)).program
    (port,) = program.inputs
    with pytest.raises(BackendError) as caught:
        run_on("faulty", program, np.zeros((2, 3, *port.shape), np.uint8), np.zeros(2, np.int64))
    (finding,) = caught.value.findings
    assert (finding.code, finding.where) == (code, "faulty")
    assert told in finding.message


@pytest.mark.parametrize(("act", "code", "told"), FAULTS)
def test_a_fault_does_not_cost_the_report(
    act: Any, code: str, told: str, faulty: Faulty, tiny_nir: Path, tiny_npz: Path, tmp_path: Path
) -> None:
    """The deployment ends with its report, which tells the fault, and is not done: the error says so."""
    faulty.act = act
    done = spear_deploy.deploy(
        tiny_nir, tiny_npz, synops="100%", backend="faulty", samples=4, output=tmp_path / "build"
    )
    assert done.error is not None
    assert (done.error.exit_code, done.error.findings[0].code) == (6, code)
    report = json.loads((tmp_path / "build" / "report.json").read_text())
    assert told in report["failure"]
    assert report["validation"] is None
    assert "not proven" in done._repr_html_()
    assert "Not proven" in (tmp_path / "build" / "report.html").read_text()
