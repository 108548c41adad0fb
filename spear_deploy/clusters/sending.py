"""The caller's side, for any cluster: pack what is sent, and put in place what comes back."""

from __future__ import annotations

import secrets
import shutil
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from spear_deploy.clusters.node import Files, Returned, Sent, Versions, read_files, write_files
from spear_deploy.clusters.protocol import Workload
from spear_deploy.errors import BackendError, SpearError
from spear_deploy.parallel import Lost
from spear_deploy.storage import exists, writing

PATIENCE = 20.0
"""Seconds in which a cluster has to answer."""


def knock(address: str, port: int, who: str, fix: str) -> None:
    """Raise E069 if nothing listens at an address (by default at ``port``) where ``who`` should; ``fix`` says how."""
    try:
        place = urlsplit(address)
        socket.create_connection((place.hostname or "", place.port or port), PATIENCE).close()
    except (OSError, ValueError) as error:
        raise BackendError.of("E069", f"--cluster {address}", f"no {who} answers: {error}", fix) from error


def silent(address: str, who: str, seconds: float, fix: str) -> SpearError:
    """Return the error (E069) for something that listens at an address but has not answered as ``who`` in time."""
    message = f"what listens there has not answered as a {who} does in {seconds:.0f} s"
    return BackendError.of("E069", f"--cluster {address}", message, fix)


def gone(address: str, who: str) -> SpearError:
    """Return the error (E069) for a cluster that has stopped answering; ``who`` is what had answered."""
    fix = "start it again, and go on with --resume"
    return BackendError.of("E069", f"--cluster {address}", f"the {who} answers no more", fix)


def packed(value: object) -> bytes:
    """Return what is shared as bytes; functions that a module does not hold go by value."""
    import cloudpickle

    content: bytes = cloudpickle.dumps(value)
    return content


def sent(workload: Workload, name: str, versions: Versions) -> Sent:
    """Return what a node is sent of a piece, with the files that an interrupted run has left in its folder."""
    _, value = workload.pieces[name]
    return Sent(name, workload.work, value, read_files(workload.folder / name), workload.memory, versions)


def taken(workload: Workload, name: str, returned: Returned) -> Any:
    """Return the result of a piece whose files are put in place before; raise what it raised."""
    if returned.error is not None:
        raise returned.error
    if not isinstance(returned.result, Lost):
        put_in_place(workload.folder / name, returned.files or {})
    return returned.result


def put_in_place(folder: Path, files: Files) -> None:
    """Write a folder of files under another name, and give it its own when it is whole, in place of an earlier one.

    Raises :class:`~spear_deploy.errors.InputError` (E009) if it cannot be written.
    """
    new, old = (folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.part") for _ in range(2))
    with writing(folder):
        try:
            write_files(new, files)
            if exists(folder):
                folder.rename(old)
            new.rename(folder)
        finally:
            for each in (new, old):
                shutil.rmtree(each, ignore_errors=True)
