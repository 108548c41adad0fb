"""Read a whole HDF5 file without opening it in this process.

HDF5's C library crashes or loops on about one in 500 files with flipped bytes, which nothing in Python can catch.
So a child process with limits opens the file (:mod:`spear_deploy.untrusted.hdf5_child`) and hands back names,
numbers and text over a pipe.  Starting it takes about 0.1 s.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, Any, TypeAlias, TypeVar, Union

import numpy as np
from numpy.typing import NDArray

from spear_deploy.untrusted import UnreadableError

Value: TypeAlias = Union[NDArray[Any], "np.generic", str, None]
"""Numbers; text; an object array of str for an array of texts; None for a data set without data."""

_T = TypeVar("_T")
_PACKAGES = Path(__file__).resolve().parents[2]
_START = """\
import sys
sys.path[:] = sys.argv.pop(1).split("\\n")
from spear_deploy.untrusted.hdf5_child import main
main()"""
_MIB = 1 << 20
_PATIENCE = 30.0
"""Seconds beyond ten times its own limit after which a child that has ended neither way is killed."""
_REFUSED = 3
"""Exit status of the child if it refuses a file; it has written the reason to stderr."""


@dataclass(frozen=True, eq=False)
class Group:
    """A group as stored: its attributes, and its members by name in order of name."""

    attrs: Mapping[str, Value]
    members: Mapping[str, Group | Value]


@dataclass(frozen=True, eq=False)
class Lists:
    """Lists of numbers, one after another: list i is ``values[offsets[i]:offsets[i + 1]]``; offsets (N + 1,)."""

    values: NDArray[Any]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1


@dataclass(frozen=True)
class Limits:
    """Limits on reading one file.

    Attributes:
        content: bytes of all data sets together, decompressed.
        memory: bytes that the child may allocate; it holds one data set at a time.
        seconds: processor time of the child.
    """

    content: int
    memory: int
    seconds: float

    @classmethod
    def of(cls, size: int, least: int = 64 * _MIB) -> Limits:
        """Return the limits for a file of ``size`` bytes.

        What a file claims to hold may be 32 times its size (a weight matrix of 97 % zeros compresses so far), and
        ``least`` bytes more.  Reading takes about 0.4 s for each MiB of small objects, the slowest kind of content.
        """
        content = least + 32 * size
        return cls(content, 128 * _MIB + 2 * content, 1.0 + 2 * size / _MIB)


def read(path: Path, least: int = 64 * _MIB) -> Group:
    """Return the root group of an HDF5 file, with all that it holds.

    ``least`` bytes of content are allowed of a file however small: see :meth:`Limits.of`.
    Links other than hard ones, groups that are reached twice, data outside the file, and types other than
    numbers and text are refused.  Raises :class:`UnreadableError`; :class:`OSError` for a file that cannot be opened.
    """
    return _ask(path, least, (), _receive)


def read_columns(path: Path, names: Collection[str]) -> dict[str, Value | Lists]:
    """Return the data sets at these paths in a file, such as ``spikes/times``; nothing else is read.

    Those whose items are lists of numbers, of any lengths, come as :class:`Lists`; one that is not there is None.
    Links are refused as in :func:`read`, and the same errors are raised.
    """
    return _ask(path, 64 * _MIB, names, _receive_columns)


def _ask(path: Path, least: int, names: Collection[str], receive: Callable[[IO[bytes], int], _T]) -> _T:
    """Return the child's answer as read by ``receive``: the whole file, or the data sets ``names``."""
    with path.open("rb") as file:
        limits = Limits.of(os.fstat(file.fileno()).st_size, least)
    search = "\n".join([*sys.path, str(_PACKAGES)])
    arguments = [search, str(limits.content), str(limits.memory), str(limits.seconds), os.fspath(path), *names]
    # Isolated and without site: only what this process would import is imported.
    command = [sys.executable, "-I", "-S", "-c", _START, *arguments]
    # Without plugins, and without threads, each of which reserves memory.
    environment = {**os.environ, "HDF5_PLUGIN_PRELOAD": "::", "OPENBLAS_NUM_THREADS": "1"}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, env=environment) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        patience = threading.Timer(_PATIENCE + 10 * limits.seconds, child.kill)  # it may be stopped, and its alarm too
        patience.start()
        try:
            return receive(child.stdout, limits.content)
        except EOFError:
            message = child.stderr.read().decode(errors="replace")
        except (
            ValueError,
            TypeError,
            LookupError,
            RecursionError,
        ):  # whose memory HDF5 has overwritten may send anything
            message = ""
        finally:
            child.kill()
            patience.cancel()
    raise UnreadableError(_reason(child.returncode, message, limits))


def _reason(code: int, message: str, limits: Limits) -> str:
    if code == -signal.SIGKILL:
        return "it cannot be read: the process that reads it was killed, or did nothing for too long"
    if code in (-signal.SIGPROF, -signal.SIGALRM):
        return f"it is damaged: HDF5 takes longer than {limits.seconds:.1f} s to read it"
    if code < 0:
        return f"it is damaged: HDF5 crashes on it ({signal.Signals(-code).name})"
    if code == _REFUSED:
        return message
    last = message.strip().rpartition("\n")[2]
    return f"it cannot be read ({last or 'for no reason given'})"


def _receive(stream: IO[bytes], budget: int) -> Group:
    """Read what :mod:`spear_deploy.untrusted.hdf5_child` writes; raise EOFError if it ends early."""
    root = _decode(_header(stream, budget), stream, budget)
    if not isinstance(root, Group):
        raise TypeError(type(root).__name__)
    return root


def _receive_columns(stream: IO[bytes], budget: int) -> dict[str, Value | Lists]:
    columns: dict[str, Value | Lists] = {}
    for name, node in _header(stream, budget).items():
        if isinstance(node, dict) and "lengths" in node:
            offsets = np.cumsum([0, *node["lengths"]], dtype=np.int64)
            columns[name] = Lists(_array(stream, node["dtype"], (int(offsets[-1]),), budget), offsets)
        else:
            value = _decode(node, stream, budget)
            if isinstance(value, Group):
                raise TypeError(name)
            columns[name] = value
    return columns


def _header(stream: IO[bytes], budget: int) -> Any:
    line = stream.readline(budget)
    if len(line) == budget:
        raise ValueError("too many names")
    if not line.endswith(b"\n"):
        raise EOFError
    return json.loads(line)


def _decode(node: Any, stream: IO[bytes], budget: int) -> Group | Value:
    if node is None or isinstance(node, str):
        return node
    if "members" in node:
        attrs: dict[str, Any] = {name: _decode(item, stream, budget) for name, item in node["attrs"].items()}
        return Group(attrs, {name: _decode(item, stream, budget) for name, item in node["members"].items()})
    shape = tuple(node["shape"])
    if "texts" in node:
        texts = np.empty(len(node["texts"]), dtype=object)
        texts[:] = node["texts"]
        return texts.reshape(shape)
    array = _array(stream, node["dtype"], shape, budget)
    return array[()] if not shape else array


def _array(stream: IO[bytes], kind: str, shape: tuple[int, ...], budget: int) -> NDArray[Any]:
    dtype = np.dtype(kind)
    buffer = bytearray(min(prod(shape) * dtype.itemsize, budget))
    if stream.readinto(buffer) < len(buffer):  # type: ignore[attr-defined]
        raise EOFError
    array: NDArray[Any] = np.frombuffer(buffer, dtype).reshape(shape)
    return array
