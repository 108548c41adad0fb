"""Reading HDF5 in a process of its own: everything that is stored arrives, and everything odd is refused."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from spear_deploy.untrusted import UnreadableError, hdf5
from spear_deploy.untrusted.hdf5 import Group, Limits, Lists


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file.h5"


def reason(path: Path) -> str:
    with pytest.raises(UnreadableError) as caught:
        hdf5.read(path)
    return str(caught.value)


def test_numbers_and_text(path: Path) -> None:
    """Arrays keep values, type and shape; scalars, text, empty and missing values arrive as such; groups nest."""
    arrays = {
        "f8": np.linspace(-1, 1, 7),
        "f2": np.arange(6, dtype=np.float16).reshape(2, 3),
        "big": np.arange(4, dtype=">i4"),
        "bool": np.array([[True], [False]]),
        "none": np.zeros((0, 2), np.int64),
        "large": np.random.default_rng(0).integers(0, 256, (300, 301), dtype=np.uint8),
    }
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file.create_dataset(f"a/{name}", data=array, compression="gzip")
        file["scalar"] = 2.5
        file["null"] = h5py.Empty("f4")
        file["text"] = "grüße\n"
        file["fixed"] = np.array([[b"a", b"bc"], [b"", b"d"]])
        file["vlen"] = np.array(["ä", "b"], dtype=h5py.string_dtype())
    root = hdf5.read(path)
    held = root.members["a"]
    assert isinstance(held, Group)
    assert list(held.members) == sorted(arrays)
    for name, array in arrays.items():
        again = held.members[name]
        assert isinstance(again, np.ndarray)
        assert again.dtype == array.dtype
        np.testing.assert_array_equal(again, array)
    assert (root.members["scalar"], root.members["null"], root.members["text"]) == (2.5, None, "grüße\n")
    assert root.members["fixed"].tolist() == [["a", "bc"], ["", "d"]]
    assert root.members["vlen"].tolist() == ["ä", "b"]


def test_columns(path: Path) -> None:
    """Data sets by their paths, and nothing else: lists of any lengths, arrays; None where there is none."""
    with h5py.File(path, "w") as file:
        held = file.create_dataset("a/lists", (3,), h5py.vlen_dtype(np.float16))
        held[0], held[2] = [0.5, 1.5], [2.5]
        file.create_dataset("a/pairs", (2, 2), h5py.vlen_dtype(np.int8))
        file["plain"] = np.arange(4)
        file["elsewhere"] = h5py.SoftLink("/plain")
        file["odd"] = np.zeros(2, np.complex64)
    found = hdf5.read_columns(path, ("a/lists", "plain", "a", "a/absent", "plain/below"))
    lists = found["a/lists"]
    assert isinstance(lists, Lists)
    assert (lists.values.dtype, lists.values.tolist(), lists.offsets.tolist()) == (
        np.float16,
        [0.5, 1.5, 2.5],
        [0, 2, 2, 3],
    )
    np.testing.assert_array_equal(found["plain"], np.arange(4))  # type: ignore[arg-type]
    assert (found["a"], found["a/absent"], found["plain/below"]) == (None, None, None)
    for name, text in (("elsewhere", "is a link"), ("odd", "instead of numbers"), ("a/pairs", "in 2 axes")):
        with pytest.raises(UnreadableError, match=text):
            hdf5.read_columns(path, (name,))


def test_lists_are_believed_as_much_as_arrays(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows, and what each holds, count against what a file of its size may hold, before the next is read."""
    with h5py.File(path, "w") as file:
        file.create_dataset("rows", (1 << 40,), h5py.vlen_dtype(np.int8), chunks=(1 << 10,))
        long = file.create_dataset("long", (2,), h5py.vlen_dtype(np.int64))
        long[0] = np.zeros(3000, np.int64)
    for name in ("rows", "long"):
        if name == "long":
            monkeypatch.setattr(Limits, "of", lambda size, least=0: Limits(20_000, 1 << 28, 5.0))
        with pytest.raises(UnreadableError, match=f"/{name} claims to hold .* are allowed"):
            hdf5.read_columns(path, (name,))


def test_attributes_of_groups(path: Path) -> None:
    """Attributes of groups, the root's too, are numbers and text as data sets are."""
    with h5py.File(path, "w") as file:
        file.attrs["name"] = "x"
        file.attrs["order"] = ["b", "a"]
        file.create_group("g").attrs.update({"shape": (2, 3), "dt": 1e-4, "late": True})
    root = hdf5.read(path)
    assert root.attrs["name"] == "x"
    assert root.attrs["order"].tolist() == ["b", "a"]
    group = root.members["g"]
    assert isinstance(group, Group)
    assert (group.attrs["shape"].tolist(), group.attrs["dt"], bool(group.attrs["late"])) == ([2, 3], 1e-4, True)


