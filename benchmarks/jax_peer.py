"""A float network as one compiled scan of JAX's: what its child process runs (benchmarks/peers.py), with JAX alone.

    python benchmarks/jax_peer.py NETWORK.npz

The file holds the network (JSON), the weights by place and the input spikes.  Each line on stdin runs all of it once;
the answer is the seconds that this took.  The first one compiles.
"""

from __future__ import annotations

import json
import sys
import time

import jax
import numpy as np
from jax import lax
from jax import numpy as jnp


def operate(op, weight, x):
    """Apply an operation to a batch, channels last."""
    if op["kind"] == "Conv2d":
        padding = [(p, p) for p in op["padding"]]
        layout = ("NHWC", "HWIO", "NHWC")
        groups = {"feature_group_count": op["groups"]}
        return lax.conv_general_dilated(x, weight, op["stride"], padding, dimension_numbers=layout, **groups)
    if op["kind"] == "Linear":
        return x @ weight
    if op["kind"] == "Flatten":
        return x.transpose(0, 3, 1, 2).reshape(len(x), -1)
    kernel, stride = (1, *op["kernel"], 1), (1, *op["stride"], 1)
    return lax.reduce_window(x, 0.0, lax.add, kernel, stride, "VALID") / (kernel[1] * kernel[2])


def compiled(network, weights):
    """Return the jitted run: spikes (T, B, ...) to the output's counts."""
    into = {name: [p for p in network["projections"] if p["target"] == name] for name, _ in network["populations"]}

    def step(state, x):
        before, membranes = state
        sent, after = {network["input"]: x}, {}
        for name, _ in network["populations"]:
            total = 0.0
            for projection in into[name]:
                y = (before if projection["delay"] else sent)[projection["source"]]
                for op in projection["ops"]:
                    y = operate(op, weights.get(op.get("weight")), y)
                total = total + y
            v = network["beta"] * membranes[name] + total
            sent[name] = (v > 1.0).astype(jnp.float32)
            after[name] = jnp.where(v > 1.0, 0.0, v)
        del sent[network["input"]]
        return (sent, after), sent[network["output"]]

    @jax.jit
    def run(x):
        x = x.astype(jnp.float32)
        zeros = {name: jnp.zeros((x.shape[1], *shape)) for name, shape in network["populations"]}
        (_, _), spikes = lax.scan(step, (zeros, zeros), x)
        return spikes.sum(axis=0)

    return run


def main() -> None:
    """Answer every line with the seconds of one run."""
    with np.load(sys.argv[1], allow_pickle=False) as file:
        network = json.loads(str(file["network"]))
        x = jnp.asarray(file["x"])
        weights = {name: jnp.asarray(file[name]) for name in file.files if name.startswith("w")}
    run = compiled(network, weights)
    for _ in sys.stdin:
        start = time.perf_counter()
        run(x).block_until_ready()
        print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main()
