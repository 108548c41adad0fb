"""The keywords of ``spear_deploy.deploy``, and the options that they become."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypedDict, get_type_hints

from spear_deploy.budgets import RESOURCES, ask
from spear_deploy.data import DataOptions
from spear_deploy.deployment.options import STEP_NAMES, DeployOptions
from spear_deploy.errors import Finding, InputError
from spear_deploy.execution import Execution
from spear_deploy.search.methods import METHODS
from spear_deploy.search.options import SearchOptions
from spear_deploy.targets import LoweringOptions
from spear_deploy.train.config import FinetuneConfig


class Settings(TypedDict, total=False):
    """Keywords of :func:`spear_deploy.deploy` beside model, data and chip; those of budgets come first.

    Attributes:
        synops: mean SynOps a sample: a number, or a percentage of the unpruned network's such as ``"50%"``.
        synops_p95: SynOps that 95 % of the samples keep, in the same way.
        cores: cores at most; the chip's own number holds always.
        min_accuracy: least accuracy, a share or a percentage.
        max_drop: most points of accuracy lost against the float network.
        method: name of the search method.
        episodes: networks judged before fine-tuning.
        candidates: networks fine-tuned and measured at most.
        lowest_ratio: smallest keep ratio of a layer.
        epochs: epochs of the last fine-tuning.
        seed: of every random choice.
        threads: that compute; another number rounds differently.
        device: torch's name, for training and emulation.
        backend: what proves the result spike by spike; None: the emulator's word stands.
        timeout: time limit of the backend in seconds.
        samples: test samples that validation runs; None: all.
        weight_bits: bits of a weight; None: what the chip has.
        keep_to: an export format that shall hold the program.
        adapt: give the network the chip's own neuron first, and fine-tune it.
        resume: go on with an interrupted run in the same folder.
        until: stop after the step of that name.
        semantics: how a file's neurons compute, where it does not say so: a preset or a TOML file.
        steps: time steps over which values are coded.
        encoding: how values become input.
        bin_ms: width of the bins of event data.
        data_dir: folder of the named data sets.
        progress: whether to show what is being done.
    """

    synops: str | float | None
    synops_p95: str | float | None
    cores: int | None
    min_accuracy: str | float | None
    max_drop: float | None
    method: str
    episodes: int
    candidates: int
    lowest_ratio: float
    epochs: float | None
    seed: int
    threads: int
    device: str
    backend: str | None
    timeout: float | None
    samples: int | None
    weight_bits: int | None
    keep_to: str | None
    adapt: bool
    resume: bool
    until: str | None
    semantics: str | Path | None
    steps: int | None
    encoding: Literal["constant", "rate"] | None
    bin_ms: float | None
    data_dir: Path | None
    progress: bool


def check_settings(settings: Mapping[str, Any]) -> None:
    """Raise :class:`InputError` (E008) with every keyword that there is not, and every name that is none."""
    known = [*get_type_hints(Settings), *(name for name in RESOURCES.names() if name not in get_type_hints(Settings))]
    findings = []
    for name in settings:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            fix = f"did you mean {near[0]}?" if near else f"one of: {', '.join(known)}"
            findings.append(Finding("E008", name, "there is no such setting", fix))
    for name, choices in (("method", METHODS.names()), ("until", STEP_NAMES)):
        chosen = settings.get(name)
        if chosen is not None and chosen not in choices:
            findings.append(Finding("E008", f"{name} {chosen}", "there is none of this name", ", ".join(choices)))
    if findings:
        raise InputError(findings)


def deploy_options(settings: Mapping[str, Any], output: Path) -> DeployOptions:
    """Return the options of a deployment; raise :class:`InputError` (E007) for budgets that cannot be meant."""
    given = settings.get
    budgets = ask({name: given(name) for name in RESOURCES.names()})
    if not budgets:
        fix = f"give one of {', '.join(RESOURCES.get(name).option for name in RESOURCES.names())}"
        raise InputError.of("E007", "budget", "none was given", fix)
    search = replace(SearchOptions(), **_settings_given(settings, "method", "episodes", "candidates", "lowest_ratio"))
    if given("epochs"):
        search = replace(search, finish=FinetuneConfig(epochs=settings["epochs"]))
    return DeployOptions(
        output,
        budgets,
        LoweringOptions(given("weight_bits"), given("keep_to")),
        backend=given("backend"),
        search=search,
        execution=Execution(**_settings_given(settings, "threads", "device", "seed")),
        validate_samples=settings.get("samples", DeployOptions.validate_samples),
        backend_timeout=given("timeout"),
        adapt=bool(given("adapt")),
        resume=bool(given("resume")),
        until=given("until"),
    )


def data_options(settings: Mapping[str, Any]) -> DataOptions:
    """Return how data are to be loaded."""
    coding = _settings_given(settings, "steps", "encoding", "bin_ms", "seed")
    return DataOptions(folder=settings.get("data_dir"), **coding)


def _settings_given(settings: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Return those settings that were given a value."""
    return {name: settings[name] for name in names if settings.get(name) is not None}
