"""The wording of a report: the same sentences on a terminal and on a page.

Pure functions from report data to text.  The text is ASCII, so that it survives any pipe.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any, Literal

from spear_deploy.measure.activity import NOTABLE_ERRORS
from spear_deploy.printable import duration, plain
from spear_deploy.report.bottleneck import bottleneck_words, latency_words
from spear_deploy.report.data import data_words
from spear_deploy.report.formats import amount, joules, number, percent, plural, ratio
from spear_deploy.report.savings import savings_words

Report = Mapping[str, Any]

Level = Literal["good", "warn", "bad"]


@dataclass(frozen=True)
class Verdict:
    """The headline; ``level`` decides its colour."""

    level: Level
    title: str
    detail: str


@dataclass(frozen=True)
class AccuracyStep:
    """One accuracy along the way; ``samples`` says on what it was measured."""

    label: str
    value: float
    samples: str


def resource(budget: Report) -> str:
    """Return a budget's resource as it is spoken, with its unit."""
    return plain(budget["title"])


def use(budget: Report) -> str:
    """Return the share of a limit that is used; empty for a lower limit."""
    return percent(ratio(budget["judged"], budget["limit"])) if budget["sense"] == "at most" else ""


def semantics(report: Report) -> str:
    """Return how the NIR file was read."""
    return spoken_semantics(report["semantics"])


def spoken_semantics(fields: Mapping[str, Any]) -> str:
    """Return the fields of semantics in words."""
    words = {None: "none", True: "yes", False: "no"}
    # The test for bool keeps a dt of 1.0, which equals True, a number.
    spoken = (
        (key, words[value] if value is None or isinstance(value, bool) else value) for key, value in fields.items()
    )
    return ", ".join(f"{plain(key).replace('_', ' ')} {plain(value)}" for key, value in spoken)


def verdict(report: Report) -> Verdict:
    """Return the headline: a mismatch outweighs a budget, since nothing measured holds then.

    Within budget, an accuracy that may be chance is a warning, and a drop of it that is no accident where nobody asked.
    """
    check = report["validation"]
    over = [budget for budget in report["budgets"] if not budget["within"]]
    if check and check["mismatches"]:
        title = f"emulator and {plain(check['backend'])} disagree"
        return Verdict("bad", title, f"{check['mismatches']:,} of {check['bins']:,} bins differ")
    failed = "" if report["failure"] is None else f"not proven: {_failure(report)}"
    if over:
        return Verdict("bad", "over budget", "; ".join([*map(_excess, over), *filter(None, [failed])]))
    if failed:
        return Verdict("bad", "not proven", _failure(report))
    proof = "measured on the emulator"
    if check:
        proof = f"confirmed spike by spike on {plain(check['backend'])} ({plural(check['samples'], 'sample')})"
    uses = ", ".join(_use(budget) for budget in report["budgets"])
    accuracy = report["accuracy"]
    if chance := next((note for note in report["notes"] if note["code"] == "N045"), None):
        return Verdict(
            "warn", "within budget, accuracy not surely above chance", f"{plain(chance['message'])}; {uses}; {proof}"
        )
    is_asked = any(budget["judges_accuracy"] for budget in report["budgets"])
    if not is_asked and accuracy["drop"] > max(NOTABLE_ERRORS * accuracy["drop_error"], 0.0):
        lost = f"{accuracy['drop']:.2f} points of accuracy lost (standard error {accuracy['drop_error']:.2f})"
        return Verdict("warn", "within budget, less accurate", f"{lost}; {uses}; {proof}")
    return Verdict("good", "within budget", f"{uses}; {proof}")


def _failure(report: Report) -> str:
    """Return why there is no proof: a time limit, or a failure."""
    first = plain(report["failure"].splitlines()[0])
    return f"the backend {'did not finish' if first.startswith('E062') else 'failed'}: {first}"


def summary(report: Report) -> str:
    """Return what was gained and what it cost, in one sentence."""
    synops, accuracy = report["synops"], report["accuracy"]
    share = percent(ratio(synops["measured"]["mean"], synops["before"]))
    against = f"{0 - accuracy['drop']:+.2f} points against the float network"
    if (reference := accuracy["reference"]) is not None:
        against += f", {0 - reference['drop']:+.2f} against the unpruned one fine-tuned too"
    cost = f"accuracy {percent(accuracy['quantised'], 2)} ({against})"
    return f"{share} of the SynOps of the unpruned network on {plain(report['chip'])}; {cost}"


def accuracy_steps(report: Report) -> tuple[AccuracyStep, ...]:
    """Return the accuracies in the order in which the network changed."""
    accuracy, check = report["accuracy"], report["validation"]
    test = plural(report["data"]["test"], "test sample")
    steps = [("float", "float", test), ("quantised unpruned", "unpruned_quantised", test)]
    if report["search"] is not None:
        steps += [("fine-tuned", "finetuned", test), ("quantised", "quantised", test)]
    if check is not None:
        steps += [(plain(check["backend"]), "backend", f"{check['samples']:,} of the test samples")]
    return tuple(AccuracyStep(label, accuracy[key], samples) for label, key, samples in steps)


