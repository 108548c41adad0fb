"""Errors that do not depend on one chip family."""

from __future__ import annotations

ERRORS: dict[str, tuple[str, str]] = {
    "E030": (
        "reset the chip does not have",
        (
            "The chip's neuron, or that of the format to keep to, does not reset as the source's does.\n"
            "--adapt gives the network the chip's own neuron and fine-tunes it."
        ),
    ),
    "E031": ("several spikes a step", "The source's neuron emits spikes that the chip's does not. See --adapt."),
    "E032": ("lower bound of the membrane", "The source's neuron clips its membrane, the chip's does not."),
    "E033": ("input that the chip does not take", "The data hold values that the chip has no spikes for."),
    "E034": ("value outside a register", "A quantised value exceeds the register that holds it on the chip."),
    "E035": (
        "too many cores",
        (
            "The network does not fit on the cores of the chip. The fix names the one population that has to\n"
            "be narrowed least to make it fit, and to how many units, where one alone does."
        ),
    ),
    "E036": (
        "population that no core can hold",
        (
            "A single unit exceeds a core's memory, fan-in or fan-out. The fix names the one population that has\n"
            "to be narrowed least to mend it, and to how many units, where one alone does."
        ),
    ),
    "E037": (
        "projection too large to lower",
        "A projection that is neither a convolution nor one matrix would be composed to too large a dense matrix.",
    ),
    "E038": (
        "network that a .net file cannot hold",
        (
            "lava-dl's format is a chain of convolutions and dense layers of spiking neurons, which may be delayed or\n"
            "feed themselves, with 8-bit weights without exponent and biases in units of 64. Compile with --net\n"
            '(from Python: keep_to="net"). docs/netx.md lists the limits.'
        ),
    ),
    "E039": (
        "input that the program does not take",
        "A compiled program takes the range and kind of input that it was compiled with.",
    ),
    "E040": ("budget not met", "The evaluations are used up and the best network found is still beyond the budget."),
    "E041": ("budget out of reach", "Even the smallest network that the search may build exceeds the budget."),
    "E045": (
        "folder of another sweep",
        (
            "A sweep's folder is gone on with by --resume, with the same model, data, chip and options; budgets and\n"
            "seeds may be added. The message says what differs."
        ),
    ),
    "E046": (
        "no budget loses so little",
        (
            "Every point of the sweep loses more points of accuracy than --max-drop allows, judged on the validation\n"
            "samples, or misses a budget. All points and their bundles are there."
        ),
    ),
    "E047": (
        "worse than tolerated",
        "Of two reports that diff compares, a figure of the second is worse by more than its --tolerance.",
    ),
    "E048": (
        "code that gives nothing to take",
        (
            "import FILE.py:NAME and --data FILE.py:NAME run Python code in a process of its own and take what it\n"
            "calls NAME, or what a function of that name returns without arguments: a torch module, or data.\n"
            "The message has its own last words, or the time limit.  A module that is imported runs several steps,\n"
            "one a call: what its own code raises in one of them is told so too, from Python as well."
        ),
    ),
    "E049": (
        "project file that cannot be used",
        (
            "A project file is TOML whose keys are the options of deploy, by their names, without tables.\n"
            "All that is wrong with it is told at once, with the line."
        ),
    ),
    "E050": ("spikes differ", "Emulator and backend disagree; the first divergence is in the report."),
    "E051": (
        "golden spikes differ",
        "The imported network does not give the recorded spikes: the semantics are not those of the source.",
    ),
    "E052": (
        "import that differs from the module",
        (
            "The network imported from a module was run beside it on random input, and is not the same; nothing was\n"
            "written. The message names the layer, and step and neuron of the first divergence.\n"
            "- Spikes differ: forward does something between layers that was not followed, or the neuron is one's\n"
            "  own, or a framework's with changed code. Use the framework's neuron, and functions as layers.\n"
            "- States are kept from call to call: reset them in forward, or let it take one step a call.\n"
            "- A layer is never called, or nothing leads to it: call it in forward, or remove it from the module.\n"
            "- A layer does not fire, however strong its input, so that a comparison would show nothing: look at its\n"
            "  threshold and at weights that are all 0 or negative.\n"
            "- The same seed gives other spikes each time (dropout, noise): call eval() before."
        ),
    ),
    "E053": (
        "report that contradicts itself",
        (
            "What a report says of its budgets, its accuracy or its validation is not what its figures say, or it is\n"
            "of other files than the bundle beside it. No run writes such a report: somebody changed it."
        ),
    ),
    "E060": (
        "backend not installed",
        "The backend's environment does not exist. Run: spear-deploy backend install NAME",
    ),
    "E061": ("backend failed", "The backend's process ended with an error; its message is given."),
    "E062": ("backend timed out", "The backend did not finish within its time limit and was stopped."),
    "E063": ("backend cannot be installed", "No suitable Python was found, or the package installer failed."),
    "E064": (
        "optional dependency missing",
        (
            "Training and search need the extra search, graphs of the nir package the extra nir, folders of images\n"
            "the extra images, AEDAT4 recordings the extra events, sweep --cluster the extra dask or ray. The command\n"
            "in the message brings all of an extra at once. Live modules need their framework."
        ),
    ),
    "E065": (
        "plug-in that does not work",
        (
            "A target, method, backend or budget that another distribution brings cannot be loaded, or gives what its\n"
            "protocol does not allow. The message names it; docs/reference/entries.md says what is asked of one."
        ),
    ),
    "E066": (
        "network that collapses on the chip",
        (
            "The unpruned network in the chip's integers does not do what it does in float: a population falls\n"
            "silent, fewer than 90 % of the decisions are the same, or the accuracy falls by more than two standard\n"
            "errors. The message names the population that it comes from, and what was rounded or clipped there.\n"
            "Nothing was searched. --allow-loss goes on all the same; the finding is then a note in the report."
        ),
    ),
    "E067": (
        "search that a time limit ended",
        (
            "After --time-limit no training is begun or gone on with. What was measured by then was compared, and the\n"
            "best of it was delivered, bundle and report as after a whole search; the figures are measured as ever.\n"
            "It is a note in the report. A larger limit and --resume go on from the journal."
        ),
    ),
    "E068": (
        "point whose process was ended",
        (
            "With --jobs or --cluster each point of a sweep has a process of its own. One was ended before its point\n"
            "was done: by a signal, by the system where memory ran out, or with the node that it ran on. The point\n"
            "was begun once more, and ended so again.\n"
            "The other points are there. --resume with the same command goes on with this one."
        ),
    ),
    "E069": (
        "cluster that cannot be used",
        (
            "Nobody answers at the address of --cluster, or what answers is not what its scheme says; or a node has\n"
            "another version of this tool, of Python or of a library that results depend on. Equal versions give\n"
            "equal bytes, so that others are refused; the message names both, node by node."
        ),
    ),
}
"""Code to title and explanation."""
