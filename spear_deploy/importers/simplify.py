"""Preparing a module for import: unknown layers are refused, batch normalisation is folded, dropout removed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from spear_deploy.errors import Finding, UnsupportedError
from spear_deploy.importers.plain import PLAIN, plain_findings, replacement

_WEIGHTED = (nn.Linear, nn.Conv1d, nn.Conv2d)
_PASSING = (_DropoutNd, nn.Identity)


def refuse_unknown(
    model: nn.Module,
    neurons: tuple[type, ...],
    stateful: tuple[type, ...],
    layers: tuple[type, ...] = (),
    equals: Mapping[type, str] = MappingProxyType({}),
) -> None:
    """Raise :class:`UnsupportedError` (E021) with every layer that is neither in ``neurons``, nor plain, nor removed.

    ``stateful`` are the framework's base classes of neurons, ``layers`` further supported types, and ``equals`` give
    replacements for unsupported ones.  Containers, and modules with a known layer, are checked by the layers within;
    any other module, such as a neuron with its surrogate function, by itself.  Unsupported settings of plain layers are
    findings too.
    """
    expected = (*neurons, *PLAIN, *layers, *_PASSING, _BatchNorm)
    findings = list(plain_findings(model))
    for name, layer in _leaves(model, expected, stateful):
        if not isinstance(layer, expected) or _is_variant(layer, neurons):
            known = equals.get(type(layer)) or replacement(layer)
            fix = known or f"use one of {_names(neurons)} and retrain"
            if not (isinstance(layer, stateful) or known):
                fix += f"; layers without a state: {_names(PLAIN)}"
            findings.append(Finding("E021", f"layer {name!r}", f"{type(layer).__name__} cannot be exported", fix))
    if findings:
        raise UnsupportedError(findings)


def _names(kinds: tuple[type, ...]) -> str:
    return ", ".join(kind.__name__ for kind in kinds)


def _leaves(
    model: nn.Module, known: tuple[type, ...], stateful: tuple[type, ...], prefix: str = ""
) -> Iterator[tuple[str, nn.Module]]:
    """Layers that compute something: known and stateful ones with all they contain, and modules without children."""
    for name, layer in model.named_children():
        has_parts = any(True for _ in layer.children())
        opens = _package(type(layer)) == "torch" or any(isinstance(part, known) for part in [*layer.modules()][1:])
        inner = isinstance(layer, (*known, *stateful)) or not (has_parts and opens)
        yield from [(prefix + name, layer)] if inner else _leaves(layer, known, stateful, f"{prefix}{name}.")


def _is_variant(layer: nn.Module, neurons: tuple[type, ...]) -> bool:
    """Whether it is the framework's own subclass of a neuron, which computes something else.

    A user's subclass may add nothing that matters; the check beside the network shows it.
    """
    kind = type(layer)
    return isinstance(layer, neurons) and kind not in neurons and _package(kind) in map(_package, neurons)


def _package(kind: type) -> str:
    return kind.__module__.partition(".")[0]


def simplify(model: nn.Module, sample: Tensor, passing: tuple[type, ...] = ()) -> None:
    """Fold batch normalisation into the layer before it and remove dropout, in place.

    A removed layer is replaced by a plain function, which tracing passes over.  ``sample`` is run through the model
    once; ``passing`` are types of the framework that return their input in evaluation.
    Raises :class:`UnsupportedError` (E021) if no layer can absorb the normalisation.
    """
    for name, layer in list(model.named_modules()):
        if isinstance(layer, (*_PASSING, *passing)):
            _take_out(model, name)
    norms = {name: layer for name, layer in model.named_modules() if isinstance(layer, _BatchNorm)}
    sources = _sources(model, norms, sample) if norms else {}
    findings = []
    for name, norm in norms.items():
        if name not in sources:  # forward does not call it
            continue
        before = sources[name]
        if before is None or norm.running_mean is None:
            message = "batch normalisation that does not follow a linear or convolutional layer of its own"
            findings.append(Finding("E021", f"layer {name!r}", message, "use it with running statistics, after one"))
            continue
        _fold(before, norm)
        _take_out(model, name)
    if findings:
        raise UnsupportedError(findings)


def _take_out(model: nn.Module, name: str) -> None:
    path, _, last = name.rpartition(".")
    parent = model.get_submodule(path)
    delattr(parent, last)
    if not isinstance(parent, nn.Sequential):
        object.__setattr__(parent, last, _identity)


def _identity(x: Tensor) -> Tensor:
    return x


def _sources(model: nn.Module, norms: Mapping[str, nn.Module], sample: Tensor) -> dict[str, nn.Module | None]:
    """Return the weighted layer whose output is the whole input of each normalisation; None without one."""
    made: list[tuple[nn.Module, Tensor]] = []
    taken: dict[str, list[nn.Module | None]] = {name: [] for name in norms}

    def enter(name: str, x: Tensor) -> None:
        taken[name].append(next((layer for layer, y in made if y is x), None))

    handles = [
        layer.register_forward_hook(lambda layer, _, y: made.append((layer, y)))
        for layer in model.modules()
        if isinstance(layer, _WEIGHTED)
    ]
    for name, norm in norms.items():
        handles.append(norm.register_forward_pre_hook(lambda _, x, name=name: enter(name, x[0])))
    with torch.no_grad():
        model(sample)
    for handle in handles:
        handle.remove()
    calls = Counter(layer for layer, _ in made)
    sources: dict[str, nn.Module | None] = {}
    for name, layers in taken.items():
        alone = len(set(layers)) == 1 and layers[0] is not None and calls[layers[0]] == len(layers)
        if layers:
            sources[name] = layers[0] if alone else None
    return sources


def _fold(layer: nn.Module, norm: _BatchNorm) -> None:
    assert isinstance(layer, _WEIGHTED)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = torch.rsqrt(norm.running_var + norm.eps) * (1.0 if norm.weight is None else norm.weight)
    shift = (0.0 if norm.bias is None else norm.bias) - norm.running_mean * scale
    bias = shift if layer.bias is None else layer.bias * scale + shift
    layer.weight = nn.Parameter((layer.weight * scale.reshape(-1, *[1] * (layer.weight.ndim - 1))).detach())
    layer.bias = nn.Parameter(bias.detach())
