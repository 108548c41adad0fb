"""How faithful the chip's integers are, as plain data and in words: in reports, and for ``inspect``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from spear_deploy.printable import plain
from spear_deploy.report.formats import number, percent, shorten
from spear_deploy.report.tables import Column

if TYPE_CHECKING:  # a report is read without what made it, such as torch
    from spear_deploy.measure.distributions import Distributions, FloatAndChip
    from spear_deploy.measure.fidelity import Fidelity, PopulationFidelity

_NAME_WIDTH = 24


def fidelity_data(fidelity: Fidelity) -> dict[str, Any]:
    """Return the figures as JSON has them (report/schema.json); populations in order of execution."""
    return {
        "samples": fidelity.samples,
        "same_decisions": fidelity.agreement,
        "accuracy_float": fidelity.in_float.accuracy,
        "accuracy_float_error": fidelity.in_float.accuracy_error,
        "accuracy_chip": fidelity.on_chip.accuracy,
        "accuracy_chip_error": fidelity.on_chip.accuracy_error,
        "drop": fidelity.loss.points,
        "drop_error": fidelity.loss.error,
        "synops_float": fidelity.in_float.mean_synops,
        "synops_chip": fidelity.on_chip.mean_synops,
        "populations": [_population(row) for row in fidelity.populations],
        "inputs": [
            {"name": name, "payloads_clipped": clips.payloads / max(1, clips.bins)}
            for name, clips in fidelity.inputs.items()
        ],
    }


def _population(row: PopulationFidelity) -> dict[str, Any]:
    clips = row.clips
    return {
        "name": row.name,
        "spikes_float": row.float_spikes,
        "spikes_chip": row.chip_spikes,
        "ratio": row.ratio,
        "rate_distance": row.rate_distance,
        "readout_error": row.readout_error,
        "weights": row.weights.nonzero,
        "weights_zeroed": row.weights.zeroed,
        "weights_clipped": row.weights.clipped,
        "membranes_clipped": None if clips is None else clips.membranes / max(1, clips.bins),
        "currents_wrapped": None if clips is None else clips.currents / max(1, clips.bins),
    }


def distribution_data(distributions: Sequence[Distributions]) -> list[dict[str, Any]]:
    """Return the data of the picture, population by population in order of execution."""
    return [
        {"name": each.name, "weights": _beside(each.weights), "membranes": _beside(each.membranes)}
        for each in distributions
    ]


def _beside(beside: FloatAndChip | None) -> dict[str, Any] | None:
    if beside is None:
        return None
    in_float, on_chip = (None if spread is None else asdict(spread) for spread in (beside.in_float, beside.on_chip))
    return {"float": in_float, "chip": on_chip, "step": beside.step, "limit": beside.limit}


def overview(fidelity: Mapping[str, Any]) -> str:
    """Return the figures of the whole network, from :func:`fidelity_data`."""
    alike = f"{percent(fidelity['same_decisions'])} of {fidelity['samples']:,} samples decided alike"
    accuracies = " -> ".join(
        f"{percent(fidelity[key], 2)} (+-{100 * fidelity[f'{key}_error']:.2f})"
        for key in ("accuracy_float", "accuracy_chip")
    )
    lost = f"{fidelity['drop']:.2f} points lost, standard error of the pairs {fidelity['drop_error']:.2f}"
    work = f"SynOps {number(fidelity['synops_float'])} -> {number(fidelity['synops_chip'])}"
    clipped = "".join(
        f"; {rare(share)} of the values of input {plain(each['name'])!r} clipped to the largest payload"
        for each in fidelity["inputs"]
        if (share := each["payloads_clipped"])
    )
    return f"{alike}; accuracy {accuracies}, {lost}; {work}{clipped}"


def columns(populations: Sequence[Mapping[str, Any]]) -> dict[str, Column]:
    """Return the columns of the table of populations; those that no population has a figure for are left out."""

    def cells(key: str, spoken: Any) -> list[str]:
        return ["" if row[key] is None else spoken(row[key]) for row in populations]

    found = {
        "population": Column([shorten(plain(row["name"]), _NAME_WIDTH) for row in populations], left=True),
        "spikes\nfloat": Column(cells("spikes_float", few), style="dim"),
        "spikes\nchip": Column(cells("spikes_chip", few)),
        "ratio": Column(cells("ratio", lambda value: f"{value:.3f}")),
        "rate\ndistance": Column(cells("rate_distance", lambda value: f"{value:.4f}")),
        "readout\nerror": Column(cells("readout_error", percent)),
        "weights\nzeroed": Column(cells("weights_zeroed", rare)),
        "weights\nclipped": Column(cells("weights_clipped", rare)),
        "membranes\nclipped": Column(cells("membranes_clipped", rare)),
        "currents\nwrapped": Column(cells("currents_wrapped", rare)),
    }
    return {title: column for title, column in found.items() if any(column.cells)}


DISPENSABLE = ("currents\nwrapped", "rate\ndistance", "weights\nclipped", "spikes\nfloat")
"""Columns that a narrow terminal goes without, in this order."""


def few(value: float) -> str:
    """Format a number of spikes with the decimals that a small one needs."""
    return number(value) if value >= 100 or not value else f"{value:.1f}" if value >= 1 else f"{value:.2g}"


def rare(share: float) -> str:
    """Format a share that may be tiny, and is not nothing then."""
    return percent(share, 0) if not share else "<0.1%" if share < 0.001 else percent(share)
