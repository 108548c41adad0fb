"""Tracing a module's forward: it is run once, and followed from layer to layer as a NIR graph.

The frameworks' exporters follow layers only, and lose what a forward does between them.  Here functions are traced
too: sums of paths (skip connections), mean pools, flattening, products with a number.  Anything else between two
layers is a finding that names it; :mod:`spear_deploy.importers.check` shows that nothing was misread.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from spear_deploy.errors import Finding, InputError, MismatchError, UnsupportedError
from spear_deploy.frontends.imported import Imported
from spear_deploy.frontends.nir.file import NirGraph, NirNode, unique_name
from spear_deploy.frontends.nir.reader import convert
from spear_deploy.frontends.semantics import Semantics
from spear_deploy.importers.live import first, misfit, own_code
from spear_deploy.importers.plain import PLAIN, function_fix, plain_node, plain_problems
from spear_deploy.network.ops import Shape

NodeOf: TypeAlias = Callable[[nn.Module, Shape, str], NirNode]
"""Makes the node of a layer of neurons for an output shape, given its name in findings."""

_SUMS = ("add", "add_", "__add__", "__iadd__", "__radd__")
_PRODUCTS, _QUOTIENTS = ("mul", "__mul__", "__rmul__"), ("div", "true_divide", "__truediv__")
_RESHAPES = ("flatten", "view", "reshape", "squeeze", "unsqueeze")
_SAME = ("clone", "contiguous", "cpu", "detach", "float", "requires_grad_", "to")
_STEPS = ("__getitem__", "chunk", "movedim", "permute", "select", "split", "transpose", "unbind")
"""Functions that pick steps, or reorder the axes before a step's own."""
_AXES = (*_RESHAPES, "expand", "repeat", "unflatten")
"""Functions that join, split or add axes of batch and time if they keep a step's own."""
_OVER_STEPS = ("cat", "mean", "stack", "sum")
"""Functions that combine a layer's outputs of several steps; with quotients, a mean."""
_DROPOUTS = ("alpha_dropout", "dropout", "dropout1d", "dropout2d", "feature_alpha_dropout")


@dataclass(frozen=True)
class Made:
    """An output of a node: its ``name``, and the number of the ``call`` in the forward."""

    name: str
    call: int = 0


@dataclass(frozen=True)
class Origin:
    """The origin of a tensor: the outputs of which it is the sum, or a function that cannot be traced."""

    parts: tuple[Made, ...]
    lost_in: str = ""

    @property
    def is_of_one_node(self) -> bool:
        """Whether all parts are outputs of one node, in one step or several."""
        return len({part.name for part in self.parts}) == 1


def trace(
    model: nn.Module,
    example: Tensor,
    shape: Shape,
    kinds: tuple[type[nn.Module], ...],
    neuron_node: NodeOf,
    steps: int = 1,
) -> NirGraph:
    """Return the graph of a module whose layers are of ``kinds`` and of :data:`~spear_deploy.importers.plain.PLAIN`.

    ``example`` is the module's argument for a call that computes ``steps`` steps; its last axes are ``shape``, those
    before are batch and time, whose lengths should not be 1 so that they can be told apart.  Nodes have the names of
    layers or functions; a layer called twice in a step gives two nodes.
    Raises :class:`UnsupportedError` (E021) with every place where tracing is lost, and :class:`InputError`: E048 with
    an exception of the module's own code, E005 if an input of the wrong shape reaches a Linear.
    """
    names = {layer: name for name, layer in model.named_modules() if isinstance(layer, kinds)}
    entry, end = (unique_name(port, names.values()) for port in ("input", "output"))
    follower = _Follower(names, shape, neuron_node)
    follower.begin(example, Made(entry))
    with follower.watching(), torch.no_grad(), own_code(model), follower:
        emitted = first(model(example))
    follower.reach(Made(end), "the module's output", emitted)
    return _folded(follower, steps, {entry: "Input", end: "Output"}, shape)


def _folded(follower: _Follower, steps: int, ports: Mapping[str, str], shape: Shape) -> NirGraph:
    """Return one node for the calls of all steps."""
    names: dict[Made, str] = {Made(port): port for port in ports}
    findings = list(follower.findings)
    for name, count in follower.calls.items():
        copies = count // steps if count % steps == 0 else count
        if copies > 1 and name in follower.neurons:
            message = f"runs {copies} times a step: two places would share one state"
            findings.append(Finding("E021", f"layer {name!r}", message, "use every neuron layer once a step"))
        own = [name]
        for _ in range(1, copies):
            own.append(unique_name(name, names.values(), own))
        names |= {Made(name, call): own[call % copies] for call in range(count)}
    if findings:
        raise UnsupportedError(dict.fromkeys(findings))
    nodes = {port: NirNode(kind, {"shape": np.array(shape)}) for port, kind in ports.items()}  # an Output's is not read
    nodes |= {names[made]: node for made, node in follower.nodes.items()}
    return NirGraph(nodes, tuple(sorted({(names[a], names[b]) for a, b in follower.edges})))


