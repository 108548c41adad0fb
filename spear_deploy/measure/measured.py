"""Networks lowered to a chip and measured: the unpruned baseline, and its pruned candidates."""

from __future__ import annotations

from dataclasses import dataclass

from spear_deploy.measure.activity import NOTABLE_ERRORS, Activity
from spear_deploy.network import Network
from spear_deploy.targets import Lowered


@dataclass(frozen=True, eq=False)
class Performance:
    """What a lowered network did on the samples of one split, beside a float network on the same ones: on the test
    samples the one as it came in.
    """

    lowered: Lowered
    activity: Activity
    in_float: Activity


@dataclass(frozen=True, eq=False)
class Measured:
    """A network lowered to the chip, and its activity on the validation samples, by which all is decided."""

    network: Network
    lowered: Lowered
    val: Activity


_ALIKE = 0.1
"""Float network and chip do the same work if their SynOps differ by no more than this share."""


@dataclass(frozen=True, eq=False)
class Baseline:
    """The unpruned network and what it does, in float and on the emulated chip.

    ``rounded_val`` is its mean SynOps on the validation samples in the chip's integers as the family's own simulator
    computes; None: it was not measured, and is taken to be the chip's.
    ``given`` is what the network as it came in did on the test samples, in float, where the unpruned one is that with
    the chip's own neurons.
    """

    network: Network
    lowered: Lowered
    float_val: Activity
    chip_val: Activity
    float_test: Activity
    chip_test: Activity
    rounded_val: float | None = None
    given: Activity | None = None

    @property
    def as_given(self) -> Activity:
        """The imported network in float on the test samples, which losses are relative to."""
        return self.float_test if self.given is None else self.given

    @property
    def measured(self) -> Measured:
        """The unpruned network as one that was measured."""
        return Measured(self.network, self.lowered, self.chip_val)

    def on_val(self, measured: Measured) -> Performance:
        """Return what a network did on the validation samples."""
        return Performance(measured.lowered, measured.val, self.float_val)

    def on_test(self, lowered: Lowered, activity: Activity) -> Performance:
        """Return what a network did whose ``activity`` on the test samples was measured."""
        return Performance(lowered, activity, self.as_given)

    @property
    def answers_alike(self) -> bool:
        """Whether the chip loses no more accuracy than two standard errors: what holds in float then holds of it."""
        lost = self.float_val.accuracy - self.chip_val.accuracy
        return lost <= NOTABLE_ERRORS * self.float_val.accuracy_error

    @property
    def works_alike(self) -> bool:
        """Whether the chip's integers do the float network's work: SynOps that differ by a tenth of it at most.

        Where the chip handles event by event, and so does other work than time steps show, the integers are held
        against the float network in time steps: that work is the chip's own, and no loss of quantisation.  A network
        that was trained as the chip computes has no other work than the chip's.
        """
        if self.given is not None:
            return True
        wanted = self.float_val.mean_synops
        done = self.chip_val.mean_synops if self.rounded_val is None else self.rounded_val
        return abs(done - wanted) <= _ALIKE * wanted

    @property
    def whole(self) -> Activity:
        """The activity that a budget in per cent refers to.

        That of the chip, on the validation samples; of the float network where quantisation changed it.
        """
        return self.chip_val if self.works_alike else self.float_val
