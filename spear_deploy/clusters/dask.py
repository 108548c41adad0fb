"""Dask: a scheduler that the user started, and its workers.

A worker runs as many pieces at a time as it has threads and its memory holds.  What is shared is scattered to every
worker there is; one that comes later fetches it from another.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import platform
import secrets
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from spear_deploy.clusters.node import (
    BEGUN,
    TOLD,
    Returned,
    Room,
    Sent,
    Versions,
    asking_versions,
    carry_out_here,
    other_versions,
    versions_here,
)
from spear_deploy.clusters.protocol import Say, Workload
from spear_deploy.clusters.sending import PATIENCE, gone, knock, packed, sent, silent, taken
from spear_deploy.errors import BackendError, SpearError
from spear_deploy.extras import missing_package
from spear_deploy.parallel import Lost

if TYPE_CHECKING:
    from distributed import Client, Future

_PORT = 8786
"""The default port of a scheduler."""
_WHO = "scheduler of Dask"
_TICK = 0.1


class Dask:
    """Dask's distributed, at ``tcp://HOST:8786``, or ``dask://HOST:8786``, which is the same."""

    @contextmanager
    def crew(self, address: str, workload: Workload, say: Say) -> Iterator[_Workers]:
        """Connect to the scheduler, wait for a first worker, and yield all that there are."""
        with _connected(address.replace("dask://", "tcp://", 1)) as client:
            _wait_for_worker(client, say)
            versions = versions_here()
            if (error := _other_versions(client, versions)) is not None:
                raise error
            threads = client.nthreads()
            say(f"{address}: {len(threads)} of Dask's workers, with {sum(threads.values())} threads for a point each")
            yield _Workers(client, workload, versions, say)


DASK = Dask()


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise missing_package(error) from error
    fix = "see that it runs (dask scheduler), and that its port can be reached from here"
    knock(address, _PORT, _WHO, fix)
    try:
        _greet(address)
        client = Client(address, timeout=PATIENCE, set_as_default=False)
    except (TimeoutError, asyncio.TimeoutError) as error:  # one and the same from Python 3.11 on
        fix = "give the address that dask scheduler prints, not its dashboard's (8787), and see that it is not stopped"
        raise silent(address, _WHO, PATIENCE, fix) from error
    except (OSError, ValueError, MemoryError) as error:  # what another protocol says may be read as any length
        message = f"what answers is not a scheduler of Dask: {' '.join(str(error).split())}"
        raise BackendError.of("E069", f"--cluster {address}", message, fix) from error
    try:
        yield client
    except Exception as error:
        if client.status == "running" or isinstance(error, SpearError):
            raise
        raise _gone(client) from error  # whatever its loss looked like
    finally:
        client.close()


def _greet(address: str) -> None:
    """Raise :class:`TimeoutError` where something listens that says nothing a scheduler says: Client waits for ever.

    In a thread of its own, since a notebook's has an event loop already.
    """
    from distributed.comm import connect

    async def greet() -> None:
        answering = await asyncio.wait_for(connect(address, timeout=PATIENCE), PATIENCE)
        await answering.close()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(greet())).result()


def _wait_for_worker(client: Client, say: Say) -> None:
    address = client.scheduler.address
    if not client.nthreads():
        say(f"{address}: no worker is there; waiting for one (dask worker {address})")
        client.wait_for_workers(1)


def _gone(client: Client) -> SpearError:
    return gone(client.scheduler.address, _WHO)


def _other_versions(client: Client, wanted: Versions) -> SpearError | None:
    """Return the error for a scheduler or workers with other versions.

    Python's comes first, since another may not read what is sent; the scheduler reads it too.
    """
    pythons = _everywhere(client, platform.python_version)
    error = other_versions({node: {"python": found} for node, found in pythons.items()}, {"python": wanted["python"]})
    return error or other_versions(_everywhere(client, asking_versions()), wanted)


def _everywhere(client: Client, function: Callable[[], Any]) -> dict[str, Any]:
    """Return what a function returns on the scheduler and on each worker."""
    return {f"scheduler {client.scheduler.address}": client.run_on_scheduler(function), **client.run(function)}


