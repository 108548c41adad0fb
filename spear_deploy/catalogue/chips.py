"""Errors of single chip families: what a Xylo (E07x), a Speck (E08x) or a checked chip (E09x) does not have."""

from __future__ import annotations

CHIPS: dict[str, tuple[str, str]] = {
    "E070": (
        "synaptic current missing",
        (
            "A Xylo neuron always has a synaptic current: an input decays once before it reaches the membrane, and\n"
            "a current that keeps nothing of itself would deliver nothing. A LIF without one cannot be expressed\n"
            "with such neurons. --adapt gives it the shortest current and fine-tunes it."
        ),
    ),
    "E071": (
        "trained with one spike a step",
        (
            "The network was trained with one spike a step; the chip's neuron fires once for each threshold that\n"
            "its membrane holds. On samples, more bins than allowed hold two or more thresholds: such networks,\n"
            "recurrent ones above all, run away (99 % accuracy became 29 to 90 %). --adapt trains it under the\n"
            "chip's rule."
        ),
    ),
    "E072": (
        "synapses that are not a matrix",
        "The chip has a synapse for each pair of neurons, and no kernels that are shared over a map.",
    ),
    "E073": (
        "delays the chip does not have",
        (
            "A spike takes no step from an input and one step from a neuron, whatever the network says. Paths that\n"
            "join must be equally long, and loops as slow as the chip's."
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
        (
            "sinabs accepts, places and simulates them, but the configuration it would load on a Speck has neither.\n"
            "So they are refused."
        ),
    ),
    "E083": ("map that the chip does not address", "A map has more cells a side than the chip addresses."),
    "E084": (
        "too many destinations",
        "A core sends to only a few others; sinabs does not check this.",
    ),
    "E085": (
        "parameters that differ within a layer",
        "A core has one threshold, one lower limit and one kernel; biases are per channel.",
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
            "Each layer must fit on one core. The message says which memory it exceeds, on the nearest core, and\n"
            "the smallest single change that makes it fit. Pruning may cure it: deploy searches for what fits."
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
    "E090": (
        "chip that is checked, not emulated",
        (
            "For some chips only limits are known here: there are rules and a count of cores, but no program, and\n"
            "nothing is run. inspect MODEL --chip NAME checks a network, and inspect MODEL --chip all compares it\n"
            "on all chips; deploy, compile, sweep and lower need a chip that the list of chips marks as emulated."
        ),
    ),
    "E091": (
        "fan-in beyond the chip's",
        "A neuron has more synapses than one of the chip's can have; the message says how many neurons, and how many.",
    ),
    "E092": (
        "neuron that feeds too many cores",
        (
            "If a layer takes several cores, each spike has to reach all of them, and the chip's neuron sends to\n"
            "only a few. Intermediate populations that repeat the spikes (splitters) cost neurons, and a step each."
        ),
    ),
    "E093": (
        "neuron or output the chip does not have",
        "The message names the kind of neuron, reset, number of spikes a step or output, and which the chip has.",
    ),
    "E094": (
        "more different weights than a neuron has",
        (
            "A neuron of TrueNorth has one weight for each of four types of axons. The weights of other networks\n"
            "are rounded to the chip's bits and counted; only training for it makes them few enough."
        ),
    ),
    "E095": (
        "kernel, loop or delay beyond the chip",
        "A kernel, stride, matrix, loop or delay that the chip does not have; the message gives value and limit.",
    ),
    "E096": (
        "weights beyond the chip's memory",
        "The weights alone need more bytes than the memory that they share; those of a kernel count once.",
    ),
    "E097": (
        "network that no chip takes",
        (
            "inspect --chip all checked the network against every chip, and none takes it unchanged. The table says\n"
            "which take it with their own neurons (--adapt), which have too few published figures, and what is in\n"
            "the way."
        ),
    ),
}
"""Code to title and explanation."""
