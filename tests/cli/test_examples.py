"""Every example of the catalogue is real: it raises its code, and what mends it does."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spear_deploy.catalogue import CATALOGUE
from spear_deploy.catalogue.examples import FIXED, RAISED, example
from tests.cli.conftest import Done, Run

_BLOCK = re.compile(r"```(python|sh)\n(.*?)```", re.DOTALL)
_CODE = re.compile(r"\b[EN]\d{3}\b")

NOT_RAISED = {
    "E017": "two runs at one time",
    "E050": "a fault of the emulator or a backend",
    "E061": "a backend that is installed and breaks",
    "E062": "a backend that is installed and slow",
    "E063": "no Python that the backend takes, or no network",
    "E064": "an installation without extras",
    "N025": "an installation without extras",
    "N044": "a training whose loops fire ever more",
    "E068": "a process that is killed twice",
    "E069": "a cluster of machines",
    "E089": "a backend that is installed, and a fault of its simulator",
}
"""Codes without an example, and what they would need: their pages say in words how they come about."""

BESIDE = {"E067": {"E040"}}
"""Errors that may stand beside a code that is a note as well."""


def run(part: str, names: dict[str, Any], spear: Run) -> Iterator[Done]:
    """Run the blocks of a part in order; yield how each command ended."""
    for kind, block in _BLOCK.findall(part):
        if kind == "python":
            exec(compile(block, "example", "exec"), names)
            continue
        for command in block.splitlines():
            program, *arguments = shlex.split(command)
            assert program == "spear-deploy"
            yield spear(*arguments)


def errors(done: Done) -> set[str]:
    """Return the codes of the errors that a command ended with."""
    return {code for code in _CODE.findall(done.err) if code.startswith("E")}


def test_every_code_has_an_example_or_a_reason() -> None:
    """Every code has a page; those that raise nothing are listed above."""
    without = {code for code in CATALOGUE if RAISED not in example(code)}
    assert without == set(NOT_RAISED)


SLOW = ("E028", "E048", "E052", "N011")  # each runs a file of its own in a process that imports a framework


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(code, marks=pytest.mark.slow if code in SLOW else ())
        for code in CATALOGUE
        if code not in NOT_RAISED
    ],
)
def test_examples(code: str, spear: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last command of an example tells its code and no error beside it; fixed, all end with 0 and tell it not."""
    monkeypatch.chdir(tmp_path)
    raised, fixed = example(code).split(FIXED)
    names: dict[str, Any] = {}
    *earlier, last = run(raised, names, spear)
    assert [done.code for done in earlier] == [0] * len(earlier), earlier
    assert code in _CODE.findall(last.out + last.err), last
    assert code.startswith("N") or errors(last) - BESIDE.get(code, set()) <= {code}, last.err
    for done in run(fixed, names, spear):
        assert (done.code, errors(done)) == (0, set()), done.err
        assert code not in _CODE.findall(done.out), done.out


def test_explain_prints_the_example(spear: Run) -> None:
    """Code is indented, as it would be typed; nothing of it is lost or wrapped."""
    printed = spear("explain", "e006").out
    assert "Raised by:" in printed
    assert "Fixed:" in printed
    assert "```" not in printed
    for _, block in _BLOCK.findall(example("E006")):
        assert "\n".join(f"    {line}" if line else "" for line in block.splitlines()) in printed


def test_explain_tells_what_cannot_be_shown(spear: Run) -> None:
    """A code without an example says how it comes about."""
    assert "backend check NAME" in spear("explain", "E061").out
