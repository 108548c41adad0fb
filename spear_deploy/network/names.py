"""Names that any file can store: valid names of HDF5 groups, in any script and of any length."""

from __future__ import annotations


def name_problem(name: str) -> str:
    """Return why no file can store this name of a population or projection, or ""."""
    if not name:
        return "is empty"
    if "/" in name or "\0" in name:
        return "holds a slash or a NUL"
    if name == ".":
        return "is a dot alone"
    try:
        name.encode()
    except UnicodeEncodeError:
        return "is not Unicode text"
    return ""


def writable_name(name: str) -> str:
    """Return the name, or the nearest one that files can store."""
    text = name.replace("/", "_").replace("\0", "_").encode(errors="backslashreplace").decode()
    return "_" if text in ("", ".") else text
