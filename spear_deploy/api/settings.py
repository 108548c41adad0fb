"""The keywords of ``spear_deploy.deploy``, and the options that they become."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Literal, TypedDict, cast, get_args, get_type_hints

import numpy as np

from spear_deploy.backends import BACKENDS
from spear_deploy.budgets import RESOURCES, ask
from spear_deploy.data import DataOptions
from spear_deploy.data.options import sensor_size
from spear_deploy.decision import RULES
from spear_deploy.deployment.options import STEP_NAMES, DeployOptions
from spear_deploy.errors import Finding, InputError
from spear_deploy.execution import Execution
from spear_deploy.network import Network
from spear_deploy.network.normalisation import InputTransform
from spear_deploy.placement.placers import PLACERS
from spear_deploy.search.methods import METHODS
from spear_deploy.search.options import EFFORTS
from spear_deploy.sizes import bytes_of
from spear_deploy.targets import LoweringOptions
from spear_deploy.train.augmentation import AUGMENTATIONS
from spear_deploy.train.config import FinetuneConfig


class Settings(TypedDict, total=False):
    """Keywords of :func:`spear_deploy.deploy` besides model, data and chip; those of budgets come first.

    Attributes:
        synops: mean SynOps a sample: a number, or a percentage of the unpruned network's such as ``"50%"``.
        synops_p95: SynOps that 95 % of the samples stay within, given in the same way.
        cores: most cores; never more than the chip has.
        min_accuracy: least accuracy, a share or a percentage.
        max_drop: most points of accuracy lost against the float network.
        method: name of the search method.
        effort: effort of search and fine-tuning: quick, normal or thorough.
        confidence: confidence, below 1, with which SynOps budgets hold on unseen samples.
        episodes: networks that the method judges before fine-tuning.
        candidates: networks of the method that are fine-tuned and compared.
        lowest_ratio: smallest keep ratio of a layer.
        epochs: most epochs of the closing fine-tuning.
        seed: seed of every random choice.
        threads: number of threads; another number rounds differently.
        memory: bound on the memory of the process, in bytes or as text such as ``"4GiB"``; batches are split into parts
            that fit, and another number of parts rounds differently.
        device: device for training and emulation, by torch's name.
        jobs: processes among which the points of a sweep, or the samples that a backend validates, are divided; results
            do not depend on it.
        backend: backend that confirms the result spike by spike; None: only the emulator measures.
        time_limit: seconds after which the best network measured so far is delivered; None: the search ends by itself.
        timeout: time limit of the backend in seconds.
        samples: number of test samples for validation; None: all.
        augment: random changes of images in fine-tuning: ``"mirror"``, ``"shift"``, or ``"mirror,shift"``; None:
            nothing.
        decide: how a class is read from the output: count, first, last, max or sum; None: the default for the output.
        weight_bits: bits of a weight; None: the chip's.
        place: placement on cores: default, or balance, which balances their load.
        keep_to: an export format that has to be able to hold the program.
        adapt: give the network the chip's own neuron first, and fine-tune it.
        allow_loss: continue with a network that collapses on the chip (E066), and note it in the report.
        resume: continue an interrupted run in the same folder.
        force: replace the bundle of a successful run in the folder, or restart an interrupted one.
        until: stop after the step of that name.
        semantics: semantics of a file that does not carry them: a preset or a TOML file.
        steps: time steps over which values are coded.
        encoding: how values become input.
        bin_ms: width of the bins of event data.
        bin_events: events per bin, instead of its width.
        sensor: width and height of the camera, ``"34,34"`` or a pair, where event files lack it.
        crop: side of the square at the sensor's centre that is kept.
        downsample: pixels along each axis that become one.
        data_dir: folder of the named data sets.
        normalise: mean and standard deviation that the inputs were normalised with in training: ``"0.5,0.25"``, or a
            pair of numbers or of one number a channel; folded into the first layer.
        input_scale: what the inputs were multiplied by in training, such as ``"1/255"``; folded in as well.
        progress: whether to show what is being done.
    """

    synops: str | float | None
    synops_p95: str | float | None
    cores: int | None
    min_accuracy: str | float | None
    max_drop: float | None
    method: str
    effort: str
    confidence: float
    episodes: int | None
    candidates: int | None
    lowest_ratio: float
    epochs: float | None
    seed: int
    threads: int
    memory: str | int | None
    device: str
    jobs: int
    backend: str | None
    time_limit: float | None
    timeout: float | None
    samples: int | None
    augment: str | Sequence[str] | None
    decide: str | None
    weight_bits: int | None
    place: str
    keep_to: str | None
    adapt: bool
    allow_loss: bool
    resume: bool
    force: bool
    until: str | None
    semantics: str | Path | None
    steps: int | None
    encoding: Literal["constant", "rate"] | None
    bin_ms: float | None
    bin_events: int | None
    sensor: str | tuple[int, int] | None
    crop: int | None
    downsample: int | None
    data_dir: Path | None
    normalise: str | tuple[Any, Any] | None
    input_scale: str | float | None
    progress: bool


def plain_settings(settings: Settings) -> Settings:
    """Return settings with numpy's scalars as Python's own: JSON and project files have no others."""
    return cast(Settings, {name: plain_value(value) for name, value in settings.items()})


def plain_value(value: Any) -> Any:
    """Return a scalar of numpy's as Python's own, and anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


