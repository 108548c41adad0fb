"""Builds a program's layer of xylosim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from xylosim import v2

from spear_deploy_xylo.program import IntArray, Population, Program


@dataclass(frozen=True)
class Layer:
    """A layer, and the ``synapses`` that it points to without owning them: dropped, it would crash."""

    layer: Any
    synapses: list[list[list[Any]]]


def build(program: Program) -> Layer:
    """Return a program's layer; weights of 0 are no synapses."""
    into, recurrent, out = (_synapses(program, kind) for kind in ("input", "recurrent", "output"))
    hidden, outputs = program.hidden, program.outputs
    layer = v2.XyloLayer(
        synapses_in=into,
        synapses_rec=recurrent,
        synapses_out=out,
        aliases=[[] for _ in recurrent],
        threshold=_joined(hidden, "threshold"),
        threshold_out=_joined(outputs, "threshold"),
        has_bias=True,
        bias=_joined(hidden, "bias"),
        bias_out=_joined(outputs, "bias"),
        weight_shift_inp=program.shifts["input"],
        weight_shift_rec=program.shifts["recurrent"],
        weight_shift_out=program.shifts["output"],
        dash_mem=_joined(hidden, "dash_mem"),
        dash_mem_out=_joined(outputs, "dash_mem"),
        dash_syns=[[dash] for dash in _joined(hidden, "dash_syn")],
        dash_syns_out=[[dash] for dash in _joined(outputs, "dash_syn")],
        name="spear-deploy",
    )
    return Layer(layer, [into, recurrent, out])


def _joined(populations: Sequence[Population], register: str) -> list[int]:
    return [int(value) for population in populations for value in population.registers[register]]


def _synapses(program: Program, kind: str) -> list[list[Any]]:
    """Return the synapses of each source of one kind: inputs, or hidden neurons to hidden or output neurons."""
    sources = dict(program.inputs) if kind == "input" else {p.name: p.size for p in program.hidden}
    targets = {p.name: p.size for p in (program.outputs if kind == "output" else program.hidden)}
    weights: IntArray = np.zeros((sum(targets.values()), sum(sources.values())), np.int64)
    rows, columns = _starts(targets), _starts(sources)
    for each in program.projections:
        if each.source in columns and each.target in rows:
            top, left = rows[each.target], columns[each.source]
            weights[top : top + len(each.weight), left : left + each.weight.shape[1]] += each.weight
    return [[v2.XyloSynapse(int(n), 0, int(column[n])) for n in np.flatnonzero(column)] for column in weights.T]


def _starts(sizes: dict[str, int]) -> dict[str, int]:
    found, start = {}, 0
    for name, size in sizes.items():
        found[name] = start
        start += size
    return found
