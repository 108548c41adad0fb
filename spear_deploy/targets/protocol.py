"""The interface of a chip family, called a target, to the rest of the tool.

A *target* is a chip family; a *compiler* is bound to one chip of it, the options of a run and the range of its input.
It lowers a network to a *program*, integers that an *emulator* runs bit for bit like the family's own simulator.  A
*checked target* has neither: it only checks a network against the limits of a chip.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from numpy.typing import NDArray

from spear_deploy.chips import ChipProfile
from spear_deploy.errors import Finding
from spear_deploy.execution import Execution
from spear_deploy.frontends import Semantics
from spear_deploy.network import Network
from spear_deploy.network.fan_out import FanOut
from spear_deploy.network.ops import Shape
from spear_deploy.network.synapses import Synapses
from spear_deploy.placement import Placement
from spear_deploy.placement.cuts import Cut
from spear_deploy.progress import Tick
from spear_deploy.recording import Recording, as_inputs
from spear_deploy.targets.grids import Grid, Grids
from spear_deploy.targets.ports import InputPort, InputRange, refuse_unlike
from spear_deploy.targets.rules import Rule

if TYPE_CHECKING:
    from spear_deploy.simulate.simulator import NetworkSimulator

__all__ = [
    "Checked",
    "CheckedTarget",
    "Compiler",
    "Emulator",
    "Exporter",
    "Family",
    "Grid",
    "Grids",
    "InputPort",
    "InputRange",
    "Lowered",
    "LoweringOptions",
    "Program",
    "ProgramPopulation",
    "Recording",
    "Recutter",
    "Target",
    "run_in_batches",
]


@dataclass(frozen=True)
class LoweringOptions:
    """``weight_bits`` None: as many as the chip has.  ``keep_to``: an export format that has to hold the program."""

    weight_bits: int | None = None
    keep_to: str | None = None


class ProgramPopulation(Protocol):
    """Neurons of a program; a readout never fires, its output is the membrane."""

    @property
    def name(self) -> str:
        """Name, that of the network's population."""

    @property
    def shape(self) -> Shape:
        """(C, H, W) or (N,)."""

    @property
    def size(self) -> int:
        """Number of neurons."""

    @property
    def is_readout(self) -> bool:
        """Whether it never fires."""


class Program(Protocol):
    """The integers of one chip; populations in execution order, apart from the ``inputs``."""

    @property
    def target(self) -> str:
        """Name of the target."""

    @property
    def chip(self) -> str:
        """Name of the chip's profile."""

    @property
    def inputs(self) -> tuple[InputPort, ...]:
        """The ports that payloads are fed into."""

    @property
    def populations(self) -> Sequence[ProgramPopulation]:
        """Neurons."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Populations that are read."""

    @property
    def shapes(self) -> Mapping[str, Shape]:
        """Shape of every input and population."""

    @property
    def synapses(self) -> tuple[Synapses, ...]:
        """Integer synapses (mantissas) of every projection."""

    @property
    def counted(self) -> frozenset[str]:
        """Inputs and populations whose values are numbers of spikes, each a synaptic operation at every synapse."""

    @property
    def fan_outs(self) -> tuple[FanOut, ...]:
        """How many synaptic operations a spike of each neuron causes, by the family's own rule."""

    def integers(self) -> Mapping[str, Any]:
        """Return the program's integers by the names of the network: what other tools may want in its metadata."""


class Emulator(Protocol):
    """Runs a program; states are reset for every sample."""

    def batch_size(self, steps: int) -> int:
        """Return how many samples of this many steps it runs at once within its memory bound."""

    def run(self, inputs: Mapping[str, NDArray[Any]], *, membranes: bool = False, clips: bool = False) -> Recording:
        """Run one batch: integer payloads (T, B, *shape) for each input.

        ``membranes`` records those of all neurons; ``clips`` counts how often registers were too narrow.
        """


def run_in_batches(
    emulator: Emulator, payloads: Mapping[str, NDArray[Any]], *, membranes: bool = False, tick: Tick | None = None
) -> Recording:
    """Run any number of samples: payloads (steps, samples, *shape) of each input; ``tick`` counts samples."""
    steps, samples = next(iter(payloads.values())).shape[:2]
    size, parts = emulator.batch_size(steps), []
    for start in range(0, samples, size):
        batch = {name: values[:, start : start + size] for name, values in payloads.items()}
        parts.append(emulator.run(batch, membranes=membranes))
        if tick:
            tick(min(start + size, samples), samples)
    return Recording.concatenate(parts)


class Compiler(Protocol):
    """Lowers networks to one chip, under the options of a run."""

    @property
    def chip(self) -> ChipProfile:
        """The chip."""

    @property
    def identity(self) -> Mapping[str, Any]:
        """What a program depends on besides the network, as JSON: it identifies runs."""

    @property
    def weight_bits(self) -> int:
        """Bits of a weight."""

    def lower(self, network: Network) -> Lowered:
        """Quantise and place a network.

        Raises :class:`UnsupportedError` with every finding that is an error; what does not fit on the cores is told in
        the placement's findings, since pruning may cure it.
        """

    def place(self, network: Network) -> Placement:
        """Place a network by its shapes alone, without quantising it."""

    def trainable(self, network: Network) -> NetworkSimulator:
        """Return the simulator for training with the chip's arithmetic, or the float simulator if there is none.

        Its ``forward`` equals the lowered network's, to the last bit, on values that the inputs take; the network from
        its ``to_network`` lowers to the integers that it ran last.

        Raises :class:`UnsupportedError` like :meth:`lower`, for findings that do not depend on cores.
        """

    def adapt(self, network: Network, semantics: Semantics) -> tuple[Network, Semantics]:
        """Return the network with the chip's own neurons, and its semantics; neurons that fit already are unchanged."""


