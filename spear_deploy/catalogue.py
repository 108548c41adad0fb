"""Every code of a finding, with its title and its explanation: what ``spear-deploy explain`` prints."""

from __future__ import annotations

CATALOGUE: dict[str, tuple[str, str]] = {
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
            "pickled objects.\n"
            "Expected: an .npz with x_train, y_train, x_test, y_test (or x, y). x is (N, T, *shape) spikes, or\n"
            "(N, *shape) values together with --steps."
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
        "A decay outside 0..1, a time constant below dt, or a zero gain: the preset reads the file wrongly.",
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
    "E035": ("too many cores", "The network does not fit on the cores of the chip."),
    "E036": ("population that no core can hold", "A single unit exceeds a core's memory, fan-in or fan-out."),
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
        "file that gives no module",
        (
            "import runs a Python file in a process of its own and takes a torch module from it: one that it has,\n"
            "or that a function without arguments returns. The message has its own last words, or the time limit."
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
            "The network imported from a module was run beside it on random input, and their spikes differ: the\n"
            "framework's exporter lost something. The message names the first divergence."
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
            "Training and search need the extra search, graphs of the nir package the extra nir. The command in the\n"
            "message brings all of an extra at once. Live modules need their framework."
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
    "N001": ("shape inferred", "The file did not state a shape; it was inferred from the graph."),
    "N002": ("bias at its steady state", "A bias that feeds a synaptic current was moved to the membrane."),
    "N003": ("comparison differs", "The source's neuron fires at its threshold, the chip's beyond it, or the reverse."),
    "N004": ("decay rounded", "A decay was rounded to the register's width with a noticeable relative error."),
    "N005": (
        "reset that needs microcode",
        (
            "The chip's built-in neuron does not have this reset. It is emulated exactly; silicon needs a neuron\n"
            "program of one's own, or a second compartment. --adapt replaces it by the built-in one and fine-tunes."
        ),
    ),
    "N006": (
        "repaired or interpreted on reading",
        "The file departs from its format, or leaves something open, in a way that has one reading; it was taken.",
    ),
    "N007": (
        "effect of the built-in neuron",
        (
            "What the network does when its neurons are replaced by the chip's built-in one, measured on the data.\n"
            "--adapt makes that change and fine-tunes the network under it."
        ),
    ),
    "N008": (
        "time step that nothing confirms",
        (
            "The preset has a time step by default, and the file does not say another one, nor this one. All time\n"
            "constants in steps follow from it, as the note says; --dt states the one that it was exported with."
        ),
    ),
    "N009": (
        "data worth a look",
        (
            "A part of the data lacks classes or holds few samples, labels look like no classes, values have another\n"
            "range than networks are trained on, or samples were given of some inputs alone. Nothing was changed."
        ),
    ),
    "N010": (
        "percentage of the float network",
        (
            "Quantisation changed the SynOps of the unpruned network by more than a tenth. A budget in per cent is\n"
            "then a share of what the network does in float, not of what is left of it on the chip."
        ),
    ),
    "N020": ("input clipped", "A few values far beyond all others are clipped, so that the others keep their steps."),
    "N021": ("weights lost", "Weights were rounded to zero or clipped: the scale that loses least on samples does so."),
    "N022": (
        "threshold clipped",
        (
            "A threshold beyond its register was clipped at a value that no membrane reaches, or one of less than a\n"
            "step was rounded up to one; the message tells what that costs."
        ),
    ),
    "N023": (
        "integers do not follow",
        "A population's output on the chip differs noticeably from the float network's.",
    ),
    "N024": (
        "test samples exceed a budget by chance",
        (
            "A budget of SynOps is judged on the validation samples, by the value that samples not seen stay below\n"
            "with the confidence that was asked for. The test samples, which decide nothing, came out a little above\n"
            "the limit: no more than their number explains. Were it more, the run would end with E040."
        ),
    ),
    "N030": (
        "several spikes a step, seldom",
        "Trained with one spike a step, a few neurons fire several on the chip; more than 1 % of the spikes is E071.",
    ),
    "N031": ("output that fires once a step", "The chip's output neuron fires once a step, and the rest later."),
    "N032": ("states at their limits", "Currents or membranes reach the limits of their registers on samples."),
    "N033": ("bias that acts early", "Biases of later layers act on the chip before their sample has reached them."),
    "N035": (
        "scale that the weights do not set",
        (
            "On Speck a layer has one scale for weights, biases and thresholds. A large bias, threshold or lower\n"
            "limit makes it smaller than the weights need, which then have fewer levels; the message says how many."
        ),
    ),
    "N036": (
        "several spikes for one event",
        (
            "A weight is larger than the threshold, so that one event may leave a membrane at two thresholds. Whether\n"
            "the chip's neuron then fires twice is not published; the emulator lets it fire once."
        ),
    ),
    "N037": (
        "biases on a clock",
        (
            "Speck adds biases on a slow clock of its own, to every neuron. The emulator adds them once a step of the\n"
            "data; the clock has to be set to that, and every tick costs power."
        ),
    ),
    "N038": ("outputs that the readout does not tell", "The spikes of the output have to be read instead."),
}
"""Every code with its title and explanation."""
