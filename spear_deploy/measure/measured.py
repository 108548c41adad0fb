"""Networks lowered to a chip and measured: the unpruned baseline, and its pruned candidates."""

from __future__ import annotations

from dataclasses import dataclass

from spear_deploy.measure.activity import NOTABLE_ERRORS, Activity
from spear_deploy.network import Network
from spear_deploy.targets import Lowered


@dataclass(frozen=True, eq=False)
class Performance:
    """The activity of a lowered network on one split, with that of a float network on the same samples: on the test
    samples, the network as given.
    """

    lowered: Lowered
    activity: Activity
    in_float: Activity


@dataclass(frozen=True, eq=False)
class Measured:
    """A network lowered to the chip, and its activity on the validation samples, on which decisions are based."""

    network: Network
    lowered: Lowered
    val: Activity


_ALIKE = 0.1
"""Float network and chip do the same work if their SynOps differ by at most this share."""


@dataclass(frozen=True, eq=False)
class Baseline:
    """The unpruned network and its activity, in float and on the emulated chip.

    ``rounded_val`` is its mean SynOps on the validation samples in the chip's integers, computed by the family's own
    simulator; None: not measured, and taken to be the chip's.  ``given`` is the float activity of the given network on
    the test samples, if the unpruned one was adapted to the chip's own neurons.
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
        """The float activity of the given network on the test samples, the reference of losses."""
        return self.float_test if self.given is None else self.given

    @property
    def measured(self) -> Measured:
        """The unpruned network as a :class:`Measured`."""
        return Measured(self.network, self.lowered, self.chip_val)

    def on_val(self, measured: Measured) -> Performance:
        """Return a network's performance on the validation samples."""
        return Performance(measured.lowered, measured.val, self.float_val)

    def on_test(self, lowered: Lowered, activity: Activity) -> Performance:
        """Return a network's performance on the test samples, from its measured ``activity``."""
        return Performance(lowered, activity, self.as_given)

    @property
    def answers_alike(self) -> bool:
        """Whether the chip loses at most two standard errors of accuracy, so that float results hold for it."""
        lost = self.float_val.accuracy - self.chip_val.accuracy
        return lost <= NOTABLE_ERRORS * self.float_val.accuracy_error

    @property
    def works_alike(self) -> bool:
        """Whether the SynOps of the chip's integers differ from the float network's by at most a tenth.

        If the chip works event by event, its integers are compared in time steps: the rest of the difference is the
        chip's own way of working, not a loss by quantisation.  For a network trained with the chip's arithmetic, the
        chip's work is the reference itself.
        """
        if self.given is not None:
            return True
        wanted = self.float_val.mean_synops
        done = self.chip_val.mean_synops if self.rounded_val is None else self.rounded_val
        return abs(done - wanted) <= _ALIKE * wanted

    @property
    def whole(self) -> Activity:
        """The activity to which a percentage refers.

        That of the chip on the validation samples, or of the float network if quantisation changed it.
        """
        return self.chip_val if self.works_alike else self.float_val
