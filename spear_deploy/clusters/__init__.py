"""Clusters: other machines that carry out pieces of work, found by the scheme of their address.

A new one is a file and a line in this table.
"""

from __future__ import annotations

from spear_deploy.clusters.protocol import Cluster
from spear_deploy.errors import InputError
from spear_deploy.registry import Registry

__all__ = ["CLUSTERS", "Cluster", "cluster_at"]

CLUSTERS: Registry[Cluster] = Registry(
    "cluster",
    {
        "dask": "spear_deploy.clusters.dask:DASK",
        "ray": "spear_deploy.clusters.ray:RAY",
        "tcp": "spear_deploy.clusters.dask:DASK",
    },
    group="spear_deploy.clusters",
)
"""What carries out pieces of work elsewhere, by the scheme of its addresses."""


def cluster_at(address: str) -> Cluster:
    """Return the kind of cluster of an address, such as ``tcp://host:8786``, without connecting to it.

    Raises :class:`InputError`: E007 for an address that names no scheme or no place, E008 for a scheme that there is
    not.
    """
    scheme, separator, place = str(address).partition("://")
    if not scheme or not separator or not place:
        message = "is not an address of a cluster"
        fix = "give tcp://HOST:8786 for a scheduler of Dask, ray://HOST:10001 for the head of a Ray cluster"
        raise InputError.of("E007", f"--cluster {address!r}", message, fix)
    return CLUSTERS.get(scheme)