@pytest.mark.parametrize("name", ["grüße 🧠", "[bold]", "a b\n", "%s{}", "\x1b[31m", "n" * 3000])
def test_odd_names(name: str, path: Path) -> None:
    """A name is any text; so is the file's."""
    path = path.with_name("odd \n[x].h5")
    with h5py.File(path, "w") as file:
        file[name] = 1
    assert list(hdf5.read(path).members) == [name]


def _not_text(file: h5py.File) -> None:
    file["odd"] = np.bytes_(b"\xff\xfe")


def _no_utf8_name(file: h5py.File) -> None:
    file["odd"] = 1
    root = file["/"].id
    root.links.move(b"odd", root, b"\xff\xfe")


def _compound(file: h5py.File) -> None:
    file["odd"] = np.zeros(2, dtype=[("a", "f4")])


def _complex(file: h5py.File) -> None:
    file["odd"] = np.ones(2, complex)


def _reference(file: h5py.File) -> None:
    file.create_dataset("odd", data=file.ref, dtype=h5py.ref_dtype)


def _lists(file: h5py.File) -> None:
    file.create_dataset("odd", (2,), dtype=h5py.vlen_dtype(np.int32))


def _named_type(file: h5py.File) -> None:
    file["odd"] = np.dtype("f4")


def _soft_link(file: h5py.File) -> None:
    file["odd"] = h5py.SoftLink("/odd")


def _external_link(file: h5py.File) -> None:
    file["odd"] = h5py.ExternalLink("/etc/hostname", "/")


def _loop(file: h5py.File) -> None:
    group = file.create_group("a/b/c")
    group["a"] = file["a"]


def _shared_groups(file: h5py.File) -> None:
    """Each level twice: 2 ** 40 paths through 40 groups."""
    for level in range(40):
        group, inner = file.require_group(f"g{level}"), file.create_group(f"g{level + 1}")
        group["left"], group["right"] = inner, inner


def _deep(file: h5py.File) -> None:
    file.create_group("/".join(["a"] * 200))


def _external_data(file: h5py.File) -> None:
    file.create_dataset("odd", (4,), "u1", external=[("/etc/hostname", 0, 4)])


def _virtual_data(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "x", (4,))
    file.create_virtual_dataset("odd", layout)


def _never_written(file: h5py.File) -> None:
    file.create_dataset("odd", (1 << 40,), "f8", chunks=(1024,))


def _large_chunk(file: h5py.File) -> None:
    file.create_dataset("odd", (1 << 30,), "u1", chunks=(1 << 30,), compression="gzip")


def _many_times(file: h5py.File) -> None:
    """The same 16 MiB by 100 names."""
    file["odd"] = np.zeros(1 << 21)
    for index in range(100):
        file[f"odd{index}"] = file["odd"]


def _many_texts(file: h5py.File) -> None:
    file.create_dataset("odd", (1 << 23,), h5py.string_dtype(), chunks=(1 << 20,), compression="gzip")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (_not_text, "damaged"),
        (_no_utf8_name, "is not UTF-8"),
        (_compound, "/odd holds"),
        (_complex, "/odd holds complex128"),
        (_reference, "/odd holds"),
        (_lists, "/odd holds"),
        (_named_type, "neither a group nor a data set"),
        (_soft_link, "/odd is a link"),
        (_external_link, "/odd is a link"),
        (_loop, "is linked twice"),
        (_shared_groups, "is linked twice"),
        (_deep, "too deeply"),
        (_external_data, "refers to another file"),
        (_virtual_data, "refers to another file"),
        (_never_written, "claims to hold 8796093022208 bytes"),
        (_large_chunk, "claims to hold"),
        (_many_times, "claims to hold"),
        (_many_texts, "claims to hold"),
    ],
)
def test_refused_content(content: Callable[[h5py.File], None], text: str, path: Path) -> None:
    """Nothing is read from elsewhere, nothing is read twice or without end, and no claim of size is believed."""
    with h5py.File(path, "w", libver="latest") as file:
        content(file)
    assert text in reason(path)


