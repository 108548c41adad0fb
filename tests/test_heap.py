"""A process that keeps what it freed takes no pages anew for it."""

from __future__ import annotations

import subprocess
import sys

import pytest

# Prints the page faults of taking and freeing 100 arrays of 40 MiB, two at a time, and the pages that are left.
_PROCESS = """
import ctypes, resource, sys
from spear_deploy import heap

def arrays():
    for _ in range(50):
        first, second = bytearray(40 << 20), bytearray(40 << 20)

if sys.argv[1] == "kept":
    heap.keep_freed_memory()
arrays()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
arrays()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
large = bytearray(600 << 20)
del large
print(int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc")
def test_arrays_of_each_step_take_no_pages_anew():
    """Pages come from the kernel once; arrays beyond what is kept go back at once."""
    faults, left = {}, {}
    for way in ("kept", "plain"):
        found = subprocess.run([sys.executable, "-c", _PROCESS, way], capture_output=True, text=True, check=True)
        faults[way], left[way] = map(int, found.stdout.split())
    assert faults["kept"] < 100 < faults["plain"]
    assert left["kept"] < left["plain"] + (256 << 20)


def test_other_systems_are_left_alone(monkeypatch):
    """Where there is no such setting, none is made."""
    from spear_deploy import heap

    monkeypatch.setattr(heap.ctypes, "CDLL", lambda _: object())
    heap.keep_freed_memory()
    monkeypatch.setattr(heap.sys, "platform", "darwin")
    monkeypatch.setattr(heap.ctypes, "CDLL", None)
    heap.keep_freed_memory()