def to_network(graph: NirGraph, semantics: Semantics, name: str) -> Imported:
    """Turn a traced graph into a network; one that cannot be executed is a :class:`MismatchError` (E052)."""
    try:
        return convert(graph, semantics)
    except InputError as error:
        message = f"its forward was followed to a graph that is none: {error}"
        fix = "lead every layer's output to one layer or to a sum, and the last one's to the module's output"
        raise MismatchError.of("E052", name, message, fix) from error


@dataclass(frozen=True)
class _Call:
    """A call of a function between layers: the function, its arguments and its result."""

    name: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    result: Any
    known: list[Tensor]
    """The arguments whose origin is known, or was lost."""

    @property
    def numbers(self) -> list[float]:
        """The arguments that are numbers."""
        return [value for value in (*self.args, *self.kwargs.values()) if isinstance(value, int | float)]

    def option(self, name: str, position: int, default: Any) -> Any:
        """Return an argument, given by name or position."""
        return self.kwargs.get(name, self.args[position] if len(self.args) > position else default)


class _Follower(TorchFunctionMode):
    """Traces tensors through the functions of a forward, and through layers by hooks, but not inside layers.

    ``shape`` is that of one step of the input.  The number of batch and time axes of every tensor is known.
    """

    def __init__(self, layers: Mapping[nn.Module, str], shape: Shape, neuron_node: NodeOf) -> None:
        super().__init__()
        self._layers, self._shape, self._neuron_node = layers, shape, neuron_node
        self.origins: dict[int, Origin] = {}
        self._leads: dict[int, int] = {}
        self.nodes: dict[Made, NirNode] = {}
        self.edges: set[tuple[Made, Made]] = set()
        self.findings: list[Finding] = []
        self.calls: Counter[str] = Counter()
        self.neurons: set[str] = set()
        self._held: list[Tensor] = []  # keeps tensors alive, so that no id is reused
        self._within = 0
        self._input = Origin(())

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call a function, and trace it unless a layer calls it."""
        result = func(*args, **(kwargs or {}))
        if not self._within:
            known = [t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor) and id(t) in self.origins]
            made = [t for t in tree_leaves(result) if isinstance(t, Tensor)]
            if known and made:
                call = _Call(func.__name__, args, kwargs or {}, result, known)
                nodes = len(self.nodes)
                origin = self._origin(call)
                for tensor in made:
                    own = self._shape_of(known[0])
                    keeps = len(self.nodes) == nodes and _ends_in(tensor, own)
                    self._made(tensor, origin, tensor.ndim - len(own) if keeps else self._lead(known[0]))
        return result

    def begin(self, x: Tensor, made: Made) -> None:
        """Trace the module's input."""
        self._input = Origin((made,))
        self._made(x, self._input, x.ndim - len(self._shape))

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Trace calls of layers in the block."""
        with ExitStack() as stack:
            for layer in self._layers:
                stack.callback(layer.register_forward_pre_hook(self._enter).remove)
                stack.callback(layer.register_forward_hook(self._leave, with_kwargs=True).remove)
            yield

    def reach(self, end: Made, where: str, x: Tensor) -> None:
        """Connect a tensor to a node; note a finding if its origin is lost."""
        origin = self.origins.get(id(x))
        if origin is None:
            message = "takes what comes neither from a layer nor from the module's input"
            self.findings.append(Finding("E021", where, message, "make of it a layer, or a state within one"))
        elif origin.lost_in:
            told = " and ".join(repr(name) for name in dict.fromkeys(part.name for part in origin.parts))
            message = f"takes what {origin.lost_in}() makes of {told} in forward, which has no equal"
            self.findings.append(Finding("E021", where, message, function_fix(origin.lost_in)))
        else:
            self.edges |= {(part, end) for part in origin.parts}

    def _enter(self, layer: nn.Module, args: Any) -> None:
        self._within += 1

    def _leave(self, layer: nn.Module, args: Any, kwargs: Mapping[str, Any], output: Any) -> None:
        self._within -= 1
        if not self._within:
            name, taken, emitted = self._layers[layer], next(iter((*args, *kwargs.values()))), first(output)
            where = f"layer {name!r}"
            origin = self._add(name, where, self._node(where, layer, taken, emitted), taken)
            self._made(emitted, origin, self._lead(taken))
            self.neurons |= set() if isinstance(layer, PLAIN) else {name}

    def _node(self, where: str, layer: nn.Module, taken: Tensor, emitted: Tensor) -> NirNode:
        shape, kind = self._shape_of(taken), type(layer).__name__
        if isinstance(layer, nn.Linear) and len(shape) > 1 and self.origins.get(id(taken)) == self._input:
            vector = (layer.in_features,)  # torch takes any axes before it, those of batch and time among them
            raise misfit(f"{kind} takes a vector of {layer.in_features}", self._shape, where, vector)
        self.findings += [Finding("E021", where, f"{kind} {told}", fix) for told, fix in plain_problems(layer, shape)]
        plain = plain_node(layer, shape)
        own = tuple(emitted.shape[self._lead(taken) :])
        return self._neuron_node(layer, own, where) if plain is None else plain

    def _add(self, name: str, where: str, node: NirNode, taken: Tensor) -> Origin:
        """Add a node and return its output."""
        made = Made(name, self.calls[name])
        self.calls[name] += 1
        self.nodes[made] = node
        self.reach(made, where, taken)
        return Origin((made,))

    def _shape_of(self, x: Tensor) -> Shape:
        """Return a tensor's shape without axes of batch and time."""
        return tuple(x.shape[self._lead(x) :])

    def _lead(self, x: Tensor) -> int:
        """Return the number of a tensor's axes of batch and time."""
        return self._leads.get(id(x), x.ndim - len(self._shape))

    def _made(self, tensor: Tensor, origin: Origin, lead: int) -> None:
        self.origins[id(tensor)] = origin
        self._leads[id(tensor)] = lead
        self._held.append(tensor)

    def _origin(self, call: _Call) -> Origin:
        origins = [self.origins[id(tensor)] for tensor in call.known]
        parts = tuple(dict.fromkeys(part for origin in origins for part in origin.parts))
        lost = next((origin.lost_in for origin in origins if origin.lost_in), "")
        found = None if lost else self._followed(call, origins, parts)
        return Origin(parts, lost or call.name) if found is None else found

    def _followed(self, call: _Call, origins: list[Origin], parts: tuple[Made, ...]) -> Origin | None:
        """Return the origin of a function's result from its ``parts``, or None if it cannot be traced."""
        distinct = len(parts) == sum(len(origin.parts) for origin in origins)
        match origins:
            case [_, _] if call.name in _SUMS and call.option("alpha", 2, 1) == 1 and distinct:
                return Origin(parts)
            case [a] if self._passes_on(call):
                return a
            case [*_] if call.name in (*_OVER_STEPS, *_QUOTIENTS) and len(parts) > 1 and Origin(parts).is_of_one_node:
                return Origin(parts)
        node = self._function_node(call, origins)
        if node is None:
            return None
        name = unique_name(call.name, self._layers.values())
        return self._add(name, f"{call.name}() in forward", node, call.known[0])

    def _passes_on(self, call: _Call) -> bool:
        """Whether a function of one tensor returns its argument, for all steps or some."""
        (x,) = call.known
        if call.name in _DROPOUTS:
            return not call.option("training", 2, True)
        if call.name in _SUMS:  # of nothing, as sum() of a list begins
            return call.numbers == [0]
        own, given = self._shape_of(x), [y for y in tree_leaves(call.result) if isinstance(y, Tensor)]
        if call.name in (*_SAME, *_RESHAPES) and call.result.shape == x.shape:
            return True
        if call.name in _AXES and self._flattens(call.result, x):
            return False
        picks = call.name in (*_STEPS, *_AXES) or (call.name in ("mean", "sum") and self._lead(x) > 1)
        return picks and all(_ends_in(y, own) for y in given)

    def _function_node(self, call: _Call, origins: list[Origin]) -> NirNode | None:
        """Return the node equivalent to a function of one tensor."""
        x, options = call.known[0], {name: value for name, value in call.kwargs.items() if name != "input"}
        layer: nn.Module | None = None
        match call.name, origins:
            case "avg_pool2d", [_]:
                layer = nn.AvgPool2d(*call.args[1:], **options)
            case "adaptive_avg_pool2d", [_]:
                layer = nn.AdaptiveAvgPool2d(*call.args[1:], **options)
            case name, [_] if name in _RESHAPES and self._flattens(call.result, x):
                layer = nn.Flatten()
            case name, [_] if name in (*_PRODUCTS, *_QUOTIENTS) and not options:
                return _scale(call, self._shape_of(x))
            case name, [a, b] if name in _SUMS and a == b:
                return NirNode("Scale", {"scale": np.full(self._shape_of(x), 2, np.float32)})
        return None if layer is None else self._node(f"{call.name}() in forward", layer, x, call.result)

    def _flattens(self, y: Tensor, x: Tensor) -> bool:
        lead = self._lead(x)
        return y.ndim == lead + 1 < x.ndim and y.shape[:lead] == x.shape[:lead]


def _ends_in(y: Tensor, shape: Shape) -> bool:
    """Whether a tensor has these axes after at least one of batch or time."""
    return y.ndim > len(shape) and tuple(y.shape[y.ndim - len(shape) :]) == shape


def _scale(call: _Call, shape: Shape) -> NirNode | None:
    """Return the node of a product with a number, or of a quotient by one."""
    match call.numbers:
        case [number] if call.name in _PRODUCTS or (call.args[0] is call.known[0] and number):
            factor = number if call.name in _PRODUCTS else 1.0 / number
            return NirNode("Scale", {"scale": np.full(shape, factor, np.float32)})
    return None
