"""Live modules: a copy that may be changed, and the outputs of its layers over time."""

from __future__ import annotations

import copy
import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves
from torch.utils.hooks import RemovableHandle

from spear_deploy.errors import BackendError, Finding, InputError, SpearError, UnsupportedError
from spear_deploy.network.finite import findings_of
from spear_deploy.network.ops import Shape

OUTPUT = ""
"""The name under which a module's own output is recorded."""
STEPS = 64
"""Steps of a comparison, of modules that compute as many as they are given."""


def framework(name: str, *parts: str) -> list[ModuleType]:
    """Import a framework and parts of it; raise BackendError (E064) without it."""
    try:
        return [importlib.import_module(part) for part in (name, *(f"{name}.{part}" for part in parts))]
    except ModuleNotFoundError as error:
        package = name.partition(".")[0]
        message = f"cannot be imported: there is no module {error.name!r}"
        raise BackendError.of("E064", package, message, f"pip install {package}") from error


def working_copy(module: nn.Module) -> nn.Module:
    """Return a copy on the CPU in evaluation mode that shares nothing with ``module``; it has children.

    Its parameters are single precision, as those of a network: a module of another one is run so.

    Tensors with a history, such as the states that training leaves behind, are copied without it.
    Raises :class:`InputError` (E028) with every layer whose parameters are not finite, and :class:`UnsupportedError`
    (E021) for a module that cannot be copied.
    """
    _refuse_nan(module)
    memo = {
        id(leaf): leaf.detach().clone()
        for part in module.modules()
        for leaf in tree_leaves(vars(part))
        if isinstance(leaf, Tensor) and not leaf.is_leaf
    }
    try:
        model: nn.Module = copy.deepcopy(module, memo).cpu().float().eval()
    except Exception as error:  # layers may have a way of their own of being copied
        message = f"the module cannot be copied: {type(error).__name__}: {error}"
        fix = "give one that copy.deepcopy copies: it is not run itself, and stays as it is"
        raise UnsupportedError.of("E021", type(module).__name__, message, fix) from error
    return with_children(model)


def with_children(module: nn.Module) -> nn.Module:
    """Return a module whose layers are its children: a single layer is put into a container."""
    return module if any(True for _ in module.children()) else nn.Sequential(module)


def full(value: Tensor, shape: Sequence[int], where: str) -> Tensor:
    """Return a parameter of a layer whose neurons have ``shape``, one value for each; it may have an axis of the batch.

    Raises :class:`UnsupportedError` (E021) for one that has values for each sample, or does not fit.
    """
    ahead = value.ndim - len(shape)
    try:
        return value.detach().squeeze(tuple(range(max(ahead, 0)))).expand(*shape).clone()
    except RuntimeError as error:
        message = f"a parameter of shape {tuple(value.shape)} is not one for each of its neurons {tuple(shape)}"
        raise UnsupportedError.of("E021", where, message, "give it one value, or a value for each neuron") from error


def _refuse_nan(module: nn.Module) -> None:
    """Refuse parameters that are not numbers; an infinite one may be the threshold that switches a neuron off."""
    findings: list[Finding] = []
    for name, layer in module.named_modules():
        own = {key: value.detach().cpu().double().numpy() for key, value in layer.named_parameters(recurse=False)}
        held = {key: array for key, array in own.items() if "threshold" not in key or np.isnan(array).any()}
        findings += findings_of(f"layer {name!r}" if name else "the module", held)
    if findings:
        raise InputError(findings)


def one_step(sample: object) -> Tensor:
    """Return one step of input (B, *shape) on the CPU; raise :class:`InputError` (E005) for what is no such tensor."""
    if not isinstance(sample, Tensor) or sample.ndim < 2 or not sample.numel():
        found = f"of shape {tuple(sample.shape)}" if isinstance(sample, Tensor) else f"a {type(sample).__name__}"
        fix = "give one step of input with its batch axis, torch.zeros(1, *shape)"
        raise InputError.of("E005", "sample", f"is {found}", fix)
    return sample.detach().cpu()


def refuse_misfit(model: nn.Module, example: Tensor, sample: Tensor, where: str) -> None:
    """Raise :class:`InputError` (E005) for a ``sample`` (B, *shape) that the module cannot take.

    A copy is called once with ``example``, which is the sample as the framework wants it.
    """
    try:
        with torch.no_grad():
            copy.deepcopy(model)(example)
    except (TypeError, *OWN_MISTAKES) as error:
        raise code_that_fails(model, error) from error
    except Exception as error:  # every layer has its own way of saying no
        raise misfit(error, tuple(sample.shape[1:]), where) from error


