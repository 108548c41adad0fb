"""What Xylo's integers mean: weights and membranes in the float network's units."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spear_deploy.targets.grids import Grid, Grids
from spear_deploy.targets.xylo.layer import Layer
from spear_deploy.targets.xylo.program import XyloProgram
from spear_deploy.targets.xylo.registers import Registers


def grids_of(layers: Sequence[Layer], program: XyloProgram, registers: Registers) -> Grids:
    """Return the grids of a program that was made of these layers."""
    weights, membranes = {}, {}
    for layer in layers:
        population = program.population(layer.name)
        step = 1.0 / population.scale
        membranes[layer.name] = Grid(step.reshape(population.shape), program.arithmetic.limit)
        for each in layer.incoming:
            of_weight = np.ldexp(step / layer.gain, program.shift_of(each))
            weights[each.name] = Grid(of_weight[:, None], registers.max_mantissa)
    return Grids(weights, membranes)
