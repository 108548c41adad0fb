"""Runs ``.net`` files on lava-dl's netx: ``run_netx.py FOLDER``.

For an interpreter with lava-nc 0.10.0, lava-dl 0.6.0 (``pip install --no-deps``) and h5py.  Beside every
``NAME.net`` lies ``NAME.npz`` with the input ``x`` (\\*shape, steps) in netx's layout, ``message_bits`` and
``reset_interval``; what the last layer sends is written to ``NAME.npy``, (\\*shape, steps).
"""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np


def import_network() -> Any:
    """Import ``netx.hdf5.Network`` without torch.

    Only the training side of lava-dl uses it, but netx imports that.  The stand-ins stay in place, since
    Lava's compiler imports the modules beside a process again.
    """
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
    """Run one file for all steps of its input; ``network`` is netx's class."""
    from lava.magma.core.run_conditions import RunSteps
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.proc.io.sink import RingBuffer as Sink
    from lava.proc.io.source import RingBuffer as Source

    with np.load(path.with_suffix(".npz")) as given:
        x, message_bits, reset_interval = given["x"], int(given["message_bits"]), int(given["reset_interval"])
    net = network(str(path), input_message_bits=message_bits, reset_interval=reset_interval, reset_offset=1)
    source, sink = Source(data=x), Sink(shape=net.out.shape, buffer=x.shape[-1])
    source.s_out.connect(net.inp)
    net.out.connect(sink.a_in)
    net.run(condition=RunSteps(num_steps=x.shape[-1]), run_cfg=Loihi2SimCfg(select_tag="fixed_pt"))
    np.save(path.with_suffix(".npy"), sink.data.get())
    net.stop()


if __name__ == "__main__":
    netx_network = import_network()
    for net_file in sorted(Path(sys.argv[1]).glob("*.net")):
        run(net_file, netx_network)