def misfit(reason: object, shape: Shape, where: str, step: Shape = ()) -> SpearError:
    """Return the error (E005) for a step of a ``shape`` that a module cannot take, and why; ``step``: what it takes."""
    told = next(iter(str(reason).splitlines()), type(reason).__name__)
    message = f"the module cannot take a step of shape {shape}: {told}"
    fix = "give the shape of one sample in one step, without batch and time, as its first layer takes it"
    known = f": {step}, which is --input {','.join(map(str, step))}" if step else ""
    return InputError.of("E005", where, message, f"{fix}{known}")


OWN_MISTAKES = (AttributeError, NameError, KeyError, ArithmeticError, OSError, ImportError)
"""Exceptions that layers do not raise for a wrong shape: mistakes of a module's own code."""


@contextmanager
def own_code(module: nn.Module) -> Iterator[None]:
    """Raise :class:`InputError` (E048) for whatever a module's own code raises in the block."""
    try:
        yield
    except SpearError:
        raise
    except Exception as error:  # of any class: it is the user's
        raise code_that_fails(module, error) from error


def code_that_fails(module: nn.Module, error: Exception) -> SpearError:
    """Return the error (E048) for what a module's own code raised."""
    message = f"its own code fails: {type(error).__name__}: {error}"
    fix = "let the module run over several steps, one a call"
    if isinstance(error, TypeError):  # what is not given to it as it wants it, such as a state, or a layer's output
        fix += (
            ": a layer takes the output alone of the one before; of Norse, SequentialState sees to that, or "
            "forward(x, state=None) that returns its output and its state"
        )
    return InputError.of("E048", type(module).__name__, message, fix)


@dataclass(frozen=True)
class Live:
    """A module with all that is needed to run it over time, whatever its framework's habits are.

    ``layers`` are its neuron layers by the names of their nodes.  ``split`` turns values (T, B, *shape) into what
    layers take, call by call, and ``join`` turns back what they return; ``calls`` makes of that what the module takes.
    ``start`` sets all states to their first values and returns the function that makes a call.  ``shape`` is the
    input's: a map of one dimension (C, L) is (C, 1, L) in a network.  ``held`` makes input (T, B, *shape) such as the
    module can be given, over ``steps`` steps.
    """

    shape: tuple[int, ...]
    model: nn.Module
    layers: Mapping[str, nn.Module]
    split: Callable[[Tensor], Iterable[Tensor]]
    join: Callable[[list[Tensor]], Tensor]
    start: Callable[[], Callable[[Tensor], object]]
    calls: Callable[[Sequence[Tensor]], Sequence[Tensor]] = list
    held: Callable[[Tensor], Tensor] = torch.clone
    steps: int = STEPS

    def run(self, x: Tensor, drive: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return what every neuron layer and (as :data:`OUTPUT`) the module emit: (T, B, *shape).

        ``drive`` is added to the input of neuron layers.  Raises :class:`UnsupportedError` (E021) for layers that
        are not called exactly once a step: two places would share one state; and :class:`InputError` (E048) with what
        the module's own code raises.
        """
        parts = [*self.split(x.reshape(*x.shape[:2], *self.shape))]
        given = self.calls(parts)
        drives = {name: iter([*self.split(value)]) for name, value in drive.items()}
        seen: dict[str, list[Tensor]] = {name: [] for name in (*self.layers, OUTPUT)}

        def enter(name: str, arguments: tuple[Any, ...]) -> tuple[Any, ...] | None:
            more = next(drives[name], None) if name in drives else None
            return None if more is None else (arguments[0] + more.reshape(arguments[0].shape), *arguments[1:])

        handles: list[RemovableHandle] = []
        for name, layer in {**self.layers, OUTPUT: self.model}.items():
            handles.append(layer.register_forward_pre_hook(lambda _, x, name=name: enter(name, x)))
            handles.append(
                layer.register_forward_hook(lambda _, __, y, name=name: seen[name].append(first(y).detach()))
            )
        with torch.no_grad():
            call = self.start()
            with own_code(self.model):
                for part in given:
                    call(part)
        for handle in handles:
            handle.remove()
        of_module = seen.pop(OUTPUT)
        wrong = {name: len(outputs) for name, outputs in seen.items() if len(outputs) != len(parts)}
        if wrong:
            fix = "use every neuron layer once a step, and let the module compute one step a call or loop over all"
            told = [f"ran {count} times in {len(parts)} steps" for count in wrong.values()]
            raise UnsupportedError([Finding("E021", f"layer {n!r}", t, fix) for n, t in zip(wrong, told, strict=True)])
        joined = {name: self.join(outputs) for name, outputs in seen.items()}
        return joined | {OUTPUT: self.join(of_module) if len(of_module) == len(parts) else of_module[0]}


def first(output: Tensor | Sequence[Tensor]) -> Tensor:
    """Return what a layer sends on: its spikes, where it returns its states with them."""
    return output if isinstance(output, Tensor) else output[0]
