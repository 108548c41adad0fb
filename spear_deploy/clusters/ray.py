"""Ray: a cluster that the user started, through its head's port for clients.

Each piece asks for as many CPUs as it has threads, and for the memory that it takes at most: Ray places it.  What is
shared lies in Ray's object store, which each node fetches it from once.
"""

from __future__ import annotations

import logging
import platform
import time
import warnings
from collections import deque
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from spear_deploy.clusters.node import (
    BEGUN,
    TOLD,
    Returned,
    Sent,
    Versions,
    asking_versions,
    carry_out_here,
    other_versions,
    versions_here,
)
from spear_deploy.clusters.protocol import Say, Workload
from spear_deploy.clusters.sending import gone, knock, packed, sent, silent, taken
from spear_deploy.errors import BackendError, SpearError
from spear_deploy.extras import missing_package
from spear_deploy.parallel import Lost
from spear_deploy.sizes import bytes_as_text

_PORT = 10001
"""The default port of a head for clients."""
_WHO = "head of Ray"
_TICK = 0.2
_GRACE = 30.0
"""Seconds that nodes are given to clean up what is cancelled."""
_HEAD = "node:__internal_head__"
"""What Ray calls the resource that a head has alone."""


class Ray:
    """Ray, at ``ray://HOST:10001``: the head's port for clients."""

    @contextmanager
    def crew(self, address: str, workload: Workload, say: Say) -> Iterator[_Nodes]:
        """Connect to the head, and yield all nodes that there are."""
        with _connected(address) as ray:
            nodes = [node for node in ray.nodes() if node["Alive"]]
            versions = versions_here()
            if (error := _other_versions(ray, nodes, versions) or _too_small(nodes, workload, address)) is not None:
                raise error
            cores = sum(node["Resources"].get("CPU", 0) for node in nodes)
            say(f"{address}: {len(nodes)} nodes, {int(cores)} CPUs")
            head = next((node["NodeID"] for node in nodes if _HEAD in node["Resources"]), nodes[0]["NodeID"])
            yield _Nodes(ray, workload, versions, head)


RAY = Ray()


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    try:
        import ray
    except ModuleNotFoundError as error:
        raise missing_package(error) from error
    fix = "see that it runs (ray start --head), and that its port for clients, 10001, can be reached from here"
    knock(address, _PORT, _WHO, fix)
    begun = time.monotonic()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is told below
            context = ray.init(address, allow_multiple=True, log_to_driver=False, logging_level=logging.ERROR)
    except ConnectionError as error:
        fix = f"give the head's port for clients, {_PORT}, not 6379 or 8265, and see that the head is not stopped"
        raise silent(address, _WHO, time.monotonic() - begun, fix) from error
    except RuntimeError as error:
        message = f"Ray cannot be used: {' '.join(str(error).split())}"
        fix = f"start its nodes with Ray {ray.__version__} and Python {platform.python_version()}, as here"
        raise BackendError.of("E069", f"--cluster {address}", message, fix) from error
    try:
        with context:
            yield ray
    except ConnectionError as error:
        raise gone(address, _WHO) from error
    finally:
        context.disconnect()


def _at(node: str, *, soft: bool = False) -> Any:
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(node_id=node, soft=soft)


def _other_versions(ray: Any, nodes: list[dict[str, Any]], wanted: Versions) -> SpearError | None:
    ask = ray.remote(num_cpus=0, max_retries=0)(asking_versions())
    asked = {_name(node["NodeID"], node["NodeManagerAddress"]): node["NodeID"] for node in nodes}
    answers = {name: ask.options(scheduling_strategy=_at(node)).remote() for name, node in asked.items()}
    return other_versions({name: ray.get(answer) for name, answer in answers.items()}, wanted)


def _too_small(nodes: list[dict[str, Any]], workload: Workload, address: str) -> SpearError | None:
    """Return the error where no node will ever hold a piece: Ray would wait for one."""
    sizes = [(node["Resources"].get("CPU", 0), node["Resources"].get("memory", 0)) for node in nodes]
    if any(cores >= workload.threads and memory >= workload.memory for cores, memory in sizes):
        return None
    needed = f"{workload.threads} CPUs and {bytes_as_text(workload.memory)}"
    found = "; ".join(f"{int(cores)} CPUs and {bytes_as_text(int(memory))}" for cores, memory in sizes)
    fix = "give fewer --threads or less --memory, or start larger nodes"
    return BackendError.of("E069", f"--cluster {address}", f"no node has {needed}, for one point: {found}", fix)


