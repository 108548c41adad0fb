"""Atomic writes: a file is there whole, or as it was before."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from spear_deploy.errors import InputError
from spear_deploy.storage import atomic, sha256, write_json


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
