"""How a run computes: threads, device, processes and seed, as one frozen value that is passed down.

Sums of floats depend on how they are split among threads, so the number of threads is part of a run's identity.  Small
networks are fastest on one thread: synchronising more costs more than they do.  Global state of libraries (numbers of
threads, random states) is set for the time of a block and restored.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from spear_deploy.deadline import Deadline
from spear_deploy.errors import InputError
from spear_deploy.sizes import bytes_as_text

_PROCESS_STATE = threading.RLock()
"""Held while a library's global state is changed."""

_LIBRARIES = 1 << 30
"""Bytes for libraries (0.35 GiB), kernels being compiled (0.15 GiB) and the emulators' batches (0.25 GiB each way)."""

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Execution:
    """How a run computes.

    Attributes:
        threads: threads that compute at a time.
        device: torch's name of the device.
        seed: of everything random.
        memory: bound of the process in bytes; batches are split to keep it.  Sums of floats depend on the parts, so the
            bound is fixed instead of a share of the free memory.
        held: bytes of it that data and the like take for the whole run.
        jobs: processes that share independent work; results do not depend on them.
        deadline: after it no training is started or continued.
    """

    threads: int = 1
    device: str = "cpu"
    seed: int = 0
    memory: int = 4 << 30
    jobs: int = field(default=1, compare=False)
    held: int = field(default=0, compare=False, repr=False)
    deadline: Deadline = field(default=Deadline(), compare=False, repr=False)

    @property
    def identity(self) -> dict[str, str | int]:
        """What results depend on, as JSON; without the deadline, since results that it cuts short are never resumed."""
        return {
            "threads": self.threads,
            "device": self.device,
            "seed": self.seed,
            "memory": self.memory,
        }

    @property
    def room(self) -> int:
        """Bytes left for the passes of networks."""
        return self.memory - _LIBRARIES - self.held

    def check_device(self) -> None:
        """Raise :class:`InputError` (E008) for a device that cannot compute here."""
        import torch

        try:
            torch.zeros(1, device=self.device).cpu()
        except (RuntimeError, AssertionError, TypeError, ValueError) as error:
            message = f"cannot compute: {str(error).splitlines()[0]}"
            fix = "leave it out, or name cuda with a GPU"
            raise InputError.of("E008", f"--device {self.device}", message, fix) from error

    def check_memory(self, needed: int) -> None:
        """Raise :class:`InputError` (E019) if fewer bytes are free; do nothing if that is unknown."""
        free = free_memory()
        if free is not None and needed > free:
            message = f"the run takes up to {bytes_as_text(needed)}, and {bytes_as_text(free)} are free"
            fix = f"give --memory {bytes_as_text(max(1 << 20, free * 3 // 4))}, or end what else is running"
            raise InputError.of("E019", f"--memory {bytes_as_text(self.memory)}", message, fix)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Let torch and numba use this many threads in the block.

        Blocks in other threads wait: thread counts and random states belong to the process.
        """
        with _PROCESS_STATE:
            yield from self._apply()

    def _apply(self) -> Iterator[None]:
        import numba

        most = numba.config.NUMBA_NUM_THREADS
        before = numba.get_num_threads()  # first: it starts numba's threads, which may change torch's number
        numba.set_num_threads(min(self.threads, most))
        try:
            with torch_threads(self.threads), plain_arithmetic():
                yield
        finally:
            numba.set_num_threads(before)


def free_memory() -> int | None:
    """Return the bytes that this process can still take, by Linux and its control group; None if unknown."""
    found = [_available(), _left_in_group()]
    return min((count for count in found if count is not None), default=None)


def _available() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:")), None)


def _left_in_group() -> int | None:
    group = Path("/sys/fs/cgroup")
    try:
        most, now = ((group / name).read_text(encoding="ascii").strip() for name in ("memory.max", "memory.current"))
    except OSError:
        return None
    return int(most) - int(now) if most.isdigit() else None


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Let torch use ``count`` threads in the block."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def plain_arithmetic() -> Iterator[None]:
    """Let GPUs compute in true single precision and deterministically in the block."""
    import torch

    convolutions = settings(torch.backends.cudnn, allow_tf32=False, deterministic=True, benchmark=False)
    with convolutions, settings(torch.backends.cuda.matmul, allow_tf32=False):
        yield


@contextmanager
def fast_gradients() -> Iterator[None]:
    """Let GPUs round the factors of convolutions to eleven bits (TF32) in the block: several times as fast."""
    import torch

    with settings(torch.backends.cudnn, allow_tf32=True):
        yield


@contextmanager
def settings(of: Any, **values: bool) -> Iterator[None]:
    """Give settings these values in the block."""
    before = {name: getattr(of, name) for name in values}
    for name, value in values.items():
        setattr(of, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(of, name, value)


class PrivateRandom:
    """Private random states of Python, numpy and torch for a library that uses the global ones."""

    def __init__(self, seed: int) -> None:
        import numpy as np
        import torch

        with _PROCESS_STATE:
            before = _random_states()
            random.seed(seed)
            np.random.seed(seed)  # noqa: NPY002  (the legacy state is what such libraries draw from)
            torch.manual_seed(seed)
            self._own = _random_states()
            _set_random_states(before)

    @contextmanager
    def active(self) -> Iterator[None]:
        """Use the private states as the global ones in the block."""
        with _PROCESS_STATE:
            before = _random_states()
            _set_random_states(self._own)
            try:
                yield
            finally:
                self._own = _random_states()
                _set_random_states(before)


def _random_states() -> tuple[Any, Any, Any]:
    import numpy as np
    import torch

    return random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002


def _set_random_states(states: tuple[Any, Any, Any]) -> None:
    import numpy as np
    import torch

    of_python, of_numpy, of_torch = states
    random.setstate(of_python)
    np.random.set_state(of_numpy)  # noqa: NPY002
    torch.set_rng_state(of_torch)


def split_evenly(count: int, most: int, threads: int) -> list[range]:
    """Split ``count`` items into ranges of at most ``most``, about equally long, and equally many per thread."""
    rounds = max(1, -(-count // (threads * max(1, most))))
    size = max(1, -(-count // (threads * rounds)))
    return [range(start, min(start + size, count)) for start in range(0, count, size)]


def map_threads(function: Callable[[Item], Result], items: Sequence[Item], threads: int) -> list[Result]:
    """Apply ``function`` to all items, each on one thread, up to ``threads`` at a time.

    Splitting work by item scales better than splitting every small operation.
    """
    if min(threads, len(items)) < 2:
        return [function(item) for item in items]
    with torch_threads(1), ThreadPoolExecutor(min(threads, len(items))) as pool:
        return list(pool.map(function, items))
