"""Finding a Python: commands of the right name may be stubs that fail."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from spear_deploy.backends.pythons import find_python
from tests.backends.stubs import stub

VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"


def test_finds_the_preferred_version_that_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that fails, or says another version than its name, is passed over."""
    stub(tmp_path / "a", "python3.98", "exit 1")
    stub(tmp_path / "b", "python3.98", "echo 3.98")
    stub(tmp_path / "b", "python3.99", "echo 3.97")
    monkeypatch.setenv("PATH", f"{tmp_path / 'a'}{os.pathsep}{tmp_path / 'b'}")
    assert find_python(("3.99", "3.98")) == (tmp_path / "b" / "python3.98", "3.98")


def test_falls_back_on_the_running_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any command on the path, this very Python is used, if its version fits."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_python(("3.99", VERSION)) == (Path(sys.executable), VERSION)
    assert find_python(("3.99",)) is None
