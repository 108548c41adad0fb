"""Runs ``.net`` files of sigma-delta neurons on lava-dl's netx: ``run_netx_sigma_delta.py FOLDER``.

For the Lava backend's interpreter, with lava-dl 0.6.0 on its path.  Beside every ``NAME.net`` lies ``NAME.npz`` with
``x`` (\\*shape, steps) in netx's layout, axes reversed: integers for the encoder, or messages where the file has none.
What every layer sent is written to ``NAME.out.npz``, as ``0``, ``1``, ... (\\*shape, steps).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from spear_deploy_lava import compat


def run(path: Path, network: Any) -> None:
    """Run one file; ``network`` is netx's class."""
    from lava.magma.core.run_conditions import RunSteps
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.proc.io.sink import RingBuffer as Sink
    from lava.proc.io.source import RingBuffer as Source

    with np.load(path.with_suffix(".npz")) as stored:
        x = stored["x"]
    net, steps = network(str(path), input_message_bits=16), x.shape[-1]
    source = Source(data=x)
    has_encoder = type(net.in_layer).__name__ == "Input"
    source.s_out.connect(net.in_layer.neuron.a_in if has_encoder else net.inp)
    sinks = []
    for layer in net.layers:
        sinks.append(Sink(shape=layer.out.shape, buffer=steps))
        layer.out.connect(sinks[-1].a_in)
    source.run(condition=RunSteps(num_steps=steps), run_cfg=Loihi2SimCfg(select_tag="fixed_pt"))
    sent = {str(index): sink.data.get() for index, sink in enumerate(sinks)}
    source.stop()
    np.savez(path.with_suffix(".out.npz"), **sent)


if __name__ == "__main__":
    compat.import_lava()
    from spear_deploy_lava.netx import import_network

    for file in sorted(Path(sys.argv[1]).glob("*.net")):
        run(file, import_network())
