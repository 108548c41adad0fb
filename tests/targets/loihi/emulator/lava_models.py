"""Runs programs on Lava's own process models, all in this one process: ``lava_models.py FOLDER``.

For an interpreter of the Lava backend's environment.  Every subfolder of FOLDER that holds a ``program.h5``
and an ``input.h5`` gets an ``output.h5`` as the backend's runs write it, final states included.

The processes are those that the backend builds.  Their models are constructed by Lava's own builder, but run in
threads and are joined by queues, instead of operating-system processes and channels: nothing is compiled, forked or
shared.  Each thread goes through all steps by itself and waits for nothing but messages, so the order in which
threads happen to run changes no message (a Kahn network), with loops as without.
"""

# ruff: noqa: E402 - on Python 3.11 and later Lava can be imported only after the call of import_lava

from __future__ import annotations

import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
from spear_deploy_lava import compat, layout

compat.import_lava()

from lava.magma.compiler.builders.py_builder import PyProcessBuilder
from lava.magma.compiler.channel_map import ChannelMap
from lava.magma.compiler.compiler_graphs import find_processes
from lava.magma.compiler.subcompilers.py.pyproc_compiler import PyProcCompiler
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.process.ports.ports import create_port_id
from lava.magma.core.process.process import AbstractProcess
from lava.proc.conv.models import PyConvModelFixed
from lava.proc.conv.process import Conv
from lava.proc.dense.models import PyDenseModelBitAcc
from lava.proc.dense.process import Dense
from lava.proc.lif.models import PyLifResetModelBitAcc
from lava.proc.lif.process import LIFReset
from spear_deploy_lava.inputs import Inputs
from spear_deploy_lava.network import build
from spear_deploy_lava.processes.late_lif import LateLIF, PyLateLIF
from spear_deploy_lava.processes.late_subtracting_lif import LateSubtractingLIF, PyLateSubtractingLIF
from spear_deploy_lava.processes.readout import PyReadout, Readout
from spear_deploy_lava.processes.relay import PyRelay, Relay
from spear_deploy_lava.processes.silence import PySilence, Silence
from spear_deploy_lava.processes.sink import PySink, Sink
from spear_deploy_lava.processes.source import DataSource, PyDataSource
from spear_deploy_lava.processes.subtracting_lif import PySubtractingLIF, SubtractingLIF
from spear_deploy_lava.processes.wide_conv import PyWideConv, WideConv
from spear_deploy_lava.program import Program, read_inputs, read_program

MODELS = {
    Conv: PyConvModelFixed,
    Dense: PyDenseModelBitAcc,
    LIFReset: PyLifResetModelBitAcc,
    DataSource: PyDataSource,
    LateLIF: PyLateLIF,
    LateSubtractingLIF: PyLateSubtractingLIF,
    Readout: PyReadout,
    Relay: PyRelay,
    Silence: PySilence,
    Sink: PySink,
    SubtractingLIF: PySubtractingLIF,
    WideConv: PyWideConv,
}
"""The model of each process that the backend uses: the first three are Lava's, the others the backend's."""

PATIENCE = 60.0
"""Seconds after which a model that still waits for a message will never get it."""

State = tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]


@dataclass(frozen=True, eq=False)
class End:
    """One end of a connection; what is sent at one end is received at the other."""

    name: str
    queue: SimpleQueue[npt.NDArray[np.int32]]

    def send(self, data: npt.NDArray[Any]) -> None:
        """Append a message; like Lava's channels, it is a copy in 32 bits."""
        self.queue.put(np.array(data, np.int32))

    def recv(self) -> npt.NDArray[np.int32]:
        """Take the oldest message; wait for it."""
        return self.queue.get(timeout=PATIENCE)


def run(folder: Path) -> None:
    """Run ``folder/program.h5`` on ``folder/input.h5``; write ``folder/output.h5``."""
    program = read_program(folder / "program.h5")
    inputs = read_inputs(folder / "input.h5", program)
    network = build(program, inputs, np.zeros(1, np.int64))
    models = _models(find_processes(network.anchor))
    last_step = inputs.samples * inputs.steps
    names = {process: name for name, process in network.neurons.items()}
    states: dict[str, State] = {}

    def go(process: AbstractProcess, model: PyLoihiProcessModel) -> None:
        name = names.get(process)
        end = last_step + program.populations[name].level if name else 0
        for step in range(1, last_step + program.depth + 1):
            model.time_step = step
            model.run_spk()
            if name and step == end:
                states[name] = layout.flat(model.u).copy(), layout.flat(model.v).copy()

    with ThreadPoolExecutor(len(models)) as pool:
        for ended in as_completed([pool.submit(go, *item) for item in models.items()]):
            ended.result()
    _write(folder / "output.h5", program, inputs, network.records, states)


def _models(processes: list[AbstractProcess]) -> dict[AbstractProcess, PyLoihiProcessModel]:
    """Construct the model of every process with Lava's builder, and join them."""
    for process in processes:
        process._model_class = MODELS[type(process)]
    channels = ChannelMap.from_proc_groups([processes])
    builders, _ = PyProcCompiler(processes, {"pypy_channel_size": 1}).get_builders(channels)
    for process in processes:
        for port in process.out_ports:
            for target in port.get_dst_ports():
                _join(port, builders[process], target, builders[target.process])
    return {process: builders[process].build() for process in processes}


def _join(source: Any, sender: PyProcessBuilder, target: Any, receiver: PyProcessBuilder) -> None:
    """Join an output port to an input port, as Lava's runtime does with a channel."""
    queue: SimpleQueue[npt.NDArray[np.int32]] = SimpleQueue()
    sender.set_csp_ports([End(source.name, queue)])
    end = End(target.name, queue)
    receiver.set_csp_ports([end])
    receiver.add_csp_port_mapping(create_port_id(source.process.id, source.name), end)


def _write(
    path: Path, program: Program, inputs: Inputs, records: Mapping[str, npt.NDArray[Any]], states: Mapping[str, State]
) -> None:
    groups = {"lif": "spikes", "readout": "potentials"}
    with h5py.File(path, "w") as file:
        for name, record in records.items():
            group = groups[program.populations[name].kind]
            file[f"{group}/{name}"] = record.reshape(inputs.samples, inputs.steps, -1)
        for name, (u, v) in states.items():
            file[f"final/{name}/u"] = u
            file[f"final/{name}/v"] = v


if __name__ == "__main__":
    for program_file in sorted(Path(sys.argv[1]).glob("*/program.h5")):
        run(program_file.parent)