def check_settings(settings: Mapping[str, Any]) -> None:
    """Look at every keyword and its value.

    Raises :class:`InputError` with all findings: E008 for keywords and names that there are not, E007 for values that
    cannot be meant.
    """
    hints = get_type_hints(Settings)
    known = [*hints, *(name for name in RESOURCES.names() if name not in hints)]
    findings = []
    for name, value in settings.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            fix = f"did you mean {near[0]}?" if near else f"one of: {', '.join(known)}"
            findings.append(Finding("E008", name, "there is no such setting", fix))
        else:
            findings += _faults(name, value, hints.get(name, Any))
    if findings:
        raise InputError(findings)


def _faults(name: str, value: Any, hint: Any) -> Sequence[Finding]:
    """Return what is wrong with the value of a setting; None is one where the ``hint`` says so."""
    optional = type(None) in get_args(hint)
    if value is None and optional:
        return ()
    if name in _CHOICES:
        names = _CHOICES[name]()
        is_one = isinstance(value, str) and value in names
        return () if is_one else (Finding("E008", f"{name} {value}", "there is no such name", ", ".join(names)),)
    if name in _NAMES and not isinstance(value, str):
        return (Finding("E008", f"{name} {value!r}", "is not a name", f"give a name, such as {_NAMES[name]}"),)
    if hint is bool and not isinstance(value, bool):
        return (Finding("E007", f"{name} {value!r}", "is neither True nor False", "give True or False"),)
    if name in _NUMBERS and not _NUMBERS[name].allows(value):
        fix = f"give {_NUMBERS[name]}{', or None' if optional else ''}"
        return (Finding("E007", f"{name} {value!r}", "cannot be used", fix),)
    if name in _READ:
        try:
            _READ[name](value)
        except InputError as error:
            return error.findings
    return ()


@dataclass(frozen=True)
class _Number:
    """The valid range of a number; ``above``: larger than the least one."""

    kind: type[int] | type[float]
    least: float
    most: float = float("inf")
    above: bool = False

    def allows(self, value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, Integral if self.kind is int else Real):
            return False
        try:
            number = float(value)
        except OverflowError:
            return False
        above_least = number > self.least if self.above else number >= self.least
        return above_least and number <= self.most and number < float("inf")

    def __str__(self) -> str:
        noun = "a whole number" if self.kind is int else "a number"
        bounds = [f"{'above' if self.above else 'of at least'} {self.least:g}"]
        bounds += [f"up to {self.most:g}"] if self.most < float("inf") else []
        return f"{noun} {' and '.join(bounds)}"


_CHOICES: Mapping[str, Callable[[], Sequence[str]]] = {
    "method": METHODS.names,
    "effort": lambda: tuple(EFFORTS),
    "backend": BACKENDS.names,
    "place": PLACERS.names,
    "until": lambda: STEP_NAMES,
    "encoding": lambda: ("constant", "rate"),
    "decide": lambda: tuple(RULES),
}
_NAMES = {"device": "cpu", "keep_to": "net"}
"""Names that are looked up later, with one of them."""
_NUMBERS: Mapping[str, _Number] = {
    "confidence": _Number(float, 0.5, 0.999999),
    "episodes": _Number(int, 4),
    "candidates": _Number(int, 1),
    "lowest_ratio": _Number(float, 0, 1, above=True),
    "epochs": _Number(float, 0, above=True),
    "seed": _Number(int, 0, 2**32 - 1),
    "threads": _Number(int, 1, 1024),
    "jobs": _Number(int, 1, 1024),
    "time_limit": _Number(float, 0, above=True),
    "timeout": _Number(float, 0, above=True),
    "samples": _Number(int, 1),
    "weight_bits": _Number(int, 1, 64),
    "steps": _Number(int, 1, 100_000),
    "bin_ms": _Number(float, 0, above=True),
    "bin_events": _Number(int, 1),
    "crop": _Number(int, 1),
    "downsample": _Number(int, 1),
}


