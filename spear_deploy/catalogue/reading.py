"""Errors of what is read and written, before anything is asked of a chip: files, data, options, folders, semantics."""

from __future__ import annotations

READING: dict[str, tuple[str, str]] = {
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
        (
            "A node of the file cannot be read; the message names the node and its field.\n"
            "- A field is missing, or has another type or shape than its node requires: export the network again,\n"
            "  and make sure that nothing else writes to the file.\n"
            "- A parameter is NaN, infinite or complex: training diverged, or an exporter divided by zero. Train\n"
            "  again, and check the weights before nir.write.\n"
            "- A threshold is infinite although other neurons wait for its spikes: only a population at an Output\n"
            "  can be a readout.\n"
            "- The data that this tool stored beside the network (semantics, resolutions, kinds of spikes) is not\n"
            "  what it writes: remove that entry of the metadata, and give --semantics."
        ),
    ),
    "E004": (
        "graph that cannot be executed",
        (
            "The nodes of the file are valid, but their connections are not.\n"
            "- An edge names a node that does not exist: export again; names may have been changed by hand.\n"
            "- The shapes of two connected nodes do not fit: the message has both; often a Flatten is missing.\n"
            "- There is no Input or no Output, or no path from one to the other: add the node and its edges."
        ),
    ),
    "E005": (
        "data that cannot be used",
        (
            "The data, or the single sample, cannot be run through the network; the message names the file and the\n"
            "problem.\n"
            "- An array is missing: an .npz has x_train, y_train, x_test, y_test (or x, y).\n"
            "- A shape does not fit: x is (N, T, *shape) spikes, or (N, *shape) values together with --steps;\n"
            "  *shape is that of the network's input (inspect shows it). Move axes with numpy.moveaxis.\n"
            "- The sample for a module (import --input, from_snntorch) has another shape than its first layer\n"
            "  takes: give the shape of one sample in one step, without batch and time, even if the module loops\n"
            "  over steps.\n"
            "- Values are NaN, negative, or pickled objects: save plain numbers; if a normalisation made them\n"
            "  negative, save raw values and give --normalise.\n"
            "- Images, recordings or series of a folder are damaged, differ in size, or are not in the folder of a\n"
            "  class: remove or repair the files that are named.\n"
            "- An option has no meaning for this kind of data, or two of them conflict: leave one out.\n"
            "- The network stays silent on the samples: check --semantics, --dt and --encoding."
        ),
    ),
    "E006": (
        "labels out of range",
        "Labels must be integers in 0 .. outputs-1, one for each sample.",
    ),
    "E007": (
        "value that cannot be meant",
        (
            "An option or keyword has an invalid value; the fix says which values it takes.\n"
            "A budget is a number or, where it makes sense, a percentage: --synops takes an absolute number\n"
            "(120000, 1.2e5) or a share of the unpruned network's measured SynOps (50%)."
        ),
    ),
    "E008": ("unknown name", "A chip, data set, preset, backend or code does not exist; the nearest names are given."),
    "E009": (
        "output folder not usable",
        (
            "The output folder cannot be used; the message says why.\n"
            "- It contains files that no run left there, which are never replaced: choose an empty folder.\n"
            "- It cannot be created or written to (permissions, a full or read-only disk, a dangling link): fix\n"
            "  that, or choose another folder; the results so far are kept, and --resume continues.\n"
            "- It contains the model or the data, which would be overwritten: choose another folder."
        ),
    ),
    "E010": ("damaged bundle", "A file of the bundle is missing or its hash differs from manifest.json."),
    "E011": (
        "damaged chip profile",
        "A profile lacks a value, has one of the wrong type, or has an unknown key.",
    ),
    "E012": (
        "journal of another run",
        (
            "search.jsonl was written for other inputs or by another version, or was modified since; --resume needs\n"
            "the same inputs, and the file as the run left it."
        ),
    ),
    "E013": (
        "damaged .net file",
        (
            "The file does not have the layout that lava-dl's netx reads, or holds values that netx would change on\n"
            "loading."
        ),
    ),
    "E014": (
        "golden trace that cannot be used",
        (
            "Expected: an .npz with the recorded input and the spikes of one or more populations, or a file written\n"
            "by nir.write_data. Arrays are named after populations, or input, hidden and output if that is\n"
            "unambiguous. They are (samples, steps, neurons) or (samples, steps, *shape); for (steps, samples, ...)\n"
            "an array labels (samples,) must confirm the order."
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
            "--normalise takes MEAN,STD, or by channel M1,M2,M3/S1,S2,S3; --input-scale takes a number or 1/255.\n"
            "The network was trained on (x * scale - mean) / std; its first layer absorbs that, so that the chip is\n"
            "fed the raw x. With zero padding, the contribution of the mean differs at the border: each neuron gets\n"
            "its own bias, which neurons with a synaptic current do not allow."
        ),
    ),
    "E017": (
        "folder that another run writes",
        (
            "Two runs into one folder would lose one result and mix their journals. The message names the process\n"
            "that holds the folder; the system releases it when that process ends, in whatever way."
        ),
    ),
    "E018": (
        "folder with an earlier run",
        (
            "The folder contains the bundle of a successful run, or the journal of an interrupted one. --resume\n"
            "continues it, which needs the same inputs and options; --force replaces it (from Python: resume=True,\n"
            "force=True). A bundle whose report says that a budget was missed, or that a backend disagreed or\n"
            "failed, is replaced by the next run without asking, with a message."
        ),
    ),
    "E019": (
        "not enough memory",
        (
            "A pass through one sample needs more memory than --memory leaves, or the run needs more than is free.\n"
            "The memory of a pass grows with the number of time steps and of neurons; batches are split into parts\n"
            "anyway."
        ),
    ),
    "E020": (
        "semantics missing",
        (
            "NIR stores no dt, no integrator, no kind or time of reset and no comparison: the file alone does not\n"
            "determine the spikes. Give --semantics PRESET (and --dt if asked for), or a TOML file."
        ),
    ),
    "E021": (
        "unsupported node",
        (
            "Something in the network has no counterpart here. All such things are listed at once, each with its\n"
            "fix.\n"
            "- A node or layer of an unsupported type: use one of those that the fix lists, and retrain.\n"
            "- A supported layer with an unsupported setting (a threshold of 0 or below the reset value, weights\n"
            "  with another learnt shape, different step modes): train with the setting that the fix names.\n"
            "- A function in a module's forward that cannot be traced: turn it into a layer, or remove it.\n"
            "- A layer that runs several times a step, or not in every step: use a separate layer in each place.\n"
            "- Batch normalisation that does not follow a layer with weights: move it behind one, or fold it in.\n"
            "- Several inputs or outputs where data are fed into one: merge them.\n"
            "- Parts of a .net file that netx would silently ignore: train without them."
        ),
    ),
    "E022": (
        "loop without delay",
        (
            "Recurrent connections need a step of delay somewhere in the loop, and a neuron to feed back from;\n"
            "otherwise its neurons would wait for each other within one time step."
        ),
    ),
    "E023": (
        "dt missing or contradictory",
        "The time step cannot be recovered from the file, or nodes imply different ones.",
    ),
    "E024": (
        "semantics that do not fit the file",
        (
            "A decay outside 0..1, a time constant below dt, or a zero gain: the preset does not fit the file. Or a\n"
            "network is to be written with semantics that differ from those of its neurons, which would be lost."
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
            "A node or layer stores a field that its type does not have. Ignoring it might silently change what the\n"
            "network does, as with the bias of a Linear or a refractory time; so it is refused by name."
        ),
    ),
    "E027": (
        "start the chip does not have",
        (
            "The source's neuron starts at another membrane than its reset value (Norse starts at v_leak); the\n"
            "chip's starts at its reset value. --adapt starts it there and fine-tunes it."
        ),
    ),
    "E028": (
        "weights that are not numbers",
        (
            "A projection or layer has NaN or infinity among its weights, biases or factors, as left behind by\n"
            "training that diverged. All of them are listed at once, before anything is computed."
        ),
    ),
    "E029": (
        "command line that cannot be read",
        (
            "An unknown command or option, a missing or superfluous argument, or an option value of the wrong kind.\n"
            "With --json the document reports it too, under findings."
        ),
    ),
}
"""Code to title and explanation."""
