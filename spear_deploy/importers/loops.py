"""Modules whose forward computes all time steps, as in tutorials: how they take their input."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from spear_deploy.errors import Finding
from spear_deploy.importers.live import OWN_MISTAKES, STEPS, Live, code_that_fails, first, misfit
from spear_deploy.importers.plain import PLAIN
from spear_deploy.network.ops import Shape

Take: TypeAlias = Callable[[Sequence[Tensor]], Tensor]
"""From input by step, each (B, *shape), to what the module takes in a call."""

_BATCH = 3
_FEW = 2
"""Steps, another number than the batch's, of layers that are given all of them at once."""
_LONG = 512
"""Steps for modules that loop more often than :data:`STEPS`, with an input that they index."""


@dataclass(frozen=True)
class Loop:
    """How a module loops: over how many ``steps``, and how it takes its input."""

    steps: int
    take: Take
    told: str

    @property
    def layer_calls(self) -> int:
        """How often a layer is called for :meth:`example`."""
        return self.steps

    def example(self, sample: Tensor) -> Tensor:
        """Return what the module takes, of one step (B, *shape)."""
        return self.take([sample] * self.steps)

    def running(self, live: Live) -> Live:
        """Return how a module that is given a step a call runs over time, for this one: it is called once."""
        return replace(live, calls=lambda steps: [self.take(steps)], held=self.held, steps=self.steps)

    def notes(self, where: str) -> tuple[Finding, ...]:
        """Return the note (N011) that says what the module does in a call, and its network does not."""
        own = f"{self.steps} steps" if self.steps != STEPS else "all steps"
        message = f"its forward computes {own}, of {self.told}; the network computes one, as often as data have steps"
        return (Finding("N011", where, message, severity="note"),)

    def held(self, x: Tensor) -> Tensor:
        """Return input (T, B, *shape) as the module can have it: of one that takes a single step, that in all."""
        return x[:1].expand_as(x) if self.take is _one_for_all else x


@dataclass(frozen=True)
class AtOnce(Loop):
    """How a module takes input whose layers are given all steps in one call, (T, B, *shape)."""

    @property
    def layer_calls(self) -> int:
        """A layer is called once."""
        return 1

    def example(self, sample: Tensor) -> Tensor:
        """Return what the module takes, of a few steps of a few samples: axes of length 1 would not be told apart."""
        return self.take([torch.cat([sample[:1]] * _BATCH)] * _FEW)

    def running(self, live: Live) -> Live:
        """Return the same for this module."""
        once = replace(live, split=lambda x: [x], join=lambda outputs: outputs[0])
        return replace(once, calls=lambda whole: [self.take([*whole[0]])], held=self.held, steps=self.steps)

    def notes(self, where: str) -> tuple[Finding, ...]:
        """Return the same where the module takes its input otherwise than its layers do."""
        return () if self.take is _time_first else super().notes(where)


def _one_for_all(steps: Sequence[Tensor]) -> Tensor:
    return steps[0]


def _time_first(steps: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(steps))


def _batch_first(steps: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(steps), 1)


_WAYS: tuple[tuple[Take, str, tuple[int, ...]], ...] = (
    (_one_for_all, "the same input in every step", (1,)),
    (_time_first, "input (T, B, *shape)", (STEPS, _LONG)),
    (_batch_first, "input (B, T, *shape)", (STEPS, _LONG)),
)
"""Ways of taking input, how they are told, and of how many steps each is tried."""


def find_loop(
    model: nn.Module, neurons: Mapping[str, nn.Module], shape: Shape, start: Callable[[], object]
) -> Loop | None:
    """Return how a module loops; None for one that computes a step a call, or takes none of these inputs.

    Copies are called with each kind of input, after ``start``.  It loops if every layer of neurons is called equally
    often, each time with the samples of a batch, and a layer with weights as often: two places may share neurons alone.
    Raises :class:`InputError` (E005) for a shape with axes of time or batch.
    """
    _refuse_steps_within(model, neurons, shape, start)
    for take, told, lengths in _WAYS:
        for length in lengths:
            start()
            count = _count(*_trial(model, neurons), take([torch.zeros(_BATCH, *shape)] * length))
            if count == 1 and take is _one_for_all:
                return None
            if count is not None and count > 1:
                return Loop(count, take, told)
    return None


