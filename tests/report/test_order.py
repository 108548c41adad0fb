"""Populations stand in one order in all tables: inputs, then that of execution, however a file lists them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spear_deploy.data import Dataset
from spear_deploy.decision import network_rule
from spear_deploy.measure.course import measure_course
from spear_deploy.measure.distributions import measure_distributions
from spear_deploy.measure.fidelity import measure_fidelity
from spear_deploy.measure.runs import measure_float, measure_program
from spear_deploy.network import Linear, Network, Population, Projection
from spear_deploy.report.fidelity import fidelity_data
from spear_deploy.report.inspection import activity_data, network_data, placement_data
from spear_deploy.targets import InputRange, LoweringOptions, compiler_for, load_chip


def _branched(network: Network) -> Network:
    """The tiny network with a branch beside its second layer, listed from its output on."""
    aside = Population("aside", (8,), network["hidden2"].neuron)
    weights = {("hidden1", "aside"): (8, 10), ("aside", "output"): (3, 8)}
    branch = [
        Projection("_".join(ends), *ends, (Linear(np.full(shape, 0.1, "f4")),)) for ends, shape in weights.items()
    ]
    listed = (*reversed(network.populations), aside)
    return replace(network, populations=listed, projections=(*branch, *reversed(network.projections)))


def test_all_tables_follow_the_order_of_execution(tiny_network: Network, tiny_data: Dataset) -> None:
    """Network, activity in float and on the chip, placement, fidelity and what is drawn."""
    network, rule = _branched(tiny_network), network_rule(tiny_network, None)
    lowered = compiler_for(load_chip("loihi2"), {"input": InputRange()}, LoweringOptions()).lower(network)
    program, test = lowered.program, tiny_data.test
    in_float, on_chip = measure_float(network, test), measure_program(program, test)
    fidelity = fidelity_data(measure_fidelity(network, lowered, test))
    tables = {
        "network": network_data(network),
        "float": activity_data(network, in_float, rule)["populations"],
        "chip": activity_data(program, on_chip, rule)["populations"],
        "placement": placement_data(lowered.placement)["populations"],
        "fidelity": fidelity["populations"],
    }
    names = {table: [row["name"] for row in rows] for table, rows in tables.items()}
    course = measure_course(network, lowered, test, rule)
    names["course"] = [each.name for each in course.populations]
    names["distributions"] = [each.name for each in measure_distributions(network, lowered, test)]
    wanted = {table: [name for name in _ordered(network) if name in found] for table, found in names.items()}
    assert names == wanted
    assert all(set(found) >= {"hidden1", "aside", "hidden2"} for found in names.values())


def _ordered(network: Network) -> list[str]:
    assert [each.name for each in network.populations] != list(network.order)
    return [each.name for each in (*network.inputs, *network.neurons)]