def deploy_options(settings: Mapping[str, Any], output: Path) -> DeployOptions:
    """Return the options of a deployment; raise :class:`InputError` (E007) for invalid budgets."""
    given = settings.get
    budgets = ask({name: given(name) for name in RESOURCES.names()})
    if not budgets:
        fix = f"give one of {', '.join(RESOURCES.get(name).option for name in RESOURCES.names())}"
        raise InputError.of("E007", "budget", "none was given", fix)
    search = EFFORTS[settings.get("effort", "normal")]
    search = replace(search, **_settings_given(settings, "method", "episodes", "candidates", "lowest_ratio"))
    if given("epochs") is not None:
        search = replace(search, finish=FinetuneConfig(epochs=settings["epochs"]))
    search = search.training(decide=given("decide"), augment=augmentations(given("augment")))
    if given("resume") and given("force"):
        message = "--resume continues an earlier run, --force replaces it"
        raise InputError.of("E007", "--resume --force", message, "give one of them")
    backend = given("backend")
    if backend is not None and not BACKENDS.get(backend).is_independent:
        backend = None  # the emulator does not prove itself
    return DeployOptions(
        output,
        budgets,
        LoweringOptions(given("weight_bits"), given("keep_to")),
        backend=backend,
        search=search,
        execution=_execution(settings),
        validate_samples=settings.get("samples", DeployOptions.validate_samples),
        backend_timeout=given("timeout"),
        time_limit=given("time_limit"),
        adapt=bool(given("adapt")),
        allow_loss=bool(given("allow_loss")),
        resume=bool(given("resume")),
        force=bool(given("force")),
        until=given("until"),
        confidence=settings.get("confidence", DeployOptions.confidence),
        place=settings.get("place") or DeployOptions.place,
    )


def augmentations(named: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the names that a setting holds, empty text none; raise :class:`InputError` (E008) for others."""
    if named is None or (isinstance(named, str) and not named):
        return ()
    names = [name.strip() for name in named.split(",")] if isinstance(named, str) else named
    if not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        raise InputError.of("E008", f"augment {named!r}", "is not a name", f"give {','.join(AUGMENTATIONS.names())}")
    for name in names:
        AUGMENTATIONS.get(name)
    return tuple(names)


def _execution(settings: Mapping[str, Any]) -> Execution:
    execution = Execution(**_settings_given(settings, "threads", "device", "jobs", "seed"))
    memory = settings.get("memory")
    return execution if memory is None else replace(execution, memory=_memory(memory))


def _memory(size: Any) -> int:
    """Return the bytes of a size; raise :class:`InputError` (E007) for what is none."""
    try:
        return bytes_of(size)
    except (OverflowError, TypeError, ValueError) as error:
        fix = "give a size such as 4GiB, or a number of bytes"
        raise InputError.of("E007", f"memory {size!r}", "cannot be used", fix) from error


def data_options(settings: Mapping[str, Any], network: Network | None = None) -> DataOptions:
    """Return how data are to be loaded, for a network where it is known already.

    Raises :class:`InputError` (E016) for a normalisation that cannot be read.
    """
    coding = _settings_given(settings, "steps", "encoding", "bin_ms", "bin_events", "crop", "downsample", "seed")
    transform = InputTransform.of(settings.get("normalise"), settings.get("input_scale"))
    ends = None if network is None else network.ends
    sensor, folder = sensor_size(settings.get("sensor")), settings.get("data_dir")
    return DataOptions(folder=folder, sensor=sensor, transform=transform, network=ends, **coding)


def _settings_given(settings: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Return the settings that have a value."""
    return {name: settings[name] for name in names if settings.get(name) is not None}


_READ: Mapping[str, Callable[[Any], object]] = {"memory": _memory, "augment": augmentations}
"""What reads a setting, and raises :class:`InputError` for what it cannot."""
