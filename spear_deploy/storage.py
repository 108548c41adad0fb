"""Files: outputs are written under a temporary name and then renamed, so that no half-written file is ever seen."""

from __future__ import annotations

import hashlib
import json
import math
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from errno import EACCES, EDQUOT, EFBIG, EIO, EISDIR, ENOSPC, EROFS
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spear_deploy.errors import InputError, SpearError

if TYPE_CHECKING:
    import h5py

_FULL = frozenset({ENOSPC, EDQUOT, EFBIG})
"""Error numbers of a full disk."""
NOT_WRITTEN = _FULL | {EACCES, EIO, EROFS}
"""Other error numbers of files that cannot be written."""


def is_file(path: Path) -> bool:
    """Whether a path is a file; False if the system does not allow the name, or access."""
    try:
        return path.is_file()
    except OSError:
        return False


def is_folder(path: Path) -> bool:
    """Whether a path is a folder, in the same way."""
    try:
        return path.is_dir()
    except OSError:
        return False


def exists(path: Path) -> bool:
    """Whether a path exists, in the same way."""
    try:
        return path.exists()
    except OSError:
        return False


def real_path(path: Path) -> Path:
    """Return a path without links; circular links stay, for which :meth:`Path.resolve` raises RuntimeError."""
    return Path(os.path.realpath(path))


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raise :class:`InputError` (E009) if the block cannot write ``path``."""
    try:
        yield
    except OSError as error:
        raise unwritten(path, error) from error


def unwritten(path: object, error: OSError) -> SpearError:
    """Return the error (E009) for an error of the system in writing a file."""
    fix = "free some space there, or choose another folder" if error.errno in _FULL else "choose another folder"
    return InputError.of("E009", path, f"cannot be written: {error.strerror or error}", fix)


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; rename it to ``path`` if the block ends without error.

    Raises :class:`InputError` (E009) if the file cannot be written.
    """
    with writing(path):
        if path.is_dir():
            raise IsADirectoryError(EISDIR, os.strerror(EISDIR))
        path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:  # a signal may come at any moment from here
        with writing(path):
            os.close(os.open(temporary, os.O_CREAT | os.O_EXCL, 0o666))  # the process's umask decides, as for any file
            yield temporary
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_hdf5(path: Path) -> Iterator[h5py.File]:
    """Yield an HDF5 file in memory; write its bytes to ``path`` if the block ends without error.

    On a full disk, HDF5 (as of 1.14) would end the process when it closes the file.  Equal content gives
    equal bytes.  Raises :class:`InputError` (E009) if the file cannot be written.
    """
    import h5py

    with h5py.File(path.name, "w", driver="core", backing_store=False) as file:
        yield file
        file.flush()
        image = file.id.get_file_image()
    with atomic(path) as temporary:
        temporary.write_bytes(image)


def as_json(value: Any) -> Any:
    """Return a value as JSON types: mappings and sequences of str, int, finite float, bool and None."""
    if isinstance(value, Mapping):
        return {str(key): as_json(member) for key, member in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [as_json(member) for member in value]
    if hasattr(value, "tolist"):  # an array or a scalar of numpy's or torch's
        return as_json(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, str | int | None) else str(value)


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as readable JSON, atomically."""
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal text."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