def _name(node: str, address: str) -> str:
    """Return what a node is called in messages: several may have one address."""
    return f"{address} (node {node[:8]})"


class _Nodes:
    """The nodes of a cluster: a crew that takes all pieces at once, and lets Ray schedule them."""

    def __init__(self, ray: Any, workload: Workload, versions: Versions, head: str) -> None:
        self.room = len(workload.pieces)
        self._ray, self._workload, self._versions = ray, workload, versions
        options = {"num_cpus": workload.threads, "memory": workload.memory, "max_retries": 0}
        self._carry_out = ray.remote(**options)(_on_node)
        # The head cannot be lost without the cluster, nor can what was told then; elsewhere some lines may be.
        mailbox = ray.remote(num_cpus=0, max_restarts=-1)(_Mailbox)
        self._mailbox = mailbox.options(scheduling_strategy=_at(head, soft=True)).remote()
        self._shared: dict[str, Any] = {}
        self._pieces: dict[str, _Piece] = {}

    def begin(self, name: str, item: tuple[str, Any]) -> _Piece:
        """Submit a piece."""
        key, _ = item
        if key not in self._shared:
            self._shared[key] = self._ray.put(packed(self._workload.shared[key]))
        number = f"{name} {len(self._pieces)}"
        given = sent(self._workload, name, self._versions), self._shared[key], number
        answer = self._carry_out.remote(*given, self._mailbox)
        self._pieces[number] = _Piece(self._ray, self._workload, name, answer)
        return self._pieces[number]

    def listen(self, running: Collection[_Piece]) -> None:
        """Wait a moment, or until a piece has ended; collect the messages so far."""
        from ray.exceptions import RayActorError

        ready, _ = self._ray.wait([piece.answer for piece in running], timeout=_TICK)
        for piece in running:
            piece.has_ended = piece.answer in ready
        with suppress(RayActorError):  # begun anew: what it held is lost
            for number, kind, message in self._ray.get(self._mailbox.take.remote()):
                self._pieces[number].hear(kind, message)

    def end(self, running: Collection[_Piece]) -> None:
        """Cancel what still runs, and wait until each node has ended its process."""
        answers = [piece.answer for piece in running]
        for answer in answers:
            self._ray.cancel(answer)
        if answers:
            self._ray.wait(answers, num_returns=len(answers), timeout=_GRACE)


class _Piece:
    """A piece that Ray runs, once: Ray does not start it again."""

    def __init__(self, ray: Any, workload: Workload, name: str, answer: Any) -> None:
        self.answer = answer
        self.has_ended = False
        self._ray, self._workload, self._name = ray, workload, name
        self._told: deque[Any] = deque()
        self._node = "its node"

    def hear(self, kind: str, message: Any) -> None:
        """Take in what its node has said."""
        if kind == BEGUN:
            self._node = message
        else:
            self._told.append(message)

    def messages(self) -> list[Any]:
        """Return its messages since the last call."""
        found = list(self._told)
        self._told.clear()
        return found

    def ended(self) -> bool:
        """Whether there is a result, or its node or process is lost."""
        return self.has_ended

    def result(self) -> Any:
        """Return the result once its files are in place."""
        from ray.exceptions import RayError, RayTaskError

        try:
            returned: Returned = self._ray.get(self.answer)
        except RayTaskError:
            raise
        except RayError:
            return Lost(f"the loss of {self._node}")
        return taken(self._workload, self._name, returned)


# What follows runs in the nodes.


class _Mailbox:
    """An actor that keeps the messages of the pieces until the caller takes them."""

    def __init__(self) -> None:
        self._held: list[tuple[str, str, Any]] = []

    def put(self, number: str, kind: str, message: Any) -> None:
        """Keep a message of a piece."""
        self._held.append((number, kind, message))

    def take(self) -> list[tuple[str, str, Any]]:
        """Return what came since, in the order it came."""
        found, self._held = self._held, []
        return found


def _on_node(piece: Sent, shared: bytes, number: str, mailbox: Any) -> Returned:
    import ray
    from ray.exceptions import RayActorError

    node = _name(ray.get_runtime_context().get_node_id(), ray.util.get_node_ip_address())
    put = [mailbox.put.remote(number, BEGUN, node)]

    def tell(message: Any) -> None:
        put[0] = mailbox.put.remote(number, TOLD, message)

    returned = carry_out_here(piece, shared, node, tell, lambda: True)  # Ray interrupts what it cancels
    with suppress(RayActorError):
        ray.get(put[0])  # all is told before the result is there
    return returned
