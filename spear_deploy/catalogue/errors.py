"""Errors that do not depend on one chip family."""

from __future__ import annotations

ERRORS: dict[str, tuple[str, str]] = {
    "E030": (
        "reset the chip does not have",
        (
            "The chip's neuron, or that of the requested export format, does not reset as the source's does.\n"
            "--adapt gives the network the chip's own neuron and fine-tunes it."
        ),
    ),
    "E031": ("several spikes a step", "The source's neuron emits spikes that the chip's does not. See --adapt."),
    "E032": ("lower bound of the membrane", "The source's neuron clips its membrane, the chip's does not."),
    "E033": (
        "input that the chip does not take",
        "The data have values that the chip's spikes cannot represent.",
    ),
    "E034": ("value outside a register", "A quantised value exceeds the register that holds it on the chip."),
    "E035": (
        "too many cores",
        (
            "The network does not fit on the cores of the chip. If narrowing a single population can make it fit,\n"
            "the fix names the one that has to be narrowed least, and to how many units."
        ),
    ),
    "E036": (
        "population that no core can hold",
        (
            "A single unit exceeds a core's memory, fan-in or fan-out. If narrowing a single population can fix\n"
            "that, the fix names the one that has to be narrowed least, and to how many units."
        ),
    ),
    "E037": (
        "projection too large to lower",
        (
            "A projection that is neither a convolution nor a single matrix would be composed to a dense matrix\n"
            "that is too large."
        ),
    ),
    "E038": (
        "network that a .net file cannot hold",
        (
            "lava-dl's format is a chain of convolutions and dense layers of spiking neurons, which may be delayed\n"
            "or feed themselves, with 8-bit weights without exponent and biases in units of 64. Compile with --net\n"
            '(from Python: keep_to="net"). docs/netx.md lists the limits.'
        ),
    ),
    "E039": (
        "input that the program does not take",
        "A compiled program takes the range and kind of input that it was compiled with.",
    ),
    "E040": (
        "budget not met",
        "The evaluations are used up, and the best network found still exceeds the budget.",
    ),
    "E041": ("budget out of reach", "Even the smallest network that the search may build exceeds the budget."),
    "E045": (
        "folder of another sweep",
        (
            "The folder of a sweep can be resumed with --resume, with the same model, data, chip and options;\n"
            "budgets and seeds may be added. The message says what differs."
        ),
    ),
    "E046": (
        "no budget loses so little",
        (
            "Every point of the sweep loses more points of accuracy on the validation samples than --max-drop\n"
            "allows, or misses a budget. All points and their bundles are complete."
        ),
    ),
    "E047": (
        "worse than tolerated",
        ("A figure of the second report that diff compares is worse than in the first by more than its\n--tolerance."),
    ),
    "E048": (
        "code that gives nothing to take",
        (
            "import FILE.py:NAME and --data FILE.py:NAME run Python code in a separate process and use the object\n"
            "called NAME, or the result of a function of that name without arguments: a torch module, or data. The\n"
            "message has the last output of the code, or the time limit. An imported module is run for several\n"
            "steps, one per call; errors of its own code in one of them are reported in the same way, also from\n"
            "Python."
        ),
    ),
    "E049": (
        "project file that cannot be used",
        (
            "A project file is TOML whose keys are the options of deploy, by name and without tables. All its\n"
            "problems are reported at once, each with its line."
        ),
    ),
    "E050": ("spikes differ", "Emulator and backend disagree; the first divergence is in the report."),
    "E051": (
        "golden spikes differ",
        ("The imported network does not reproduce the recorded spikes: its semantics are not those of the\nsource."),
    ),
    "E052": (
        "import that differs from the module",
        (
            "The network imported from a module was run beside it on random input and differs; nothing was written.\n"
            "The message names the layer, and step and neuron of the first divergence.\n"
            "- Spikes differ: forward does something between layers that was not traced, or the neuron is a custom\n"
            "  one, or a framework's with changed code. Use the framework's neuron, and functions as layers.\n"
            "- States are kept from call to call: reset them in forward, or let it compute one step per call.\n"
            "- A layer is never called, or nothing leads to it: call it in forward, or remove it from the module.\n"
            "- A layer does not fire, however strong its input, so a comparison would show nothing: check its\n"
            "  threshold, and whether all weights are 0 or negative.\n"
            "- The same seed gives different spikes each time (dropout, noise): call eval() first."
        ),
    ),
    "E053": (
        "report that contradicts itself",
        (
            "The report's statements on budgets, accuracy or validation contradict its figures, or it belongs to\n"
            "other files than the bundle beside it. No run writes such a report: it was modified."
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
            "the extra images, AEDAT4 recordings the extra events, sweep --cluster the extra dask or ray. The\n"
            "command in the message installs all of an extra at once. Live modules need their framework."
        ),
    ),
    "E065": (
        "plug-in that does not work",
        (
            "A target, method, backend or budget from another distribution cannot be loaded, or returns something\n"
            "that its protocol does not allow. The message names it; docs/reference/entries.md links the protocols."
        ),
    ),
    "E066": (
        "network that collapses on the chip",
        (
            "In the chip's integers the unpruned network does not do what it does in float: a population falls\n"
            "silent, fewer than 90 % of the decisions are the same, or the accuracy falls by more than two standard\n"
            "errors. The message names the population where it starts, and what was rounded or clipped there.\n"
            "Nothing was searched. --allow-loss continues anyway; the finding is then a note in the report."
        ),
    ),
    "E067": (
        "search that a time limit ended",
        (
            "After --time-limit no training is started or continued. The networks measured by then were compared,\n"
            "and the best was delivered, with bundle and report as after a complete search; its figures are\n"
            "measured as usual. It is a note in the report. A larger limit and --resume continue from the journal."
        ),
    ),
    "E068": (
        "point whose process was ended",
        (
            "With --jobs or --cluster each point of a sweep has its own process. One process died before its point\n"
            "was finished: by a signal, because memory ran out, or with the node that it ran on. The point was\n"
            "started once more, and its process died again.\n"
            "The other points are complete. --resume with the same command continues this one."
        ),
    ),
    "E069": (
        "cluster that cannot be used",
        (
            "Nothing answers at the address of --cluster, or something other than its scheme says; or a node has\n"
            "another version of this tool, of Python or of a library that results depend on. Only equal versions\n"
            "give equal bytes, so others are refused; the message names both, node by node."
        ),
    ),
}
"""Code to title and explanation."""
