"""A Ray cluster of a head without CPUs and two nodes of one each, for as long as standard input is open.

    python ray_nodes.py          prints the address for clients, then a line for each that it reads

``kill`` kills a node that carries out a piece, with all its processes; ``add`` starts another; ``busy`` asks whether
there is one.
"""

from __future__ import annotations

import socket
import sys

from ray.cluster_utils import Cluster

from tests.clusters.sweeps import pieces_of


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def at_work(node: object) -> bool:
    """Whether a piece has a process below one of a node's."""
    started = [info.process.pid for kind in node.all_processes.values() for info in kind]  # type: ignore[attr-defined]
    return any(pieces_of(pid) for pid in started)


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    port = free_port()
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "ray_client_server_port": port})
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    say(f"ray://127.0.0.1:{port}")
    for line in sys.stdin:
        busy = next((node for node in nodes if at_work(node)), None)
        if line.strip() == "add":
            nodes.append(cluster.add_node(num_cpus=1))
            say("added")
        elif busy is None:
            say("idle")
        elif line.strip() == "kill":
            nodes.remove(busy)
            cluster.remove_node(busy, allow_graceful=False)
            say("killed")
        else:
            say("busy")
    cluster.shutdown()


if __name__ == "__main__":
    main()
