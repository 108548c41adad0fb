"""Files that no exporter wrote: each is refused with findings or harmlessly read, in bounded time and memory.

Processor time is measured, which other processes on the machine do not change.  ``SPEAR_DEPLOY_HOSTILE_FILES=2000``
makes so many.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.frontends.hostile import OF_BYTES, OF_CONTENT, hostile

ROOT = Path(__file__).resolve().parents[2]
SECONDS, MEBIBYTES = 2.0, 500
SHARD = 250
SHARDS = int(os.environ.get("SPEAR_DEPLOY_HOSTILE_FILES", "500")) // SHARD


def loaded(seeds: range, folder: Path) -> list[dict[str, Any]]:
    """Write the files of these seeds, load them in a process of their own, and return what it reports."""
    paths = []
    for seed in seeds:
        mutation, content = hostile(seed)
        paths.append(folder / f"{seed}-{mutation}.nir")
        paths[-1].write_bytes(content)
    command = [sys.executable, "-m", "tests.frontends.load_files", *map(str, paths)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=10 * len(paths) + 60, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def assert_harmless(results: list[dict[str, Any]]) -> None:
    """Every file was read or refused, within the bounds, and enough of both."""
    *results, total = results
    wrong = [result for result in results if result["outcome"] not in ("read", "refused")]
    assert not wrong, f"{wrong[0]['file']}: {wrong[0]['outcome']}"
    slow = [result for result in results if result["seconds"] >= SECONDS]
    assert not slow, slow
    assert total["peak"] < MEBIBYTES
    outcomes = Counter(result["outcome"] for result in results)
    assert min(outcomes["read"], outcomes["refused"]) > len(results) // 8, outcomes


def test_hostile_files(tmp_path: Path) -> None:
    """Of some hostile files each is read or refused, below 2 s and 500 MiB."""
    assert_harmless(loaded(range(100), tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("shard", range(SHARDS))
def test_hundreds_of_hostile_files(shard: int, tmp_path: Path) -> None:
    """The same of others."""
    first = 1000 + shard * SHARD
    assert_harmless(loaded(range(first, first + SHARD), tmp_path))


def test_hostile_files_are_many_and_always_the_same() -> None:
    """Seeds give every mutation, each time the same bytes."""
    made = [hostile(seed) for seed in range(120)]
    assert [hostile(seed)[1] for seed in range(3)] == [content for _, content in made[:3]]
    assert {name for name, _ in made} == {mutation.__name__ for mutation in (*OF_BYTES, *OF_CONTENT)}
