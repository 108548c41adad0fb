"""Notes: what a user should know of a run that goes on."""

from __future__ import annotations

NOTES: dict[str, tuple[str, str]] = {
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
            "then a share of what the network does in float, not of what is left of it on the chip. That events one\n"
            "by one do other work than time steps is no loss of quantisation: there the share is of the chip's."
        ),
    ),
    "N011": (
        "module that loops over its steps",
        (
            "The forward of an imported module computes many steps in a call. The network is that of one step: how\n"
            "many there are, and whether all get the same input, is for the data and --steps to say."
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
    "N025": (
        "figures that are not drawn as PNG",
        (
            "`report --figures` writes SVG files, which need nothing. For PNG it takes the extra figures, and a font\n"
            "of the system: without one, all that is written in the figures would be missing."
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
    "N040": (
        "checks that could not be made",
        (
            "A figure of the chip is not published, or not known here, and what depends on it was not checked. That\n"
            "no rule is broken then does not mean that the network fits."
        ),
    ),
    "N041": (
        "chip of continuous time",
        "An analog chip has no time steps: when and how often its neurons fire is near the network's at best.",
    ),
    "N042": (
        "weights that round to 0",
        "With the chip's few bits, so many of the weights vanish: those that are small beside the largest.",
    ),
    "N043": (
        "validation samples the network knows",
        (
            "Accuracy is judged on validation samples, which are drawn from the training samples that were given. A\n"
            "network that was trained on these answers them better than new ones, and pruning first takes what was\n"
            "memorised: budgets of accuracy are then judged too strictly. Samples that it was not trained on are best."
        ),
    ),
    "N044": (
        "training that ran away",
        (
            "In fine-tuning the gradients were no numbers any more, or the SynOps grew to four times of what they may\n"
            "be: loops of neurons that fire several times a step can fire ever more. The training was begun anew at a\n"
            "quarter of the learning rate, twice at most; after that the network stays as it was before it. The\n"
            "message says what was measured. It costs time, and accuracy where the lower rate learns less: lower\n"
            "weights within the loops, a subtracting reset, or a bound on spikes in training prevent it."
        ),
    ),
    "N045": (
        "accuracy at chance",
        (
            "The deployed network answers no more test samples rightly than one would that always gives the commonest\n"
            "class, or any class by lot, within two standard errors of their number: it may have learnt nothing, or\n"
            "lost it. Where the network as it came in did better, pruning took it: give a larger budget. Otherwise\n"
            "the semantics or the decision rule may be another than in training, or the labels another order's."
        ),
    ),
    "N046": (
        "accuracy that was still rising",
        (
            "The closing fine-tuning used all the batches that --effort allows, and its last round still raised the\n"
            "accuracy on the validation samples by more than a standard error: it had not converged. More of it is\n"
            "likely to give a better network within the same budget; --effort thorough trains three times as long."
        ),
    ),
}
"""Code to title and explanation."""