@runtime_checkable
class Recutter(Protocol):
    """A compiler of a family whose populations may be cut differently from its own rule."""

    def recut(self, lowered: Lowered, cuts: Mapping[str, Sequence[Cut]]) -> Placement | None:
        """Place a lowered network with populations, by name, cut in this way; None if a part does not fit a core."""


class Exporter(Protocol):
    """Writes programs in a format that a vendor's tool loads."""

    def findings(self, program: Any) -> Sequence[Finding]:
        """Return findings on what the format cannot hold of a program."""

    def write(self, path: Path, program: Any) -> None:
        """Write the file atomically; raise :class:`UnsupportedError` with the :meth:`findings`, if there are any."""


class Family(Protocol):
    """The common interface of all chip families."""

    @property
    def name(self) -> str:
        """Name in chip profiles."""

    @property
    def profile(self) -> type[ChipProfile]:
        """Schema of the family's chip profiles."""

    def rules(self, chip: Any) -> Sequence[tuple[Rule, Mapping[str, str]]]:
        """Return every rule of a chip with the values that fill its text."""


@dataclass(frozen=True)
class Checked:
    """The result of checking a network against a chip's limits.

    Attributes:
        placement: None where no published figure says how much a core holds. findings: what does not fit the chip,
        cores included. notes: what is approximated, and which checks were not made. unmade: the paths of the figures
        whose absence kept a check from being made.
    """

    placement: Placement | None
    findings: tuple[Finding, ...]
    notes: tuple[Finding, ...]
    unmade: tuple[str, ...]


@runtime_checkable
class CheckedTarget(Family, Protocol):
    """A chip family that is checked, not emulated: rules and a placement, and no program."""

    def check(self, chip: Any, network: Network) -> Checked:
        """Check a network against a chip's limits; raise :class:`UnsupportedError` (E037)."""


class Target(Family, Protocol):
    """A chip family whose programs are emulated."""

    @property
    def emulated(self) -> str:
        """What the emulator follows and how exactly; reports print it after "the emulator, which"."""

    @property
    def counts_zeros(self) -> bool:
        """Whether a weight of zero costs a synaptic operation like any other, because whole kernels are read."""

    @property
    def exporters(self) -> Mapping[str, Exporter]:
        """File formats that programs can be exported to, by name."""

    def compiler(self, chip: Any, inputs: Mapping[str, InputRange], options: LoweringOptions) -> Compiler:
        """Bind the family to a chip, the range of each input, and options; raise :class:`InputError` (E007)."""

    def emulator(self, program: Any, execution: Execution) -> Emulator:
        """Return the emulator of a program, on ``execution.device``, which gives all measured figures."""

    def reference(self, program: Any, execution: Execution) -> Emulator:
        """Return the emulator with which backends are compared spike by spike: it follows the family's own simulator.

        If a chip differs from its simulator, :meth:`emulator` follows the chip and is a different one.
        """

    def write(self, path: Path, program: Any) -> None:
        """Write a program's file atomically; equal programs give equal bytes."""

    def read(self, path: Path) -> Program:
        """Read a file that :meth:`write` wrote, untrusted; raise :class:`InputError` (E010)."""


@dataclass(frozen=True, eq=False)
class Lowered:
    """A network in one chip's integers, placed on its cores.

    ``notes`` are about approximations, ``placement.findings`` about what does not fit; ``grids`` gives the meaning of
    the integers in the units of the network.
    """

    target: Target
    program: Program
    placement: Placement
    notes: tuple[Finding, ...]
    grids: Grids = field(default_factory=Grids)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings: what does not fit on the chip, and notes."""
        return (*self.placement.findings, *self.notes)

    def emulate(self, x: NDArray[Any] | Mapping[str, NDArray[Any]], execution: Execution | None = None) -> Recording:
        """Run values ``x`` (steps, samples, *shape), coded as for compiling, on the bit-exact emulator.

        For a network with several inputs, pass a mapping of arrays by name.

        Returns spikes and membranes of every population, (steps, samples, *shape), by name.
        Raises :class:`InputError`: E005 for other shapes, or other numbers of steps or samples for one input than for
        another, E039 for values outside the range that it was compiled for.
        """
        execution = execution or Execution()
        ports = {port.name: port for port in self.program.inputs}
        inputs = as_inputs({name: port.shape for name, port in ports.items()}, x)
        refuse_unlike({name: (len(values), values.shape[1]) for name, values in inputs.items()})
        payloads = {name: ports[name].encode(values) for name, values in inputs.items()}
        with execution.applied():
            return run_in_batches(self.target.emulator(self.program, execution), payloads, membranes=True)
