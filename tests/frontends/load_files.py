"""Load files one after another, as a process that does nothing else: ``python -m tests.frontends.load_files FILE...``.

Prints a JSON object on each file: how loading ended, and the processor time (s) that it took with its children; then
one of the most memory (MiB) that this process or one of its children held.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
import traceback
from pathlib import Path

from spear_deploy.errors import SpearError
from spear_deploy.frontends import Semantics, load

_HANGING = 60
"""Seconds after which loading is given up; machines may be busy."""


def ending(path: Path) -> str:
    """Load a file; say ``read``, ``refused``, or show what must not happen."""
    signal.alarm(_HANGING)
    try:
        load(path, Semantics(dt=1.0))
    except SpearError as error:
        message = str(error).encode()  # it can be printed
        good = error.exit_code in (2, 3) and error.findings and len(message) < 10_000
        return "refused" if good else f"exit code {error.exit_code}: {message[:1000]!r}"
    except BaseException:
        return traceback.format_exc()
    finally:
        signal.alarm(0)
    return "read"


def processor_seconds() -> float:
    """Time that this process and its children have taken."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(item.ru_utime + item.ru_stime for item in used)


def peak() -> float:
    """Most memory (MiB) that this process or one of its children has held.

    Of this process it is read from /proc: ru_maxrss begins with what the process that started it held.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    own = int(status.split("VmHWM:")[1].split()[0])
    return max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1024


def _give_up(*_: object) -> None:
    raise TimeoutError


def main() -> None:
    """Load the files of the command line."""
    signal.signal(signal.SIGALRM, _give_up)
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))  # spares the machine where the bounds fail
    for path in sys.argv[1:]:
        start = processor_seconds()
        outcome = ending(Path(path))
        result = {"file": path, "outcome": outcome, "seconds": processor_seconds() - start}
        sys.stdout.write(json.dumps(result) + "\n")
    sys.stdout.write(json.dumps({"peak": peak()}) + "\n")


if __name__ == "__main__":
    main()
