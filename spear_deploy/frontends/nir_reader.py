"""From a stored NIR graph and its semantics to a :class:`~spear_deploy.network.Network`.

Linear nodes between two neurons become one projection; a path is one projection, so that several edges
into a node are a sum.  All findings of a graph are reported at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.errors import Finding, InputError, SpearError, UnsupportedError
from spear_deploy.frontends import nir_file
from spear_deploy.frontends.nir_file import NirGraph, NirNode
from spear_deploy.frontends.nir_neurons import NEURON_TYPES, identity_readout, neuron_of, recover_dt
from spear_deploy.frontends.semantics import PRESETS, Semantics, from_json
from spear_deploy.network import (
    AvgPool2d,
    Conv2d,
    Flatten,
    Linear,
    LinearOp,
    Network,
    Population,
    Projection,
    Scale,
    ShapeError,
    SumPool2d,
)
from spear_deploy.network.ops import Pair, Shape

METADATA_KEY = "spear_deploy"
_LINEAR_TYPES = ("Affine", "AvgPool2d", "Conv2d", "Flatten", "Linear", "Scale", "SumPool2d")
SUPPORTED_TYPES = ("Input", "Output", *_LINEAR_TYPES, *NEURON_TYPES)


@dataclass(frozen=True)
class Imported:
    """An imported network, the semantics it was read with, and notes on what was inferred or repaired."""

    network: Network
    semantics: Semantics
    notes: tuple[Finding, ...] = ()


def load(path: Path | str, semantics: Semantics | None = None, overrides: Mapping[str, Any] | None = None) -> Imported:
    """Read a NIR file.

    ``semantics`` is omitted for files that this tool wrote: they carry them.  ``overrides`` replaces single
    fields of either.

    Raises:
        InputError: E001..E004 (unreadable, damaged, not executable), E023, E024 (also for semantics that
            contradict those that the file carries).
        UnsupportedError: E020 without semantics, E021 and E022 with every node concerned.
    """
    path = Path(path)
    graph = nir_file.read(path)
    carried = _carried_semantics(graph, path)
    if semantics is not None and carried is not None and semantics != carried:
        message = "the file carries its own semantics, and those given differ"
        raise InputError.of("E024", path, message, "leave out --semantics; single fields may be overridden")
    base = semantics or carried
    if base is None:
        raise missing_semantics(path)
    return convert(graph, replace(base, **(overrides or {})))


def _carried_semantics(graph: NirGraph, path: Path) -> Semantics | None:
    stored = graph.metadata.get(METADATA_KEY, {})
    text = stored.get("semantics") if isinstance(stored, dict) else None
    return None if text is None else from_json(str(text), str(path))


def missing_semantics(path: Path) -> SpearError:
    """Return the error that lists the presets (E020)."""
    presets = "\n".join(f"       {name:<13} {text}" for name, (_, text) in PRESETS.items())
    message = "the file does not say how its neurons integrate, compare and reset"
    return UnsupportedError.of("E020", path, message, f"give --semantics with a preset or a TOML file:\n{presets}")


def convert(graph: NirGraph, semantics: Semantics) -> Imported:
    """Turn a stored graph into a network; see :func:`load` for the errors."""
    _refuse_unsupported(graph)
    builder = _Builder(graph, semantics)
    builder.build()
    errors = [finding for finding in builder.findings if finding.severity == "error"]
    if errors:
        raise InputError(errors)
    network = builder.network()
    return Imported(network, builder.semantics, tuple(f for f in builder.findings if f.severity == "note"))


def _refuse_unsupported(graph: NirGraph) -> None:
    supported = ", ".join(sorted(SUPPORTED_TYPES))
    findings = [
        Finding("E021", f"node {name!r}", f"{node.type} is not supported", f"supported: {supported}")
        for name, node in sorted(graph.nodes.items())
        if node.type not in SUPPORTED_TYPES
    ]
    try:
        tuple(TopologicalSorter({n: [a for a, b in graph.edges if b == n] for n in graph.nodes}).static_order())
    except CycleError as error:
        loop = " -> ".join(reversed(error.args[1]))
        findings.append(Finding("E022", loop, "recurrent connections are not supported yet"))
    if findings:
        raise UnsupportedError(findings)


@dataclass
class _Builder:
    """Walks the graph once, sources first, and gathers populations, projections and findings."""

    graph: NirGraph
    semantics: Semantics
    findings: list[Finding] = field(default_factory=list)
    shapes: dict[str, Shape] = field(default_factory=dict)
    ops: dict[str, LinearOp] = field(default_factory=dict)
    populations: dict[str, Population] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)
    left_out: set[str] = field(default_factory=set)

    def build(self) -> None:
        self._check_edges()
        self._check_values()
        self._resolve_dt()
        if self.findings:
            return
        order = TopologicalSorter({name: sorted(self._sources(name)) for name in sorted(self.graph.nodes)})
        for name in order.static_order():
            self._visit(name, self.graph.nodes[name])
        if not any(node.type == "Input" for node in self.graph.nodes.values()):
            self._error("E004", "graph", "it has no Input node")
        if not self.outputs and not any(finding.severity == "error" for finding in self.findings):
            self._error("E004", "graph", "it has no Output node that anything reaches")

    def network(self) -> Network:
        """Join what was gathered, in order of name; populations that reach no output are left out.

        The order must not depend on the names of linear nodes: the writer gives them new ones.
        """
        taken = set(self.populations)
        projections = [p for name in sorted(self.populations) for p in self._projections_into(name, taken)]
        used = set(self.outputs)
        while grown := {p.source for p in projections if p.target in used} - used:
            used |= grown
        metadata = dict(self.graph.metadata)
        return Network(
            tuple(population for name, population in sorted(self.populations.items()) if name in used),
            tuple(p for p in sorted(projections, key=lambda p: p.name) if p.target in used),
            tuple(sorted(self.outputs)),
            metadata,
        )

    def _check_edges(self) -> None:
        for source, target in self.graph.edges:
            for end in (source, target):
                if end not in self.graph.nodes:
                    self._error("E004", f"edge {source} -> {target}", f"there is no node {end!r}")
            for end, kind in ((source, "Output"), (target, "Input")):
                if end in self.graph.nodes and self.graph.nodes[end].type == kind:
                    self._error("E004", f"edge {source} -> {target}", f"{end!r} is an {kind}")

    def _check_values(self) -> None:
        for name, node in sorted(self.graph.nodes.items()):
            for key, value in node.values.items():
                if isinstance(value, np.ndarray | np.generic) and np.issubdtype(np.asarray(value).dtype, np.floating):
                    bad = np.count_nonzero(~np.isfinite(value))
                    if bad:
                        message = f"{key} holds {bad} NaN or infinite values of {np.size(value)}"
                        self._error("E003", f"node {name!r}", message, "train or export the network again")

    def _resolve_dt(self) -> None:
        implied, findings = recover_dt(self.graph)
        if self.semantics.dt is None and implied is None:
            fix = "give --dt in the unit of the file's time constants (seconds for most exporters, 1 for steps)"
            self.findings += findings or [Finding("E023", "graph", "the file does not imply a time step", fix)]
        elif self.semantics.dt is None:
            self.semantics = replace(self.semantics, dt=implied)
        elif not 0 < self.semantics.dt < float("inf"):
            self._error("E024", "dt", f"{self.semantics.dt} is no time step", "give a positive --dt")

    def _sources(self, name: str) -> list[str]:
        return [a for a, b in self.graph.edges if b == name and a not in self.left_out]

    def _visit(self, name: str, node: NirNode) -> None:
        incoming = {source: self.shapes.get(source) for source in self._sources(name)}
        if not incoming and node.type != "Input" and node.type not in NEURON_TYPES:
            self._note("N006", f"node {name!r}", "nothing leads into it; it was left out")
            self.left_out.add(name)
            return
        known = [shape for shape in incoming.values() if shape is not None]
        if len(known) < len(incoming):
            return  # an upstream finding already says why
        if len(set(known)) > 1:
            listed = ", ".join(f"{source}: {shape}" for source, shape in incoming.items())
            self._error("E004", f"node {name!r}", f"its inputs have different shapes ({listed})")
            return
        shape = known[0] if known else None
        try:
            if node.type == "Input":
                self._visit_input(name, node)
            elif node.type == "Output":
                self._visit_output(name)
            elif node.type in NEURON_TYPES:
                self._visit_neuron(name, node, shape)
            elif shape is not None:
                self.ops[name] = self._linear_op(name, node, shape)
                self.shapes[name] = self.ops[name].output_shape(shape)
        except ShapeError as error:
            self._error("E004", f"node {name!r}", str(error))
        except _BadFieldError as error:
            self._error("E003", f"node {name!r}", str(error))
        except (TypeError, ValueError, OverflowError) as error:
            self._error("E003", f"node {name!r}", f"a field has the wrong type: {error}")

    def _visit_input(self, name: str, node: NirNode) -> None:
        raw = node.values.get("shape", node.values.get("input_type"))
        shape = tuple(int(n) for n in np.atleast_1d(np.asarray(raw if raw is not None else [], dtype=np.int64)))
        while len(shape) > 3 or (len(shape) == 2 and shape[0] == 1):
            self._note("N006", f"node {name!r}", f"shape {shape} has a batch axis; it was removed")
            shape = shape[1:]
        if len(shape) not in (1, 3) or min(shape) < 1:
            self._error("E003", f"node {name!r}", f"shape {shape} is neither (N,) nor (C, H, W)")
            return
        self.shapes[name] = shape
        self.populations[name] = Population(name, shape)

    def _visit_neuron(self, name: str, node: NirNode, shape: Shape | None) -> None:
        neuron, findings = neuron_of(name, node, shape, self.semantics)
        self.findings += findings
        if neuron is not None:
            self.shapes[name] = neuron.beta.shape
            self.populations[name] = Population(name, neuron.beta.shape, neuron)

    def _visit_output(self, name: str) -> None:
        for source in self._sources(name):
            if source in self.populations:
                self.outputs.append(source)
                continue
            readout = f"{name}.readout"
            self._note(
                "N006", f"node {name!r}", f"{source!r} is no neuron; its value is read as a membrane without memory"
            )
            shape = self.shapes[source]
            self.populations.setdefault(readout, Population(readout, shape, identity_readout(shape)))
            self.graph = replace(self.graph, edges=(*self.graph.edges, (source, readout)))
            if readout not in self.outputs:
                self.outputs.append(readout)

    def _linear_op(self, name: str, node: NirNode, shape: Shape) -> LinearOp:
        values = node.values
        match node.type:
            case "Linear" | "Affine":
                weight = _array(values, "weight", 2)
                bias = _array(values, "bias", 1) if node.type == "Affine" else None
                if bias is not None and bias.shape != weight.shape[:1]:
                    raise _BadFieldError(f"bias has {bias.size} values for {weight.shape[0]} outputs")
                return Linear(weight, _nonzero(bias))
            case "Conv2d":
                return _conv2d(values)
            case "SumPool2d":
                return SumPool2d(_pair(values, "kernel_size"), _pair(values, "stride"), _pair(values, "padding"))
            case "AvgPool2d":
                return AvgPool2d(_pair(values, "kernel_size"), _pair(values, "stride"), _pair(values, "padding"))
            case "Scale":
                if values.get("scale") is None:
                    raise _BadFieldError("field 'scale' is missing")
                factor = np.asarray(values["scale"], dtype=np.float32)
                return Scale(np.broadcast_to(factor, shape).copy() if factor.size == 1 else factor)
            case _:
                start = int(values.get("start_dim", 0))
                if len(shape) == 3 and start != 0:
                    self._note(
                        "N006", f"node {name!r}", f"start_dim {start} counts a batch axis; all axes are flattened"
                    )
                return Flatten()

    def _projections_into(self, target: str, taken: set[str]) -> Iterable[Projection]:
        if self.populations[target].is_input:
            return
        for source in sorted(self._sources(target)):
            for origin, path in self._paths(source):
                weighted = [n for n, op in path if isinstance(op, Conv2d | Linear)]
                named = weighted or [n for n, _ in path] or [f"{origin}-{target}"]
                name = _unused(named[-1], taken)
                taken.add(name)
                yield Projection(name, origin, target, tuple(op for _, op in path))

    def _paths(self, node: str) -> list[tuple[str, list[tuple[str, LinearOp]]]]:
        """Paths of linear nodes from a population to ``node``; by linearity each is a projection.

        A bias must act once however many paths lead through its node: the first path keeps it.
        """
        if node in self.populations:
            return [(node, [])]
        paths = [path for source in sorted(self._sources(node)) for path in self._paths(source)]
        op = self.ops[node]
        bare = replace(op, bias=None) if isinstance(op, Conv2d | Linear) else op
        return [(origin, [*path, (node, op if index == 0 else bare)]) for index, (origin, path) in enumerate(paths)]

    def _error(self, code: str, where: str, message: str, fix: str = "") -> None:
        self.findings.append(Finding(code, where, message, fix))

    def _note(self, code: str, where: str, message: str) -> None:
        self.findings.append(Finding(code, where, message, severity="note"))


class _BadFieldError(Exception):
    """A field of a node is missing or has the wrong shape."""


def _array(values: Any, key: str, ndim: int) -> NDArray[np.float32]:
    if values.get(key) is None:
        raise _BadFieldError(f"field {key!r} is missing")
    try:
        array = np.asarray(values[key], dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise _BadFieldError(f"field {key!r} is no array of numbers") from error
    if array.ndim != ndim or array.size == 0:
        raise _BadFieldError(f"{key} has shape {array.shape} instead of {ndim} axes")
    return array


def _pair(values: Any, key: str, default: int | None = None) -> Pair:
    raw = values.get(key, default)
    if raw is None:
        raise _BadFieldError(f"field {key!r} is missing")
    try:
        numbers = [int(n) for n in np.atleast_1d(raw)]
    except (TypeError, ValueError) as error:
        raise _BadFieldError(f"{key} is {raw!r} instead of one or two numbers") from error
    if len(numbers) not in (1, 2) or min(numbers) < 0 or (min(numbers) == 0 and key != "padding"):
        raise _BadFieldError(f"{key} is {numbers} instead of one or two positive numbers")
    return numbers[0], numbers[-1]


def _conv2d(values: Any) -> Conv2d:
    weight = _array(values, "weight", 4)
    bias = _array(values, "bias", 1) if values.get("bias") is not None else None
    if bias is not None and bias.shape != weight.shape[:1]:
        raise _BadFieldError(f"bias has {bias.size} values for {weight.shape[0]} channels")
    dilation, stride = _pair(values, "dilation", 1), _pair(values, "stride", 1)
    padding = values.get("padding", 0)
    if isinstance(padding, str):
        reach = [d * (k - 1) for d, k in zip(dilation, weight.shape[2:], strict=True)]
        if padding not in ("same", "valid") or (padding == "same" and (stride != (1, 1) or any(r % 2 for r in reach))):
            raise _BadFieldError(
                f"padding {padding!r} with kernel {weight.shape[2:]} and stride {stride} is not symmetric"
            )
        pair = (reach[0] // 2, reach[1] // 2) if padding == "same" else (0, 0)
    else:
        pair = _pair(values, "padding", 0)
    groups = int(values.get("groups", 1))
    if groups < 1 or weight.shape[0] % groups:
        raise _BadFieldError(f"{weight.shape[0]} channels do not divide into {groups} groups")
    return Conv2d(weight, _nonzero(bias), stride, pair, dilation, groups)


def _nonzero(bias: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
    """Drop a bias of zeros: exporters write one where the source has none."""
    return bias if bias is not None and np.any(bias) else None


def _unused(name: str, taken: set[str]) -> str:
    candidate, count = name, 1
    while candidate in taken:
        count += 1
        candidate = f"{name}.{count}"
    return candidate
