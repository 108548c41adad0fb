"""Reading .npz files: what numpy writes arrives, and nothing is unpickled or believed."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from spear_deploy import untrusted
from spear_deploy.untrusted import UnreadableError, npz


def reason(path: Path) -> str:
    with pytest.raises(UnreadableError) as caught:
        npz.read(path)
    return str(caught.value)


def header(shape: tuple[int, ...], kind: str = "<f8") -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": kind, "fortran_order": False, "shape": shape})
    return stream.getvalue()


@settings(max_examples=50, deadline=None)
@given(
    array=arrays_of.arrays(
        st.sampled_from(["u1", "?", "<i8", ">f4", "<f8"]), arrays_of.array_shapes(min_dims=0, max_dims=4, min_side=0)
    ),
    is_fortran=st.booleans(),
    is_compressed=st.booleans(),
)
def test_what_numpy_writes(
    array: np.ndarray, is_fortran: bool, is_compressed: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Arrays of numbers keep values, type and shape, compressed or not, in either order."""
    path = tmp_path_factory.getbasetemp() / "any.npz"
    write = np.savez_compressed if is_compressed else np.savez
    write(path, first=np.asfortranarray(array) if is_fortran else array, second=np.arange(3))
    again = npz.read(path)
    assert list(again) == ["first", "second"]
    assert again["first"].dtype == array.dtype
    np.testing.assert_array_equal(again["first"], array)


def test_every_bad_member_is_named(tmp_path: Path) -> None:
    """Pickled objects, text, named fields, huge claims, missing bytes and other files are refused at once."""
    path = tmp_path / "bad.npz"
    np.savez(
        path, pickled=np.array([None]), text=np.array(["a"]), fields=np.zeros(1, [("grün", "f4")]), good=np.ones(2)
    )
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("huge.npy", header((1 << 40,)))
        archive.writestr("negative.npy", header((-1,)))
        archive.writestr("short.npy", header((4,)) + bytes(8))
        archive.writestr("note.txt", "hello")
        archive.writestr("squeezed.npy", header((1,)) + bytes(8), compress_type=zipfile.ZIP_LZMA)
    found = reason(path)
    expected = ("pickled: holds pickled objects", "text: holds <U1", "fields: ", "huge: claims to hold", "negative: ")
    expected += ("short: holds 8 bytes instead of 32", "note.txt: is not an array", "squeezed: is not an array")
    assert all(text in found for text in expected)
    assert "good" not in found


def test_sizes_add_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many arrays that each pass are refused together once they exceed what is believed."""
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, **{f"a{index}": np.zeros(1 << 22, np.uint8) for index in range(4)})
    assert len(npz.read(path)) == 4
    monkeypatch.setattr(untrusted, "_BYTES", 1 << 23)
    assert "claims to hold" in reason(path)


def test_only_what_is_wanted_is_read(tmp_path: Path) -> None:
    """Arrays beside the wanted ones may be anything; a wanted one that is missing is left to the caller."""
    path = tmp_path / "more.npz"
    np.savez(path, x=np.arange(3), names=np.array(["a"]), meta=np.array([None]))
    assert list(npz.read(path, ("x", "y"))) == ["x"]


@pytest.mark.parametrize("content", [b"", b"text", b"\x89HDF\r\n\x1a\n", b"PK\x05\x06" + bytes(10)])
def test_other_files(content: bytes, tmp_path: Path) -> None:
    """A file that is not an archive is said to be none."""
    path = tmp_path / "other.npz"
    path.write_bytes(content)
    assert "not a .npz file" in reason(path)


def test_flipped_and_missing_bytes(tmp_path: Path) -> None:
    """A damaged file is read or refused, and raises nothing else."""
    path = tmp_path / "trace.npz"
    rng = np.random.default_rng(0)
    np.savez_compressed(path, x=rng.random((4, 5, 3)) < 0.3, output=rng.random((4, 5, 2)) < 0.3)
    content = path.read_bytes()
    refused = 0
    for _ in range(1000):
        damaged = bytearray(content[: int(rng.integers(len(content) // 2, len(content) + 1))])
        for position in rng.integers(0, len(damaged), rng.integers(0, 6)):
            damaged[position] ^= int(rng.integers(1, 256))
        path.write_bytes(damaged)
        try:
            npz.read(path)
        except UnreadableError:
            refused += 1
    assert 500 < refused < 1000