def reference(report: Report) -> str:
    """Return what the unpruned network does that was fine-tuned too."""
    found = report["accuracy"]["reference"]
    if found is None:
        return ""
    lost = f"{found['drop']:.2f} points lost against it (standard error {found['drop_error']:.2f})"
    work = f"{number(found['synops'])} SynOps a sample"
    tuned = f"unpruned, fine-tuned for {plural(found['steps'], 'batch', 'batches')}, quantised"
    return f"{tuned}: {percent(found['accuracy'], 2)}, {work}; {lost}"


def standard_error(report: Report) -> float:
    """Return the standard error of the deployed accuracy on the test samples, as a share."""
    accuracy = report["accuracy"]["quantised"]
    return sqrt(accuracy * (1 - accuracy) / max(1, report["data"]["test"]))


def totals(layers: Sequence[Report]) -> dict[str, Any]:
    """Return the sums of the columns of the layers table that can be summed."""
    columns = ("neurons", "synapses", "spikes", "synops_before", "synops_measured", "cores", "memory_bits")
    return {name: sum(layer[name] for layer in layers) for name in columns}


def facts(report: Report) -> list[tuple[str, str]]:
    """Return the lines below the tables: (subject, sentence)."""
    lines = [
        ("accuracy", _accuracy(report)),
        ("reference", reference(report)),
        ("decision", _decision(report)),
        ("SynOps", _synops(report)),
        ("savings", savings_words(report)),
        ("search", _search(report)),
        ("LRE", _lre(report)),
        ("validation", _validation(report)),
        ("bottleneck", bottleneck_words(report)),
        ("latency", latency_words(report)),
        ("energy", _energy(report)),
        ("adaptation", _adaptation(report)),
        ("data", data_words(report)),
        ("time", _time(report)),
        *(("note", f"{note['code']} {noted(note)}") for note in report["notes"]),
    ]
    return [(subject, sentence) for subject, sentence in lines if sentence]


def noted(note: Report) -> str:
    """Return what a note says of which place, and how much room is left where it is a matter of numbers."""
    room = "" if note["slack"] is None else f" (room left: {note['slack']:.4g})"
    return f"{plain(note['where'])}: {plain(note['message'])}{room}"


def _use(budget: Report) -> str:
    measured, limit = (amount(budget[key], budget["digits"]) for key in ("measured", "limit"))
    of = "of" if budget["sense"] == "at most" else "of at least"
    bound = f" (validation bound {amount(budget['judged'], budget['digits'])})" if budget["has_bound"] else ""
    return f"{measured}{bound} {of} {limit} {resource(budget)}"


def _excess(budget: Report) -> str:
    beyond = _beyond(budget, "judged")
    beyond = beyond if beyond > 0 else _beyond(budget, "measured")  # the test samples refute it
    share = percent(ratio(beyond, abs(budget["limit"])))
    direction = "too many" if budget["sense"] == "at most" else "too little"
    return f"{_use(budget)}, {amount(beyond, budget['digits'])} ({share}) {direction}"


def _beyond(budget: Report, key: str) -> float:
    over: float = budget[key] - budget["limit"]
    return over if budget["sense"] == "at most" else -over


def _accuracy(report: Report) -> str:
    steps = accuracy_steps(report)
    text = " -> ".join(f"{step.label} {percent(step.value, 2)}" for step in steps)
    test = plural(report["data"]["test"], "test sample")
    others = [f"{step.label}: on {step.samples}" for step in steps if step.samples != test]
    if report["search"] is not None:
        others.append(f"chosen at {percent(report['accuracy']['validation'], 2)} on the validation samples")
    points = f"standard error {100 * standard_error(report):.1f} points on {test}"
    error = points if report["data"]["test"] > 1 else f"{test}, which has no standard error"
    return f"{text}\n{'; '.join([error, *others])}"


def _synops(report: Report) -> str:
    synops = report["synops"]
    measured, every = synops["measured"], synops["measured_all_synapses"]
    spread = ", ".join(f"{key} {number(measured[key])}" for key in ("mean", "p50", "p95", "max"))
    samples = plural(measured["samples"], "sample")
    text = f"{spread} over {samples}; mean {number(every['mean'])} with zero weights counted"
    backend = synops["backend"]
    if backend is None:
        return text
    return f"{text}; recorded on {plain(report['validation']['backend'])}: mean {number(backend['mean'])}"


def _search(report: Report) -> str:
    search = report["search"]
    if search is None:
        met = "the unpruned network is within the budgets"
        return f"none: {met if report['within'] else 'pruning does not help with the budgets that are missed'}"
    frozen = [f"{plain(name)} ({plain(why)})" for name, why in search["frozen"].items()]
    text = (
        f"{plain(search['method'])}, {plural(search['episodes'], 'episode')}, {_figures(search['figures'])}"
        f"learning rate {search['rate']:g}; delivered: {plain(search['delivered'])}, of {_compared(search)}, "
        f"fine-tuned for {plural(search['steps'], 'batch', 'batches')}{_augmented(report)}"
    )
    return f"{text}; never pruned: {', '.join(frozen)}" if frozen else text


