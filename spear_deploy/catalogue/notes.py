"""Notes: what a user should know of a run that goes on."""

from __future__ import annotations

NOTES: dict[str, tuple[str, str]] = {
    "N001": ("shape inferred", "The file did not state a shape; it was inferred from the graph."),
    "N002": ("bias at its steady state", "A bias that feeds a synaptic current was moved to the membrane."),
    "N003": (
        "comparison differs",
        (
            "The source's neuron fires at its threshold and the chip's above it. The note says how often a membrane\n"
            "was at its threshold on samples; where that happens, the threshold is lowered by one if that loses less."
        ),
    ),
    "N004": ("decay rounded", "A decay was rounded to the register's width with a noticeable relative error."),
    "N005": (
        "reset that needs microcode",
        (
            "The chip's built-in neuron does not have this reset. It is emulated exactly; silicon needs a custom\n"
            "neuron program, or a second compartment. --adapt replaces it by the built-in one and fine-tunes."
        ),
    ),
    "N006": (
        "repaired or interpreted on reading",
        (
            "The file departs from its format, or leaves something open, in a way that has only one sensible\n"
            "reading, which was used."
        ),
    ),
    "N007": (
        "effect of the built-in neuron",
        (
            "The behaviour of the network when its neurons are replaced by the chip's built-in one, measured on the\n"
            "data. --adapt makes that change and fine-tunes the network with it."
        ),
    ),
    "N008": (
        "time step that nothing confirms",
        (
            "The preset has a default time step, and the file neither contradicts nor confirms it. All time\n"
            "constants in steps follow from it, as the note says; give --dt with the value used for the export."
        ),
    ),
    "N009": (
        "data worth a look",
        (
            "A part of the data lacks classes or has few samples, labels do not look like classes, values have\n"
            "another range than networks are usually trained on, or only some inputs have samples. Nothing was\n"
            "changed."
        ),
    ),
    "N010": (
        "percentage of the float network",
        (
            "Quantisation changed the SynOps of the unpruned network by more than a tenth. A budget in per cent is\n"
            "then a share of its SynOps in float, and not of what is left of them on the chip. On chips that work\n"
            "event by event, different work than in time steps is not a loss by quantisation: there the share is of\n"
            "the chip's SynOps."
        ),
    ),
    "N011": (
        "module that loops over its steps",
        (
            "The forward of an imported module computes many steps per call. The imported network describes a\n"
            "single step: the data and --steps determine how many there are, and whether all get the same input."
        ),
    ),
    "N020": (
        "input clipped",
        "A few values far above all others are clipped, so that the others keep their resolution.",
    ),
    "N021": (
        "weights lost",
        "Weights were rounded to zero or clipped: this is the scale that loses least on samples.",
    ),
    "N022": (
        "threshold clipped",
        (
            "A threshold beyond its register was clipped to a value that no membrane reaches, or one of less than a\n"
            "step was rounded up to one; the message gives the cost."
        ),
    ),
    "N023": (
        "integers do not follow",
        "A population's output on the chip differs noticeably from the float network's.",
    ),
    "N024": (
        "test samples exceed a budget by chance",
        (
            "A SynOps budget is judged on the validation samples, by a value that unseen samples stay below with\n"
            "the given confidence. The test samples, which decide nothing, are a little above the limit, by no more\n"
            "than their number explains. If it were more, the run would end with E040."
        ),
    ),
    "N025": (
        "figures that are not drawn as PNG",
        (
            "`report --figures` writes SVG files, which need nothing else. PNG needs the extra figures and a system\n"
            "font, without which all labels in the figures would be missing."
        ),
    ),
    "N030": (
        "several spikes a step, seldom",
        "Trained with one spike a step, a few neurons fire several on the chip; more than 1 % of the spikes is E071.",
    ),
    "N031": (
        "output that fires once a step",
        "The chip's output neuron fires once a step; further spikes follow in later steps.",
    ),
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
            "A weight is larger than the threshold, so one event may leave a membrane at two thresholds. Whether\n"
            "the chip's neuron then fires twice is not published; the emulator fires once."
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
    "N040": (
        "checks that could not be made",
        (
            "A figure of the chip is not published, or not known here, and the rules that depend on it were not\n"
            "checked. Even if no other rule is broken, the network may not fit."
        ),
    ),
    "N041": (
        "chip of continuous time",
        "An analog chip has no time steps: when and how often its neurons fire only approximates the network.",
    ),
    "N042": (
        "weights that round to 0",
        "With the chip's few bits, this many weights vanish: those that are small compared with the largest.",
    ),
    "N043": (
        "validation samples the network knows",
        (
            "Accuracy is judged on validation samples, which are drawn from the training samples. A network that\n"
            "was trained on these decides them better than new ones, and pruning first removes what was memorised:\n"
            "accuracy budgets are then judged too strictly. Use samples that the network was not trained on."
        ),
    ),
    "N044": (
        "training that ran away",
        (
            "During fine-tuning the gradients became NaN or infinite, or the SynOps grew to four times their limit:\n"
            "loops of neurons that fire several times a step can fire more and more. The training was started again\n"
            "at a quarter of the learning rate, at most twice; after that the network stays as it was before it.\n"
            "The message says what was measured. It costs time, and accuracy if the lower rate learns less. Lower\n"
            "weights within the loops, a reset by subtraction, or a limit on spikes in training prevent it."
        ),
    ),
    "N045": (
        "accuracy not surely above chance",
        (
            "Within two standard errors, the deployed network decides no more test samples correctly than one that\n"
            "always answers the most common class, or a random one; and where it decides more, its answers do not\n"
            "follow the classes surely: it may have learnt nothing, or lost it, or the samples are too few. If the\n"
            "imported network did better, pruning is the cause: allow a larger budget. Otherwise the semantics or\n"
            "the decision rule may differ from training, or the labels may be in another order."
        ),
    ),
    "N046": (
        "accuracy that was still rising",
        (
            "The closing fine-tuning used all the batches that --effort allows, and its last round still raised the\n"
            "accuracy on the validation samples by more than a standard error: it had not converged. More training is\n"
            "likely to give a better network within the same budget; --effort thorough trains three times as long."
        ),
    ),
    "N047": (
        "network trained from scratch",
        (
            "Every search also tries uniform widths with newly drawn weights. Here they did at least as well as the\n"
            "networks that keep the given weights. The delivered network therefore has the structure of the given\n"
            "one, in other widths, but none of its weights. This happens at tight budgets, mostly in recurrent\n"
            "networks, and if the given network has learnt little."
        ),
    ),
}
"""Code to title and explanation."""
