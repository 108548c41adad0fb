"""Errors that do not depend on one chip family."""

from __future__ import annotations

ERRORS: dict[str, tuple[str, str]] = {
    "E001": (
        "file not found",
        "A path given on the command line does not exist or is a directory where a file is needed.",
    ),
    "E002": (
        "not a NIR file",
        (
            "The file is not HDF5, or it is HDF5 without the layout of NIR (a group /node of type NIRGraph).\n"
            "A truncated download or a renamed file looks like this. Export the network again with nir.write."
        ),
    ),
    "E003": (
        "damaged NIR node",
        "A node lacks a field, a field has the wrong type or shape, or a value is not finite.",
    ),
    "E004": (
        "graph that cannot be executed",
        "An edge names a node that does not exist, shapes do not fit, or an Input or Output is missing.",
    ),
    "E005": (
        "data that cannot be used",
        (
            "The data file is missing an array, its shape does not fit the network, or it holds NaN or\n"
            "pickled objects; or the images, recordings or series of a folder are damaged or do not fit together.\n"
            "Expected of arrays: an .npz with x_train, y_train, x_test, y_test (or x, y). x is (N, T, *shape)\n"
            "spikes, or (N, *shape) values together with --steps."
        ),
    ),
    "E006": (
        "labels out of range",
        "Labels must be integers in 0 .. outputs-1, one for each sample.",
    ),
    "E007": (
        "value that cannot be meant",
        (
            "An option or keyword has a value that it does not take; the fix says which it does.\n"
            "A budget is a number or, where it makes sense, a percentage: --synops takes an absolute number (120000,\n"
            "1.2e5) or a share of the unpruned network's measured SynOps (50%)."
        ),
    ),
    "E008": ("unknown name", "A chip, data set, preset, backend or code does not exist; the nearest names are given."),
    "E009": (
        "output folder not usable",
        "The output folder cannot be created or written, or holds another run's files.",
    ),
    "E010": ("damaged bundle", "A file of the bundle is missing or its hash differs from manifest.json."),
    "E011": ("damaged chip profile", "A profile lacks a value, has one of the wrong type, or an unknown key."),
    "E012": (
        "journal of another run",
        (
            "search.jsonl was written for other inputs or by another version, or was changed since; --resume needs\n"
            "the same inputs and the file as the run left it."
        ),
    ),
    "E013": (
        "damaged .net file",
        "The file is not laid out as lava-dl's netx reads it, or holds values that netx would change on loading.",
    ),
    "E014": (
        "golden trace that cannot be used",
        (
            "Expected: an .npz with the recorded input and the spikes of one population or more, or a file written by\n"
            "nir.write_data. Arrays are named after populations, or input, hidden and output where there is one such.\n"
            "They are (samples, steps, neurons) or (samples, steps, *shape); (steps, samples, ...) needs an array\n"
            "labels (samples,) that shows it."
        ),
    ),
    "E015": (
        "rule that the output does not suit",
        (
            "An output that fires is read by its spikes: count (most spikes, the default) or first (first to fire).\n"
            "A readout, which never fires, is read by its membrane: sum over the steps (the default), last, or max."
        ),
    ),
    "E016": (
        "normalisation that cannot be folded in",
        (
            "--normalise takes MEAN,STD, or by channel M1,M2,M3/S1,S2,S3; --input-scale a number or 1/255.\n"
            "The network was trained on (x * scale - mean) / std; its first layer takes that over, so that the chip\n"
            "is fed the raw x. Behind zero padding, what a mean adds differs at the border: each neuron gets a bias\n"
            "of its own, which neurons with a synaptic current cannot."
        ),
    ),
    "E017": (
        "folder that another run writes",
        (
            "Two runs into one folder would lose one result and mix their journals. The message names the process\n"
            "that holds the folder; the system releases it when that process ends, however it ends."
        ),
    ),
    "E018": (
        "folder with an earlier run",
        (
            "The folder holds a finished bundle, or the journal of a run that was interrupted. --resume goes on with\n"
            "it, which needs the same inputs and options; --force replaces it (from Python: resume=True, force=True)."
        ),
    ),
    "E019": (
        "not enough memory",
        (
            "A pass through one sample takes more than --memory leaves, or the run more than is free.\n"
            "What a pass keeps grows with the time steps and with the neurons; batches are cut into parts anyway."
        ),
    ),
    "E020": (
        "semantics missing",
        (
            "NIR carries no dt, no integrator, no reset kind or time and no comparison: the file alone does not\n"
            "determine the spikes. Give --semantics PRESET (and --dt where it asks), or a TOML file."
        ),
    ),
    "E021": ("unsupported node", "The node is not supported yet. All such nodes of the graph are listed at once."),
    "E022": (
        "loop without delay",
        (
            "Recurrent connections need a step of delay somewhere in the loop, and a neuron to feed back from:\n"
            "otherwise each would wait for the other within one time step."
        ),
    ),
    "E023": (
        "dt missing or contradictory",
        "The time step cannot be recovered from the file, or nodes imply different ones.",
    ),
    "E024": (
        "semantics that do not fit the file",
        (
            "A decay outside 0..1, a time constant below dt, or a zero gain: the preset reads the file wrongly. Or a\n"
            "network is to be written with semantics that its neurons do not have, which would be lost."
        ),
    ),
    "E025": (
        "loop too fast for the chip",
        (
            "On the chip a spike takes one step for each projection. A loop through several populations needs at\n"
            "least as many steps of delay as it has projections; a population that feeds itself needs one."
        ),
    ),
    "E026": (
        "field that is not read",
        (
            "A node or layer stores a field that its type does not have. Left out, it might change what the network\n"
            "does without a word, as the bias of a Linear or a refractory time would; so it is refused by name."
        ),
    ),
    "E027": (
        "start the chip does not have",
        (
            "The source's neuron starts at another membrane than the one it is reset to (Norse starts at v_leak);\n"
            "the chip's starts where it is reset to. --adapt starts it there and fine-tunes it."
        ),
    ),
    "E028": (
        "weights that are no numbers",
        (
            "A projection or layer holds NaN or infinity among its weights, biases or factors, as training that\n"
            "diverged leaves them. All of them are listed at once, before anything is computed."
        ),
    ),
    "E029": (
        "command line that cannot be read",
        (
            "A command or option that there is not, an argument that is missing or too many, or a value of another\n"
            "kind than the option takes. With --json the document says so as well, under findings."
        ),
    ),
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
            "The network imported from a module was run beside it on random input, and their spikes differ: a neuron\n"
            "of one's own, or a forward that does what was not followed. The message names the first divergence."
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
