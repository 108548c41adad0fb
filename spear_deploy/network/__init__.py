"""The float network: neurons, linear operations, graph, and the units that are pruned together."""

from spear_deploy.network.graph import Input, Network, Population, Projection
from spear_deploy.network.names import writable_name
from spear_deploy.network.neuron import Neuron, identity_readout
from spear_deploy.network.ops import AvgPool2d, Conv2d, Flatten, Linear, LinearOp, Scale, ShapeError, SumPool2d

__all__ = [
    "AvgPool2d",
    "Conv2d",
    "Flatten",
    "Input",
    "Linear",
    "LinearOp",
    "Network",
    "Neuron",
    "Population",
    "Projection",
    "Scale",
    "ShapeError",
    "SumPool2d",
    "identity_readout",
    "writable_name",
]
