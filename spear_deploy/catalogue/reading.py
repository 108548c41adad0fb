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
            "A node of the file cannot be read; the message names it and its field.\n"
            "- A field is missing, or of another type or shape than its node has: export the network again, and see\n"
            "  that nothing else wrote into the file.\n"
            "- A parameter is NaN, infinite or complex: training diverged, or an exporter divided by zero. Train\n"
            "  again, and look at the weights before nir.write.\n"
            "- A threshold is infinite where others wait for spikes: only what an Output reads is a readout then.\n"
            "- What this tool stored beside the network (semantics, resolutions, kinds of spikes) is not what it\n"
            "  writes: remove that entry of the metadata, and give --semantics."
        ),
    ),
    "E004": (
        "graph that cannot be executed",
        (
            "The nodes of the file are sound, and their connections are not.\n"
            "- An edge names a node that does not exist: export again; names may have been changed by hand.\n"
            "- The shapes of two connected nodes do not fit: the message has both; often a Flatten is missing.\n"
            "- There is no Input or no Output, or nothing leads from one to the other: add the node and its edges."
        ),
    ),
    "E005": (
        "data that cannot be used",
        (
            "What was given as data, or as one sample, cannot be run through the network; the message names the\n"
            "file and what was found there.\n"
            "- An array is missing: an .npz has x_train, y_train, x_test, y_test (or x, y).\n"
            "- A shape does not fit: x is (N, T, *shape) spikes, or (N, *shape) values together with --steps; *shape\n"
            "  is what the network's input says (inspect shows it). Move axes with numpy.moveaxis.\n"
            "- One sample of a module (import --input, from_snntorch) has another shape than its first layer takes:\n"
            "  give that of one sample in one step, without batch and time, even where the module loops over steps.\n"
            "- Values are NaN, negative, or pickled objects: save plain numbers; where a normalisation made them\n"
            "  negative, save raw values and give --normalise.\n"
            "- A folder's images, recordings or series are damaged, of several sizes, or in no folder of a class:\n"
            "  leave out or mend the files that are named.\n"
            "- An option has no meaning for this kind of data, or two of them say the same: leave one out.\n"
            "- The network stays silent on the samples: look at --semantics, --dt and --encoding."
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
        (
            "The output folder cannot be written; the message says why.\n"
            "- It holds files that no run left there, which are never replaced: choose an empty folder.\n"
            "- It cannot be made or written (rights, a full or read-only disk, a link that leads nowhere): mend that,\n"
            "  or choose another; what a run had found by then is kept, and --resume goes on.\n"
            "- The model or the data lie in it and would be overwritten: choose another folder."
        ),
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
            "The folder holds the bundle of a run that succeeded, or the journal of one that was interrupted.\n"
            "--resume goes on with it, which needs the same inputs and options; --force replaces it (from Python:\n"
            "resume=True, force=True). A bundle whose report says that a budget was missed, or that a backend\n"
            "disagreed or failed, is replaced by the next run without being asked, which says so."
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
    "E021": (
        "unsupported node",
        (
            "Something of the network has no counterpart here. All that is so is listed at once, each with its fix.\n"
            "- A node or layer of a type that is not read: use one of those that the fix lists, and retrain.\n"
            "- A known layer with a setting that has none (a threshold of 0 or below the reset value, weights with\n"
            "  another learnt shape, step modes that differ): train with the setting that the fix names.\n"
            "- A function in a module's forward that cannot be followed: make of it a layer, or leave it out.\n"
            "- A layer that runs several times a step, or not in each: give every place a layer of its own.\n"
            "- Batch normalisation that does not follow a layer with weights: put it behind one, or fold it in.\n"
            "- Several inputs or outputs where data are fed into one: join them into one.\n"
            "- What netx would leave out of a .net file without a word: train without it."
        ),
    ),
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
}
"""Code to title and explanation."""
