"""Keep freed memory in the process, instead of returning it to the system and faulting it in again.

Each training step allocates and frees the same arrays of megabytes.  glibc takes those from the kernel each time, page
by page, which cost a fifth of the steps of a small network.  Arrays of up to 128 MiB, and at most 256 MiB of unused
memory, are kept; larger ones are returned at once, so that the peak of a process does not grow.
"""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Names in glibc's malloc.h."""
_KEPT, _LARGEST = 256 << 20, 128 << 20


def keep_freed_memory() -> None:
    """Let the allocator of this process keep freed memory; for processes of this tool only.

    Without glibc nothing is done.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        set_option = ctypes.CDLL(None).mallopt
    except AttributeError:
        return
    set_option(_TRIM_THRESHOLD, _KEPT)
    set_option(_MMAP_THRESHOLD, _LARGEST)