def find_sequence(
    model: nn.Module, neurons: Mapping[str, nn.Module], shape: Shape, start: Callable[[], object]
) -> AtOnce:
    """Return how a module takes input whose layers of neurons are given all steps in one call.

    Copies are called with each kind of input, after ``start``; time is first of one that takes none of them.
    """
    for take, told, _ in (*_WAYS[1:], _WAYS[0]):
        start()
        steps = _sequence(*_trial(model, neurons), take([torch.zeros(_BATCH, *shape)] * _FEW))
        if steps is not None and take is _one_for_all:
            return AtOnce(steps, take, told)
        if steps == _FEW:
            return AtOnce(STEPS, take, told)
    return AtOnce(STEPS, *_WAYS[1][:2])


def _sequence(model: nn.Module, neurons: Sequence[nn.Module], x: Tensor) -> int | None:
    """Return how many steps each layer of neurons is given in its one call, or None where that differs or it fails."""
    leads: list[tuple[int, ...]] = []
    if not _runs(model, x, neurons, lambda _, __, output: leads.append(first(output).shape[:2])):
        return None
    alike = len(leads) == len(neurons) and len(set(leads)) == 1 and leads[0][1:] == (_BATCH,)
    return leads[0][0] if alike else None


def refused_input(
    model: nn.Module, neurons: Mapping[str, nn.Module], shape: Shape, start: Callable[[], object]
) -> Exception | None:
    """Return why a module takes input of no kind; None if it takes one, or wants to be given more, such as states.

    Raises :class:`InputError` (E048) for a mistake of its own code.
    """
    errors = list[Exception]()
    for take, _, lengths in _WAYS:
        start()
        trial, _ = _trial(model, neurons)
        try:
            with torch.no_grad():
                trial(take([torch.zeros(_BATCH, *shape)] * lengths[0]))
        except TypeError:
            return None
        except OWN_MISTAKES as error:
            raise code_that_fails(model, error) from error
        except Exception as error:  # every layer has its own way of saying no
            errors.append(error)
        else:
            return None
    return errors[0]


def _refuse_steps_within(
    model: nn.Module, neurons: Mapping[str, nn.Module], shape: Shape, start: Callable[[], object]
) -> None:
    """Raise :class:`InputError` (E005) for a shape whose first axes are those that a module loops over, or its batch.

    It is one if without them the module loops over as many steps as it is given.
    """
    for axes in range(len(shape) - 1, 0, -1):
        step = shape[axes:]
        for take in (_time_first, _batch_first):
            start()
            if _count(*_trial(model, neurons), take([torch.zeros(_BATCH, *step)] * STEPS)) == STEPS:
                raise misfit(f"it loops over steps of shape {step}", shape, type(model).__name__, step)


def _trial(model: nn.Module, neurons: Mapping[str, nn.Module]) -> tuple[nn.Module, list[nn.Module]]:
    """Return a copy of a module with its layers of neurons."""
    return copy.deepcopy((model, [*neurons.values()]))


def _count(model: nn.Module, neurons: Sequence[nn.Module], x: Tensor) -> int | None:
    """Return how often each layer of neurons is called, or None where that differs or the module fails."""
    calls: Counter[nn.Module] = Counter()
    batches: set[int] = set()

    def called(layer: nn.Module, _: object, output: Any) -> None:
        calls[layer] += 1
        batches.add(len(first(output)))

    watched = [layer for layer in model.modules() if isinstance(layer, PLAIN) or layer in neurons]
    if not _runs(model, x, watched, called):
        return None
    counts = {calls[layer] for layer in neurons}
    of_weights = {calls[layer] for layer in watched if isinstance(layer, PLAIN)}
    return min(counts) if len(counts) == 1 and batches == {_BATCH} and counts <= of_weights else None


def _runs(
    model: nn.Module, x: Tensor, watched: Sequence[nn.Module], called: Callable[[nn.Module, Any, Any], None]
) -> bool:
    """Run a module, and say whether it takes ``x``; ``called`` is told of each call of the layers ``watched``."""
    handles = [layer.register_forward_hook(called) for layer in watched]
    try:
        with torch.no_grad():
            model(x)
    except Exception:  # it takes another input
        return False
    finally:
        for handle in handles:
            handle.remove()
    return True
