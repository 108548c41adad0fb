"""Errors of single chip families: what a Xylo (E07x) or a Speck (E08x) does not have."""

from __future__ import annotations

CHIPS: dict[str, tuple[str, str]] = {
    "E070": (
        "synaptic current missing",
        (
            "A Xylo neuron always has a synaptic current: what arrives decays once before it reaches the membrane,\n"
            "and a current that keeps nothing of itself would deliver nothing. A LIF without one cannot be written in\n"
            "such neurons. --adapt gives it the shortest current and fine-tunes it."
        ),
    ),
    "E071": (
        "trained with one spike a step",
        (
            "The network was trained with one spike a step; the chip's neuron fires once for each threshold that its\n"
            "membrane holds. On samples, more bins than allowed hold two thresholds or more: such networks, recurrent\n"
            "ones above all, run away (99 % of accuracy became 29 to 90 %). --adapt trains it under the chip's rule."
        ),
    ),
    "E072": (
        "synapses that are no matrix",
        "The chip has a synapse for each pair of neurons, and no kernels that are shared over a map.",
    ),
    "E073": (
        "delays the chip does not have",
        (
            "A spike takes no step from an input and one step from a neuron, whatever the network says. Paths that\n"
            "join have to be equally long, and loops as slow as the chip's."
        ),
    ),
    "E074": (
        "ends that the chip does not have",
        "More inputs or outputs than the chip has, or an output that is not a neuron behind hidden ones.",
    ),
    "E080": (
        "layer that the chip does not have",
        (
            "A layer of Speck is pooling, one convolution or matrix, and integrate-and-fire neurons. There are no\n"
            "delays and no loops: an event arrives at once, and loops may lock the chip up."
        ),
    ),
    "E081": (
        "kernel or channels beyond a core",
        "A kernel, stride, padding, pooling or number of channels that no core has; the message gives value and limit.",
    ),
    "E082": (
        "groups or dilation",
        "sinabs accepts, places and simulates them; what it would load on a Speck has neither. So they are refused.",
    ),
    "E083": ("map that the chip does not address", "A map has more cells a side than the chip addresses."),
    "E084": ("too many destinations", "A core sends to few others; sinabs does not count them."),
    "E085": (
        "parameters that differ within a layer",
        "A core has one threshold, one lower limit and one kernel; biases are those of channels.",
    ),
    "E086": (
        "neuron that the chip does not have",
        (
            "Speck's neuron integrates and fires: no leak, no synaptic current, no readout that never fires.\n"
            "--adapt gives the network such neurons and fine-tunes it; a readout has to be trained to fire."
        ),
    ),
    "E087": (
        "layer that no core can hold",
        (
            "A layer lies whole on one core. The message says which memory it exceeds, on the core that comes\n"
            "nearest, and the smallest single change that makes it fit. Pruning may cure it: deploy searches what\n"
            "fits."
        ),
    ),
    "E088": (
        "layers that compete for cores",
        (
            "Each layer fits a core, but there are not enough such cores for all. The message names the layers, their\n"
            "needs and the smallest single change after which all fit. deploy searches among what fits."
        ),
    ),
    "E089": (
        "program that sinabs cannot build",
        "sinabs fails on some networks that the chip can hold; the message says which. The emulators run them.",
    ),
}
"""Code to title and explanation."""
