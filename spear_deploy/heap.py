"""Keep freed memory in the process, instead of returning it to the system and faulting it in again.

Each step of training takes and frees the same arrays of megabytes.  glibc takes those from the kernel anew, page by
page, which a fifth of the steps of a small network went for.  Kept are arrays of up to 128 MiB, and at most 256 MiB
that nothing uses; larger ones go back at once, so that the most that a process holds stays what it was.
"""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""What glibc calls them in malloc.h."""
_KEPT, _LARGEST = 256 << 20, 128 << 20


def keep_freed_memory() -> None:
    """Let the allocator of this process keep what is freed; it is a setting of the process, so only of one's own.

    Elsewhere than with glibc nothing is done.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        set_option = ctypes.CDLL(None).mallopt
    except AttributeError:
        return
    set_option(_TRIM_THRESHOLD, _KEPT)
    set_option(_MMAP_THRESHOLD, _LARGEST)
