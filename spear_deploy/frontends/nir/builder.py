"""From a flat NIR graph and its semantics to a :class:`~spear_deploy.network.Network`.

Nodes between two populations become the operations of projections, one projection for each path, so that several edges
into a node are a sum.  All findings of a graph are collected.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from math import prod

import numpy as np

from spear_deploy.errors import Finding
from spear_deploy.frontends.nir.dt import recover_dt
from spear_deploy.frontends.nir.file import NirGraph, NirNode, unique_name
from spear_deploy.frontends.nir.flatten import IDENTITY
from spear_deploy.frontends.nir.loops import closing_edges, self_feeding_neurons
from spear_deploy.frontends.nir.neurons import (
    MAY_BE_INFINITE,
    NEURON_TYPES,
    certain_shape,
    neuron_of,
)
from spear_deploy.frontends.nir.ops import BadFieldError, Delays, NoReadingError, Step, step_of
from spear_deploy.frontends.nir.paths import paths_into
from spear_deploy.frontends.nir.silent import silent_findings
from spear_deploy.frontends.semantics import Semantics
from spear_deploy.network import (
    Conv2d,
    Input,
    Linear,
    Network,
    Population,
    Projection,
    Scale,
    ShapeError,
    identity_readout,
)
from spear_deploy.network.ops import Shape
from spear_deploy.untrusted import MAX_NEURONS


@dataclass
class NetworkBuilder:
    """Collects populations, the operations between them, and findings of a flat graph; then builds the network."""

    graph: NirGraph
    semantics: Semantics
    findings: list[Finding] = field(default_factory=list)
    sources: dict[str, list[str]] = field(default_factory=dict)
    shapes: dict[str, Shape] = field(default_factory=dict)
    steps: dict[str, Step] = field(default_factory=dict)
    populations: dict[str, Input | Population] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)

    def build(self) -> None:
        """Collect everything; :meth:`network` may be called if none of the ``findings`` is an error."""
        self._check_edges()
        self._check_values()
        self.findings += silent_findings(self.graph)
        self._resolve_dt()
        if self._has_errors():
            return
        self._leave_out_unfed()
        self._infer()
        self._check_sums()
        for name, node in sorted(self.graph.nodes.items()):
            if node.type == "Output" and self.sources.get(name):
                self._visit_output(name)
        if not any(node.type == "Input" for node in self.graph.nodes.values()):
            self._error("E004", "graph", "it has no Input node")
        if not self.outputs and not self._has_errors():
            self._error("E004", "graph", "it has no Output node that anything reaches")
        if self.outputs and not any(isinstance(self.populations.get(name), Population) for name in self.outputs):
            message, fix = "no neurons lie between its inputs and its outputs", "let an Output read neurons"
            self._error("E004", "graph", message, fix)

    def network(self) -> Network:
        """Build the network, ordered by name, without populations that reach no output.

        The order must not depend on the names of linear nodes: the writer gives them new ones.
        """
        projections = tuple(sorted(self._projections(), key=lambda p: p.name))
        used = set(self.outputs)
        while grown := {p.source for p in projections if p.target in used} - used:
            used |= grown
        for name in sorted(set(self.populations) - used):
            self._note("N006", f"node {name!r}", "no Output reads what it does; it was left out")
        return Network(
            tuple(population for name, population in sorted(self.populations.items()) if name in used),
            tuple(p for p in projections if p.target in used),
            tuple(sorted(self.outputs)),
            dict(self.graph.metadata),
        )

    def _has_errors(self) -> bool:
        return any(finding.severity == "error" for finding in self.findings)

    def _check_edges(self) -> None:
        told = {finding.where for finding in self.findings}
        for (source, target), count in Counter(self.graph.edges).items():
            where = f"edge {source} -> {target}"
            if count > 1:
                fix = "remove it; for a sum of two equal terms, put a Scale of 2 between"
                self._error("E004", where, f"it is listed {count} times, which nir does not allow", fix)
            for end in (source, target):
                if end not in self.graph.nodes and f"node {end!r}" not in told:
                    self._error("E004", where, f"there is no node {end!r}")
            for end, kind in ((source, "Output"), (target, "Input")):
                if end in self.graph.nodes and self.graph.nodes[end].type == kind:
                    self._error("E004", where, f"{end!r} is an {kind}")

    def _check_values(self) -> None:
        for name, node in sorted(self.graph.nodes.items()):
            for key, value in node.values.items():
                kind = value.dtype.kind if isinstance(value, np.ndarray | np.generic) else ""
                endless = node.type in NEURON_TYPES and key in MAY_BE_INFINITE
                bad = np.count_nonzero(np.isnan(value) if endless else ~np.isfinite(value)) if kind == "f" else 0
                if bad:
                    message = f"{key} holds {bad} NaN or infinite values of {np.size(value)}"
                    self._error("E003", f"node {name!r}", message, "train or export the network again")
                elif kind == "c":
                    self._error("E003", f"node {name!r}", f"{key} holds complex numbers")

    def _resolve_dt(self) -> None:
        if self.semantics.dt is None:
            implied, findings = recover_dt(self.graph)
            fix = "give --dt in the unit of the file's time constants (seconds for most exporters, 1 for steps)"
            if implied is None:
                self.findings += findings or [Finding("E023", "graph", "the file does not imply a time step", fix)]
            self.semantics = replace(self.semantics, dt=implied)
        elif not 0 < self.semantics.dt < float("inf"):
            self._error("E024", "dt", f"{self.semantics.dt} is not a time step", "give a positive --dt")

    def _leave_out_unfed(self) -> None:
        """Find the sources of each node, leaving out nodes that no Input or neuron feeds."""
        targets: dict[str, list[str]] = {name: [] for name in self.graph.nodes}
        for source, target in self.graph.edges:
            targets[source].append(target)
        waiting = [name for name, node in self.graph.nodes.items() if node.type in ("Input", *NEURON_TYPES)]
        fed = set(waiting)
        while waiting:
            further = set(targets[waiting.pop()]) - fed
            fed |= further
            waiting += further
        self.sources = {name: [] for name in sorted(fed)}
        for source, target in sorted(self.graph.edges):
            if source in fed:
                self.sources[target].append(source)
        for name in sorted(set(self.graph.nodes) - fed):
            self._note("N006", f"node {name!r}", "nothing feeds it; it was left out")

    def _infer(self) -> None:
        """Infer the shape of every node: from the first source whose shape is known, or from its own parameters."""
        targets: dict[str, list[str]] = {name: [] for name in self.sources}
        for name, sources in self.sources.items():
            for source in sources:
                targets[source].append(name)
        left = {name: self.graph.nodes[name] for name in self.sources if self.graph.nodes[name].type != "Output"}
        certain = [n for n, node in left.items() if node.type in NEURON_TYPES and certain_shape(node) is not None]
        waiting = deque([n for n, node in left.items() if node.type == "Input"] + certain)
        feeding = self_feeding_neurons(self.graph.edges, [n for n, node in left.items() if node.type in NEURON_TYPES])
        while left:
            while waiting:
                name = waiting.popleft()
                if name in left:
                    self._visit(name, left.pop(name), name in feeding)
                    waiting += targets[name] if name in self.shapes else []
            uncertain = [name for name, node in left.items() if node.type in NEURON_TYPES]
            if not uncertain or self._has_errors():
                break  # the rest comes after a node that has a finding
            waiting.append(uncertain[0])

    def _visit(self, name: str, node: NirNode, feeds_itself: bool) -> None:
        where = f"node {name!r}"
        incoming = next((self.shapes[source] for source in self.sources[name] if source in self.shapes), None)
        try:
            if node.type == "Input":
                self._visit_input(name, node)
            elif node.type in NEURON_TYPES:
                neuron, findings = neuron_of(name, node, incoming, self.semantics, feeds_itself=feeds_itself)
                self.findings += findings
                if neuron is not None:
                    self._add(Population(name, neuron.beta.shape, neuron))
            elif incoming is not None:
                step, notes = step_of(name, node, incoming, self.semantics.dt or 0.0)
                self.findings += notes
                self.steps[name] = step
                self._set_shape(name, incoming if step is None else step.output_shape(incoming))
        except ShapeError as error:
            self._error("E004", where, str(error), getattr(error, "fix", ""))
        except BadFieldError as error:
            self._error("E003", where, str(error))
        except NoReadingError as error:
            self._error("E021", where, str(error))
        except (TypeError, ValueError, OverflowError) as error:
            self._error("E003", where, f"a field has the wrong type: {error}")

    def _visit_input(self, name: str, node: NirNode) -> None:
        where = f"node {name!r}"
        raw = node.values.get("shape", node.values.get("input_type"))
        shape = tuple(int(n) for n in np.atleast_1d(np.asarray(raw if raw is not None else [], dtype=np.int64)))
        is_map = any(self.graph.nodes[b].type == "Conv1d" for a, b in self.graph.edges if a == name)
        while len(shape) > 3 or (len(shape) == 2 and shape[0] == 1 and not is_map):
            self._note("N006", where, f"shape {shape} has a batch axis; it was removed")
            shape = shape[1:]
        if len(shape) == 2:
            self._note(
                "N001", where, f"shape {shape} is a map of one dimension; it has the shape {(shape[0], 1, shape[1])}"
            )
            shape = (shape[0], 1, shape[1])
        if len(shape) not in (1, 3) or min(shape) < 1:
            self._error("E003", where, f"shape {shape} is neither (N,), (C, L) nor (C, H, W)")
        else:
            self._add(Input(name, shape))

    def _add(self, population: Input | Population) -> None:
        self.populations[population.name] = population
        self._set_shape(population.name, population.shape)

    def _set_shape(self, name: str, shape: Shape) -> None:
        if prod(shape) > MAX_NEURONS:
            message = f"its shape {shape} has {prod(shape)} elements; at most {MAX_NEURONS} are allowed"
            self._error("E004", f"node {name!r}", message)
        else:
            self.shapes[name] = shape

    def _check_sums(self) -> None:
        """Refuse nodes whose sources differ in shape from each other or from the neurons."""
        for name, sources in self.sources.items():
            known = {source: self.shapes[source] for source in sources if source in self.shapes}
            own = self.populations.get(name)
            if len(set(known.values())) > 1:
                listed = ", ".join(f"{source}: {shape}" for source, shape in known.items())
                self._error("E004", f"node {name!r}", f"its inputs have different shapes ({listed})")
            elif own is not None and known and own.shape not in known.values():
                source, shape = next(iter(known.items()))
                message = f"{source!r} gives shape {shape}, its neurons have {own.shape}"
                self._error("E004", f"node {name!r}", message, f"store its parameters with the shape {shape}")

    def _visit_output(self, name: str) -> None:
        sources = [self._behind_ports(source) for source in self.sources[name]]
        if any(source not in self.shapes for source in sources):
            return  # an upstream finding already says why
        if len(sources) == 1 and sources[0] in self.populations:
            if sources[0] in self.outputs:
                self._note("N006", f"node {name!r}", f"{sources[0]!r} is read by another Output too; it is read once")
            else:
                self.outputs.append(sources[0])
            return
        readout = unique_name(f"{name}.readout", self.graph.nodes, self.populations)
        if len(sources) > 1:
            message = f"it is the sum of {', '.join(map(repr, sources))}; a membrane without memory adds them"
        else:
            message = f"{sources[0]!r} is not a neuron; its value is read as a membrane without memory"
            if any(isinstance(p, Population) and not p.neuron.is_readout for p in self.populations.values()):
                message += " (snnTorch's and sinabs' exporters lose the last neuron after a residual sum)"
        self._note("N006", f"node {name!r}", message)
        shape = self.shapes[sources[0]]
        self._add(Population(readout, shape, identity_readout(shape)))
        self.sources[readout] = self.sources[name]
        self.outputs.append(readout)

    def _behind_ports(self, name: str) -> str:
        """Return the node before a chain of ports of former subgraphs."""
        while self.graph.nodes[name].type == IDENTITY and len(self.sources[name]) == 1:
            (name,) = self.sources[name]
        return name

    def _projections(self) -> Iterable[Projection]:
        self._note_early_biases()
        taken = set(self.populations)
        for target, paths in paths_into(self.populations, self.steps, self.sources, self._closing_edges()).items():
            bare: set[tuple[str, int]] = set()
            for path in paths:
                ops = tuple(op for _, op in path.ops)
                if not ops and not path.delays:
                    if (path.origin, path.delay) in bare:  # a file cannot hold an edge twice, but a node between
                        ops = (Scale(np.ones(self.shapes[path.origin], np.float32)),)
                    bare.add((path.origin, path.delay))
                name = unique_name(path.name(target), taken)
                taken.add(name)
                yield Projection(name, path.origin, target, ops, path.delay)

    def _note_early_biases(self) -> None:
        for name, step in self.steps.items():
            if not isinstance(step, Delays) or not step.steps.any():
                continue
            before, waiting = set[str](), [name]
            while waiting:
                further = {source for source in self.sources[waiting.pop()] if source in self.steps} - before
                before |= further
                waiting += further
            ops = {source: self.steps[source] for source in sorted(before)}
            biased = [source for source, op in ops.items() if isinstance(op, Conv2d | Linear) and op.bias is not None]
            if biased:
                message = f"the bias of {', '.join(map(repr, biased))} in front of it acts from the first step on"
                self._note("N006", f"node {name!r}", message)

    def _closing_edges(self) -> frozenset[tuple[str, str]]:
        """Return the edges that take a step because they close a loop, with a note on each."""
        edges = [(source, target) for target, sources in self.sources.items() for source in sources]
        ports = {kind: [n for n, node in self.graph.nodes.items() if node.type == kind] for kind in ("Input", "Output")}
        delayed = [n for n, step in self.steps.items() if isinstance(step, Delays) and step.steps.min() > 0]
        closing = closing_edges(edges, set(self.populations), ports["Input"], ports["Output"], set(delayed))
        for source, target in sorted(closing):
            message = f"it closes a loop: what {source!r} sends to {target!r} arrives a step later"
            self._note("N006", f"edge {source} -> {target}", message)
        return closing

    def _error(self, code: str, where: str, message: str, fix: str = "") -> None:
        self.findings.append(Finding(code, where, message, fix))

    def _note(self, code: str, where: str, message: str) -> None:
        self.findings.append(Finding(code, where, message, severity="note"))