class _Workers:
    """The workers of a scheduler: a crew that takes all pieces at once, and lets Dask schedule them."""

    def __init__(self, client: Client, workload: Workload, versions: Versions, say: Say) -> None:
        self.room = len(workload.pieces)
        self._client, self._workload, self._versions, self._say = client, workload, versions, say
        self._topic = f"spear-deploy-{secrets.token_hex(8)}"
        self._pieces: dict[str, _Piece] = {}
        self._shared: dict[str, Future] = {}
        client.subscribe_topic(self._topic, self._hear)

    def begin(self, name: str, item: tuple[str, Any]) -> _Piece:
        """Submit a piece."""

        def submit(piece: _Piece) -> Future:
            key = f"{self._topic}-{name}-{secrets.token_hex(4)}"
            self._pieces[key] = piece
            given = sent(self._workload, name, self._versions), self._scattered(item[0]), self._topic
            return self._client.submit(_on_worker, *given, key=key, pure=False)

        return _Piece(self._workload, name, submit)

    def listen(self, running: Collection[_Piece]) -> None:
        """Wait a moment: messages arrive on a thread of the client.  Raises E069 if the scheduler is gone."""
        time.sleep(_TICK)
        if self._client.status != "running":
            raise _gone(self._client)

    def end(self, running: Collection[_Piece]) -> None:
        """Cancel what still runs; each worker then ends its process."""
        if self._client.status == "running":
            self._client.cancel([piece.future for piece in running], force=True)

    def _scattered(self, key: str) -> Future:
        """Return what is shared; scatter it again if all workers that had it are gone."""
        if key not in self._shared or self._shared[key].status != "finished":
            _wait_for_worker(self._client, self._say)
            (self._shared[key],) = self._client.scatter(
                [packed(self._workload.shared[key])], broadcast=True, hash=False
            )
        return self._shared[key]

    def _hear(self, event: tuple[float, tuple[str, str, Any]]) -> None:
        key, kind, message = event[1]
        self._pieces[key].told.append((kind, message))


class _Piece:
    """A piece that Dask has.

    Dask begins it anew by itself when its worker is lost, which is seen by its saying so a second time: what was begun
    first is lost then.
    """

    def __init__(self, workload: Workload, name: str, submit: Callable[[_Piece], Future]) -> None:
        self._workload, self._name, self._submit = workload, name, submit
        self.told: deque[tuple[str, Any]] = deque()
        self._heard: list[Any] = []
        self._workers: list[str] = []
        self.future = submit(self)

    def messages(self) -> list[Any]:
        """Return the messages of its worker since the last call, from its first start."""
        self._listen()
        found, self._heard = self._heard, []
        return found

    def ended(self) -> bool:
        """Whether there is a result, or its worker is lost."""
        self._listen()
        if self.future.cancelled() and not self._workers:  # it waited for what is shared, which went with all workers
            self.future = self._submit(self)
        return self.future.done() or len(self._workers) > 1

    def result(self) -> Any:
        """Return the result once its files are in place."""
        from distributed import CancelledError, KilledWorker

        lost = Lost(f"the loss of {self._workers[0] if self._workers else 'its worker'}")
        if not self.future.done():
            self.future.cancel(force=True)
            return lost
        try:
            returned: Returned = self.future.result()
        except (KilledWorker, CancelledError):
            return lost
        finally:
            self.future.release()
        return taken(self._workload, self._name, returned)

    def _listen(self) -> None:
        while self.told:
            kind, message = self.told.popleft()
            if kind == BEGUN:
                self._workers.append(message)
            elif len(self._workers) == 1:
                self._heard.append(tuple(message) if isinstance(message, list) else message)


# What follows runs in the workers.

_room = Room()


def _on_worker(piece: Sent, shared: bytes, topic: str) -> Returned:
    """Carry out a piece in a thread of a worker, whose processes may have others unlike what nannies ask for."""
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()
    multiprocessing.current_process().daemon = False

    def tell(message: Any) -> None:
        worker.log_event(topic, (key, TOLD, message))

    def wanted() -> bool:
        task = worker.state.tasks.get(key)
        return task is not None and task.state == "executing" and worker.status.name in ("running", "paused")

    worker.log_event(topic, (key, BEGUN, worker.address))
    with _room.taken(piece.memory, worker.memory_manager.memory_limit, wanted):
        return carry_out_here(piece, shared, worker.address, tell, wanted)