def _augmented(report: Report) -> str:
    """Return what was changed of the images that were trained on."""
    names = report["augmentation"]
    return f" of images changed at random ({', '.join(map(plain, names))})" if names else ""


def _compared(search: Report) -> str:
    """Return what was compared, with the accuracy and the SynOps of each on the validation samples."""
    spoken = [
        f"{plain(each['of'])} {percent(each['accuracy'], 1)} at {number(each['synops'])}"
        for each in search["candidates"]
    ]
    return ", ".join(spoken)


def _figures(figures: Mapping[str, Any]) -> str:
    """Return a method's own figures; numbers with three decimals."""
    spoken = []
    for name, value in figures.items():
        if isinstance(value, list | dict):  # a course over the episodes: for the page and for programs
            continue
        shown = f"{value:.3f}" if isinstance(value, float) else plain(value)
        spoken.append(f"{plain(name).replace('_', ' ')} {shown}, ")
    return "".join(spoken)


def _lre(report: Report) -> str:
    lre, synops = report["lre"], report["synops"]
    if lre is None:
        return ""
    sign = "-" if lre["intercept"] < 0 else "+"
    line = f"the plain line: after = {lre['slope']:.3f} x before {sign} {abs(lre['intercept']):.3f}"
    parts = [line, plural(lre["samples"], "fine-tuned network")]
    if lre["mape"] is not None:
        parts.append(f"held-out error {percent(lre['mape'])}")
    if lre["high"] is not None:
        parts.append(f"90% interval {percent(lre['low'])} to {percent(lre['high'])}")
    if synops["predicted"]:
        off = 100 * (synops["measured"]["mean"] / synops["predicted"] - 1)
        parts.append(f"predicted {number(synops['predicted'])}, measured {off:+.1f}%")
    return ", ".join(parts)


def _validation(report: Report) -> str:
    check = report["validation"]
    if report["failure"] is not None:
        return f"{_failure(report)}; all figures are the emulator's"
    if check is None:
        return "no backend was run; all figures are the emulator's"
    text = (
        f"{plain(check['backend'])}: {plural(check['samples'], 'sample')} x {plural(check['steps'], 'step')}, "
        f"{plural(len(check['populations']), 'population')}, {check['bins']:,} bins: "
        f"{check['mismatches']:,} mismatches"
    )
    first = check["first_divergence"]
    if first is None:
        return f"{text} ({check['spikes']:,} spikes, {duration(check['seconds'])})"
    neuron = ", ".join(map(str, first["neuron"]))
    return (
        f"{text}; first at sample {first['sample']}, step {first['step']}, population {plain(first['population'])}, "
        f"neuron ({neuron}): emulator {first['emulator']}, {plain(check['backend'])} {first['backend']}"
    )


def _energy(report: Report) -> str:
    energy = report["energy"]
    if energy is None:
        return ""
    bounds = f"{joules(energy['low'])} to {joules(energy['high'])} a sample"
    parts = ", ".join(f"{each['name']} {joules(each['low'])} to {joules(each['high'])}" for each in energy["parts"])
    estimate = "an ESTIMATE from published figures, not a measurement"
    return f"{bounds} ({parts}), dynamic only: {estimate} ({plain(energy['source'])})"


def _adaptation(report: Report) -> str:
    adaptation = report["adaptation"]
    if adaptation is None:
        return ""
    steps = (("as trained", "source"), ("with the built-in neuron", "adapted"), ("fine-tuned", "finetuned"))
    spoken = [
        f"{label} {percent(adaptation[key]['accuracy'], 2)} and {number(adaptation[key]['spikes'])} spikes a sample"
        for label, key in steps
    ]
    return f"{', '.join(map(plain, adaptation['changed']))}: {'; '.join(spoken)}"


def _decision(report: Report) -> str:
    decision = report["decision"]
    return f"{plain(decision['rule'])}: {plain(decision['text'])}"


_NOTABLE_SECONDS = 0.05
"""Less is shown as 0.0s."""


def _parts(step: Report) -> str:
    """Return what a step spent its time on, where it has several parts."""
    parts = [f"{plain(part['name'])} {duration(part['seconds'])}" for part in step["parts"]]
    return f" ({', '.join(parts)})" if len(parts) > 1 else ""


def steps_at_work(report: Report) -> list[Report]:
    """Return the steps that did something, without those that had nothing to adapt or to validate."""
    return [step for step in report["steps"] if step["parts"] or step["seconds"] >= _NOTABLE_SECONDS]


def _time(report: Report) -> str:
    steps = [f"{plain(step['name'])} {duration(step['seconds'])}{_parts(step)}" for step in steps_at_work(report)]
    total = sum(step["seconds"] for step in report["steps"])
    return f"{duration(total)}: {', '.join(steps)}" if steps else ""
