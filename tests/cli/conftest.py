"""The command line, run in this process: exit code and both outputs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from spear_deploy.cli.main import main


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def spear(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run ``spear-deploy`` with arguments, on a wide terminal and without any backend installed."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("SPEAR_DEPLOY_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SPEAR_DEPLOY_LAVA_PYTHON", raising=False)

    def run(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["spear-deploy", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stopped:
            main()
        assert isinstance(stopped.value.code, int)
        return Done(stopped.value.code, *capsys.readouterr())

    return run