@pytest.mark.parametrize("content", [b"", b"text\n", b"\x80\x04\x95 a pickle", b"PK\x03\x04"])
def test_other_files(content: bytes, path: Path) -> None:
    """A file that is not HDF5 is said to be none."""
    path.write_bytes(content)
    assert reason(path) == "it is not an HDF5 file"


def test_file_that_cannot_be_opened(path: Path) -> None:
    """A missing file is an OSError, as with open()."""
    with pytest.raises(FileNotFoundError):
        hdf5.read(path)


def test_data_behind_a_good_header(path: Path) -> None:
    """A compressed block that is damaged is refused although all names and sizes were read."""
    data = np.random.default_rng(0).random(1 << 14)
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=data, compression="gzip", chunks=data.shape)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 64] = bytes(64)
    path.write_bytes(content)
    assert "damaged" in reason(path)


@pytest.mark.parametrize(
    ("death", "text"),
    [(signal.SIGSEGV, "crashes on it (SIGSEGV)"), (signal.SIGABRT, "(SIGABRT)"), (signal.SIGPROF, "takes longer than")],
)
def test_death_of_the_child(death: signal.Signals, text: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that HDF5 took down is a damaged file, and the message says how it ended."""
    with h5py.File(path, "w") as file:
        file["x"] = 1
    monkeypatch.setattr(hdf5, "_START", f"import os; os.kill(os.getpid(), {int(death)})")
    assert text in reason(path)


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "no JSON",
        "[1]",
        "7",
        "[" * 100_000,
        '{"dtype": "O", "shape": [1]}',
        '{"attrs": {}, "members": {"x": {"dtype": "<f8", "shape": [-1]}}}',
        '{"attrs": {}, "members": {"x": {"dtype": "<f8", "shape": [1000000000000]}}}',
        '{"attrs": {}, "members": {"x": {"dtype": "<f8"}}}',
        '{"attrs": {}, "members": {"x": {"texts": ["a"], "shape": [3]}}}',
    ],
)
def test_nonsense_from_the_child(sent: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child whose memory is damaged may send anything: it is a damaged file, and nothing else is raised."""
    with h5py.File(path, "w") as file:
        file["x"] = 1
    monkeypatch.setattr(hdf5, "_START", f"print({sent!r})")
    assert reason(path)


def test_child_that_does_not_start(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the environment lacks what reading needs, the message says that, not that the file is damaged."""
    with h5py.File(path, "w") as file:
        file["x"] = 1
    monkeypatch.setattr(hdf5, "_START", "import no_such_module")
    assert reason(path) == "it cannot be read (ModuleNotFoundError: No module named 'no_such_module')"


def test_time_is_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file whose reading does not end is given up after the processor time that its size allows."""
    with h5py.File(path, "w") as file:
        file["x"] = 1
    loop = "from spear_deploy.untrusted import hdf5_child as c; c._send = lambda *_: all(iter(lambda: 1, 0)); c.main()"
    monkeypatch.setattr(hdf5, "_START", hdf5._START.rsplit("from", 1)[0] + loop)
    assert "takes longer than 1.0 s" in reason(path)


def test_memory_is_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that makes HDF5 allocate without end is refused with the bound."""
    with h5py.File(path, "w") as file:
        file["x"] = 1
    grow = "from spear_deploy.untrusted import hdf5_child as c; c._send = lambda *_: bytes(1 << 29); c.main()"
    monkeypatch.setattr(hdf5, "_START", hdf5._START.rsplit("from", 1)[0] + grow)
    assert "more than 256 MiB" in reason(path)


def test_limits_grow_with_the_file() -> None:
    """A gigabyte of weights is read: what it may hold, and the time for it, follow from its size."""
    limits = Limits.of(1 << 30)
    assert limits.content > 32 << 30
    assert limits.memory > limits.content
    assert limits.seconds > 1000


def test_modules_beside_the_user_are_not_imported(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file named numpy.py in the present folder is not run, as it would not be by this process."""
    with h5py.File(path, "w") as file:
        file["x"] = 1
    (path.parent / "numpy.py").write_text("raise SystemExit('imported')")
    monkeypatch.chdir(path.parent)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry and Path(entry) != Path.cwd()])
    assert hdf5.read(Path(os.curdir) / path.name).members["x"] == 1


def test_a_child_that_is_stopped(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever stops the process that reads a file does not hang the one that waits for it."""
    with h5py.File(path, "w") as file:
        file["x"] = 1
    monkeypatch.setattr(hdf5, "_START", "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)")
    monkeypatch.setattr(hdf5, "_PATIENCE", -9.0)
    assert "was killed, or did nothing for too long" in reason(path)
