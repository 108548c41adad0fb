"""Runs ``.net`` files on lava-dl's netx: ``run_netx.py FOLDER``.

For the Lava backend's interpreter, with lava-dl 0.6.0 (``pip install --no-deps``) on its path.  Beside every
``NAME.net`` lies ``NAME.npz`` in netx's layout, axes reversed: the input ``x`` (\\*shape, steps) of a file whose
input layer has no neurons, else their ``bias`` (\\*shape); the number of ``steps``; ``layers``, how many to load, or 0;
``message_bits`` and ``reset_interval``.  What the last layer did is written to ``NAME.out.npz``: ``spikes``
(\\*shape, steps) and its last ``v`` (\\*shape).
"""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from spear_deploy_lava import compat


def import_network() -> Any:
    """Import ``netx.hdf5.Network`` without torch.

    Only the training side of lava-dl uses it, but netx imports that.  The stand-ins stay in place, since
    Lava's compiler imports the modules beside a process again.
    """
    compat.import_lava()
    netx = str(importlib.metadata.distribution("lava-dl").locate_file("lava/lib/dl/netx"))
    stand_ins: dict[str, dict[str, Any]] = {
        "torch": {"tensor": object, "is_tensor": lambda value: False},
        "lava.lib.dl.netx": {"__path__": [netx]},
        "lava.lib.dl.slayer": {"__path__": []},
        "lava.lib.dl.slayer.neuron": {"__path__": []},
        "lava.lib.dl.slayer.neuron.rf": {"neuron_params": None},
    }
    for name, attributes in stand_ins.items():
        module = ModuleType(name)
        vars(module).update(attributes)
        sys.modules[name] = module
    return importlib.import_module("lava.lib.dl.netx.hdf5").Network


def run(path: Path, network: Any) -> None:
    """Run one file; ``network`` is netx's class."""
    from lava.magma.core.run_conditions import RunSteps
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.proc.io.sink import RingBuffer as Sink
    from lava.proc.io.source import RingBuffer as Source

    with np.load(path.with_suffix(".npz")) as stored:
        given = dict(stored)
    net = network(
        str(path),
        num_layers=int(given["layers"]) or None,
        input_message_bits=int(given["message_bits"]),
        reset_interval=int(given["reset_interval"]),
        reset_offset=int("x" in given),  # input neurons are the first to integrate, else the first synapses' targets
    )
    if "x" in given:
        source = Source(data=given["x"])
        source.s_out.connect(net.inp)
    else:
        net.in_layer.neuron.bias_mant.init = given["bias"]
    sink = Sink(shape=net.out.shape, buffer=int(given["steps"]))
    net.out.connect(sink.a_in)
    net.run(condition=RunSteps(num_steps=int(given["steps"])), run_cfg=Loihi2SimCfg(select_tag="fixed_pt"))
    np.savez(path.with_suffix(".out.npz"), spikes=sink.data.get(), v=net.out_layer.neuron.v.get())
    net.stop()


if __name__ == "__main__":
    netx_network = import_network()
    for net_file in sorted(Path(sys.argv[1]).glob("*.net")):
        run(net_file, netx_network)
