"""Finding a Python that can make an environment for a backend."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_PROBE = "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2])"


def find_python(versions: tuple[str, ...]) -> tuple[Path, str] | None:
    """Return a Python that can make virtual environments, and its version: the first of ``versions`` there is.

    A command of the right name may be a stub that fails (pyenv has such), so every candidate is run.
    """
    for version in versions:
        named = (Path(folder, f"python{version}") for folder in os.get_exec_path())
        for candidate in (*filter(Path.is_file, named), Path(sys.executable)):
            if _version_of(candidate) == version:
                return candidate, version
    return None


def _version_of(python: Path) -> str | None:
    try:
        finished = subprocess.run(
            [str(python), "-I", "-c", _PROBE],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return finished.stdout.strip() if finished.returncode == 0 else None
