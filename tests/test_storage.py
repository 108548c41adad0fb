"""Atomic writes: a file is there whole, or as it was before."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spear_deploy.errors import InputError
from spear_deploy.storage import as_json, atomic, atomic_hdf5, exists, is_file, sha256, write_json


def test_the_file_appears_at_the_end(tmp_path: Path) -> None:
    """While the block runs nothing is at the path; then the content is, in folders made for it."""
    path = tmp_path / "new" / "folder" / "file.txt"
    with atomic(path) as temporary:
        temporary.write_text("content")
        assert not path.exists()
    assert path.read_text() == "content"
    assert [item.name for item in path.parent.iterdir()] == ["file.txt"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_leaves_what_was_there(error: type[BaseException], tmp_path: Path) -> None:
    """If the block raises, the old file stays and no temporary one is left."""
    path = tmp_path / "file.txt"
    path.write_text("old")

    def fail() -> None:
        with atomic(path) as temporary:
            temporary.write_text("half-written")
            raise error

    with pytest.raises(error):
        fail()
    assert path.read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["file.txt"]


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_permissions_follow_the_umask(umask: int, mode: int, tmp_path: Path) -> None:
    """Files have the permissions of any new file, not those of a temporary one."""
    before = os.umask(umask)
    try:
        with atomic(tmp_path / "file") as temporary:
            temporary.write_text("x")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == mode


def test_folders_that_cannot_be_written(tmp_path: Path) -> None:
    """A path below a regular file, or that is a folder, is E009 and nothing is left."""
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file" / "below", tmp_path / "folder"):
        with pytest.raises(InputError) as caught, atomic(path) as temporary:
            temporary.write_text("x")
        assert caught.value.findings[0].code == "E009"
    assert sorted(item.name for item in tmp_path.iterdir()) == ["file", "folder"]


def test_json_is_readable_and_strict(tmp_path: Path) -> None:
    """JSON is indented and ends in a newline; NaN is refused, and the old file stays."""
    path = tmp_path / "a.json"
    write_json(path, {"b": [1, 2.5], "a": "grün"})
    assert json.loads(path.read_text(encoding="utf-8")) == {"b": [1, 2.5], "a": "grün"}
    assert path.read_text(encoding="utf-8").endswith("}\n")
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"b": float("nan")})
    assert json.loads(path.read_text(encoding="utf-8"))["b"] == [1, 2.5]


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1])
def test_sha256(size: int, tmp_path: Path) -> None:
    """The hash is that of the whole file, however many blocks it takes."""
    content = bytes(range(256)) * (size // 256 + 1)
    (tmp_path / "file").write_bytes(content[:size])
    assert sha256(tmp_path / "file") == hashlib.sha256(content[:size]).hexdigest()


def test_a_disk_that_fills_up(tmp_path: Path) -> None:
    """An error of the system while the block writes is E009 too; the old file stays and no temporary one is left."""
    (tmp_path / "file").write_text("old")

    def fill() -> None:
        with atomic(tmp_path / "file"):
            raise OSError(28, "No space left on device")

    with pytest.raises(InputError, match="E009.*cannot be written: No space left on device"):
        fill()
    assert (tmp_path / "file").read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["file"]


FILLING = """
import resource, signal, sys
from pathlib import Path
from spear_deploy.errors import InputError
from spear_deploy.storage import atomic_hdf5

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    with atomic_hdf5(Path(sys.argv[1])) as file:
        for number in range(400):  # small ones, which HDF5 keeps until it closes the file
            file[f"group/{number}"] = [number] * 30
except InputError as error:
    sys.exit(str(error))
"""


def test_hdf5_on_a_disk_that_fills_up(tmp_path: Path) -> None:
    """HDF5 that cannot be written is E009, where the library itself would crash on closing the file."""
    path = tmp_path / "file.h5"
    path.write_text("old")
    ended = subprocess.run([sys.executable, "-c", FILLING, str(path)], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"E009 {path}: cannot be written: File too large")
    assert "free some space" in ended.stderr
    assert path.read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["file.h5"]


def test_hdf5_of_equal_content_has_equal_bytes(tmp_path: Path) -> None:
    """Built in memory, it is what any reader of HDF5 opens, and the same twice."""
    for name in ("a.h5", "b.h5"):
        with atomic_hdf5(tmp_path / name) as file:
            file.create_dataset("x", data=np.arange(1000), compression="gzip")
            file.attrs["title"] = "grün"
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    with h5py.File(tmp_path / "a.h5") as file:
        assert (file["x"][7], file.attrs["title"]) == (7, "grün")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("nan"), None),
        (float("-inf"), None),
        (np.float32(0.5), 0.5),
        (np.float64("inf"), None),
        (np.int64(7), 7),
        (np.bool_(True), True),
        (torch.tensor(2.5), 2.5),
        (torch.tensor(float("nan")), None),
        ((1, [np.int8(2)], frozenset({3})), [1, [2], [3]]),
        ({1: np.uint8(4), "a": {"b": (float("inf"), "c", None, True)}}, {"1": 4, "a": {"b": [None, "c", None, True]}}),
        (Path("x"), "x"),
        (np.zeros(2), [0.0, 0.0]),
    ],
)
def test_figures_of_any_library_as_json(value: object, expected: object) -> None:
    """Scalars and arrays of numpy and torch are plain numbers; what JSON lacks is null or a text."""
    assert as_json(value) == expected
    assert type(as_json(value)) is type(expected)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text() | st.floats(width=32).map(np.float32),
        lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner, inner),
    )
)
def test_any_value_can_be_written(value: object) -> None:
    """Whatever a plug-in gives, strict JSON takes it and gives it back."""
    assert json.loads(json.dumps(as_json(value), allow_nan=False)) == as_json(value)


def test_looking_at_a_path(tmp_path: Path) -> None:
    """Files and folders are told apart; a name that the system does not take leads nowhere."""
    (tmp_path / "file").write_text("x")
    looked = [(is_file(path), exists(path)) for path in (tmp_path / "file", tmp_path, tmp_path / ("x" * 300))]
    assert looked == [(True, True), (False, True), (False, False)]
