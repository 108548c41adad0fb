"""Programs that do what a test says."""

from __future__ import annotations

from pathlib import Path


def stub(folder: Path, name: str, text: str) -> None:
    """Write a shell script."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)
