"""Temporary folders: gone when their user is, and never another one's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from spear_deploy.errors import InputError
from spear_deploy.scratch import Scratch, scratch

KILLED = """
import os, signal
from spear_deploy.scratch import Scratch
held = Scratch()
(held.path / "file").write_text("x")
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders go for a test."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    subprocess.run(["rm", "-rf", str(folder)], check=True)


def test_it_goes_with_its_user(place: Path) -> None:
    """At the end of the block, after an error too, and with the object that has it."""
    with scratch() as folder:
        (folder / "file").write_text("x")
        assert folder.parent == place
    with pytest.raises(KeyError), scratch():
        raise KeyError
    held = Scratch()
    assert held.path.is_dir()
    del held
    assert list(place.iterdir()) == []


def test_what_a_killed_process_left_goes_with_the_next(place: Path) -> None:
    """A folder whose user was killed is removed, one that is in use or that nobody locked so is not."""
    ended = subprocess.run([sys.executable, "-c", KILLED], env={**os.environ, "TMPDIR": str(place)}, check=False)
    assert ended.returncode == -signal.SIGKILL
    (left,) = place.iterdir()
    (place / "spear-deploy-mine").mkdir()
    (place / "spear-deploy-mine" / "thesis.tex").write_text("x")
    with scratch() as young:
        assert left.is_dir()  # it might be in the making
        for folder in (left, young):
            os.utime(folder / ".in-use", (0, 0))
        with scratch():
            assert not left.exists()
            assert young.is_dir()
    assert [item.name for item in place.iterdir()] == ["spear-deploy-mine"]


def test_no_room(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where none can be made, that is E009 with the place."""
    monkeypatch.setattr(tempfile, "tempdir", str(place / "absent"))
    with pytest.raises(InputError, match="E009.*absent"), scratch():
        pass
