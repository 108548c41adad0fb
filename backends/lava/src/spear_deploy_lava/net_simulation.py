"""Runs a ``.net`` file on netx, in the process that Lava's processes are forked from.

Imports Lava: only for processes in which :func:`spear_deploy_lava.compat.import_lava` was called.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from lava.magma.core.process.process import AbstractProcess

from spear_deploy_lava import layout
from spear_deploy_lava.errors import BadInputError
from spear_deploy_lava.inputs import IntArray, read_ports
from spear_deploy_lava.job import Job
from spear_deploy_lava.net_file import Chain, Layer, read_net
from spear_deploy_lava.netx import import_network
from spear_deploy_lava.output import run_attributes, write_output
from spear_deploy_lava.processes.sink import Sink
from spear_deploy_lava.processes.source import DataSource
from spear_deploy_lava.records import shared_array
from spear_deploy_lava.runtime import advance, start, stop

Record = npt.NDArray[np.uint8]


def simulate(job: Job, clock: npt.NDArray[np.int64]) -> None:
    """Run ``job`` and write its output file: ``spikes/<k>`` of the layers with neurons, k counting them from 0.

    All samples run in one network if a periodic reset keeps them apart; otherwise each has a network of its own,
    since no reset clears the spikes that are on their way.  ``clock`` is in shared memory: the steps done, and the
    steps to do.  The Lava processes of the last network end with this process.

    Raises :class:`~spear_deploy_lava.errors.BadInputError` and :class:`~spear_deploy_lava.runtime.ModelError`.
    """
    started = time.perf_counter()
    network = import_network()
    chain = read_net(Path(job.network), job.max_value)
    inputs = read_ports(Path(job.input), [chain.port])
    total = inputs.samples * inputs.steps
    stream = layout.to_lava(inputs.values[chain.port.name], leading=2)
    records = [_record(layer, total) for layer in chain.layers]
    builder = _Builder(network, job, inputs.steps, stream.reshape(total, *stream.shape[2:]), records, clock)
    seconds_run = _run(builder, chain, inputs.steps if chain.remembers else total)
    attributes = run_attributes(int(clock[1]), time.perf_counter() - started, seconds_run)
    with_neurons = (record for record in records if record is not None)
    spikes = {str(index): record.reshape(*stream.shape[:2], -1) for index, record in enumerate(with_neurons)}
    write_output(
        Path(job.output),
        {"spikes": spikes, "potentials": {}},
        {**attributes, "lava_dl_version": version("lava-dl")},
    )


@dataclass(frozen=True)
class _Builder:
    """Builds networks for parts of ``stream``, (total steps, *shape of netx), that record into a part of ``records``.

    ``network`` is netx's class; ``interval`` are the steps of a sample.  ``records`` has None for a layer without
    neurons.
    """

    network: Any
    job: Job
    interval: int
    stream: IntArray
    records: list[Record | None]
    clock: npt.NDArray[np.int64]

    def build(self, part: slice, done: int) -> AbstractProcess:
        """Return the source of a network, which counts its steps on from those ``done``."""
        loaded = self._load()
        source = DataSource(data=self.stream[part], clock=self.clock, done=done)
        source.s_out.connect(loaded.inp)
        for level, (layer, record) in enumerate(zip(loaded.layers, self.records, strict=True), start=1):
            if record is not None:
                sink = Sink(shape=layer.shape, record=record[part], level=level)
                layer.out.connect(sink.a_in)
        return source

    def _load(self) -> Any:
        """Let netx load the file; layer k, k steps behind the input, is reset before the first step that reaches it."""
        largest = self.job.max_value
        try:
            return self.network(
                self.job.network,
                input_message_bits=largest.bit_length() if largest > 1 else 0,
                reset_interval=self.interval,
                reset_offset=1,  # the input, which has no neurons, is not among the layers that netx counts
            )
        except Exception as error:  # there is no telling what it raises
            message = f"{self.job.network}: netx cannot load it: {type(error).__name__}: {error}"
            raise BadInputError(message) from error


def _run(builder: _Builder, chain: Chain, length: int) -> float:
    """Run the stream in parts of ``length`` steps, each in a new network; return the seconds in which steps ran."""
    total, lag = len(builder.stream), len(chain.layers)
    builder.clock[1] = total // length * (length + lag)
    seconds = 0.0
    for begin in range(0, total, length):
        anchor = builder.build(slice(begin, begin + length), done=begin // length * (length + lag))
        start(anchor)
        running = time.perf_counter()
        advance(anchor, length + lag)
        seconds += time.perf_counter() - running
        if begin + length < total:
            stop(anchor)
    return seconds


def _record(layer: Layer, steps: int) -> Record | None:
    return shared_array((steps, (layer.size + 7) // 8), np.uint8) if layer.has_neurons else None
