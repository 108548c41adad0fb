"""Threads and random states: set for a block, put back, and the same results whatever ran before."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time

import numba
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spear_deploy.errors import InputError
from spear_deploy.execution import (
    Execution,
    PrivateRandom,
    fast_gradients,
    map_threads,
    split_evenly,
    torch_threads,
)


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_are_put_back(threads):
    """Within the block torch and numba use the number given; behind it, even after an error, those of before."""
    before = torch.get_num_threads(), numba.get_num_threads()

    def fail():
        with Execution(threads=threads).applied():
            raise KeyError(torch.get_num_threads(), numba.get_num_threads())

    with pytest.raises(KeyError) as within:
        fail()
    assert within.value.args == (threads, min(threads, numba.config.NUMBA_NUM_THREADS))
    assert (torch.get_num_threads(), numba.get_num_threads()) == before


def gpu_arithmetic() -> tuple[bool, ...]:
    cudnn, products = torch.backends.cudnn, torch.backends.cuda.matmul
    return cudnn.allow_tf32, cudnn.deterministic, cudnn.benchmark, products.allow_tf32


@pytest.mark.parametrize("users", [True, False])
def test_arithmetic_of_gpus_is_put_back(users):
    """Within a run no GPU rounds factors to eleven bits, except for gradients; the user's own choice comes back."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = users
    try:
        outside = gpu_arithmetic()
        with Execution().applied():
            assert gpu_arithmetic() == (False, True, False, False)
            with fast_gradients():
                assert gpu_arithmetic() == (True, True, False, False)
            assert gpu_arithmetic() == (False, True, False, False)
        assert gpu_arithmetic() == outside
    finally:
        torch.backends.cudnn.allow_tf32 = before


def test_one_thread_is_one_thread_whatever_torch_did_before():
    """numba's start changes torch's number of threads; the block has what it asked for all the same."""
    code = (
        "import torch\n"
        "torch.randn(10**6).exp()\n"
        "before = torch.get_num_threads()\n"
        "from spear_deploy.execution import Execution\n"
        "import numba\n"
        "with Execution(threads=1).applied():\n"
        "    assert torch.get_num_threads() == 1, torch.get_num_threads()\n"
        "    assert numba.get_num_threads() == 1\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def drawn() -> tuple[float, float, float]:
    return random.random(), np.random.random(), torch.rand(()).item()  # noqa: NPY002


def test_private_randomness_is_nobody_elses():
    """What is drawn inside does not change what is drawn outside, and the other way round."""
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    alone = [drawn() for _ in range(2)]
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    private = PrivateRandom(7)
    first = drawn()
    with private.active():
        inside = [drawn()]
    second = drawn()
    with private.active():
        inside.append(drawn())
    assert [first, second] == alone
    again = PrivateRandom(7)
    with again.active():
        assert [drawn(), drawn()] == inside
    with PrivateRandom(8).active():
        assert drawn() != inside[0]


@given(st.integers(0, 200), st.integers(0, 50), st.integers(1, 8))
def test_splitting_covers_everything_once(count, most, threads):
    """Ranges follow each other, none is empty or longer than allowed."""
    ranges = split_evenly(count, most, threads)
    assert [i for each in ranges for i in each] == list(range(count))
    assert all(1 <= len(each) <= max(1, most) for each in ranges)


def test_threads_of_a_map_leave_torchs_number_alone():
    """Each item runs with one thread of torch; behind the map torch has its number again."""
    with torch_threads(2):
        seen = map_threads(lambda item: (item, torch.get_num_threads()), [1, 2, 3], 2)
        assert torch.get_num_threads() == 2
    assert seen == [(1, 1), (2, 1), (3, 1)]


@pytest.mark.parametrize("block", [lambda: Execution(threads=1).applied(), lambda: PrivateRandom(1).active()])
def test_threads_wait_for_each_other(block):
    """What belongs to the process is set for one thread at a time, and put back before the next one's turn."""
    inside, most = 0, 0
    before = torch.get_num_threads(), drawn_state()

    def work():
        nonlocal inside, most
        for _ in range(3):
            with block():
                inside += 1
                most = max(most, inside)
                time.sleep(0.01)
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert (torch.get_num_threads(), drawn_state()) == before


def test_blocks_within_each_other():
    """One thread may nest them: a deployment draws random numbers while its threads are set."""
    with Execution(threads=1).applied(), PrivateRandom(1).active(), Execution(threads=2).applied():
        assert torch.get_num_threads() == 2


def drawn_state() -> object:
    return random.getstate()


def test_memory_that_is_not_free():
    """More than the machine has free is E019, with a bound that is free; a little is not."""
    Execution().check_memory(1 << 20)
    with pytest.raises(InputError, match=r"takes up to 1024000GiB, and .* are free\n +fix: give --memory "):
        Execution().check_memory(1000 << 40)
