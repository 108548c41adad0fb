"""Networks lowered to a chip and measured: the unpruned one, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass

from spear_deploy.measure.activity import Activity
from spear_deploy.network import Network
from spear_deploy.targets import Lowered


@dataclass(frozen=True, eq=False)
class Measured:
    """A network lowered to the chip and measured: ``activity`` on the test samples, ``val`` for decisions."""

    network: Network
    lowered: Lowered
    activity: Activity
    val: Activity

    @property
    def synops(self) -> float:
        """Measured SynOps, mean over the test samples."""
        return self.activity.mean_synops


_ALIKE = 0.1
"""Float network and chip do the same work if their SynOps differ by no more than this share."""


@dataclass(frozen=True, eq=False)
class Baseline:
    """The unpruned network and what it does, in float and on the emulated chip."""

    network: Network
    lowered: Lowered
    float_val: Activity
    chip_val: Activity
    float_test: Activity
    chip_test: Activity

    @property
    def measured(self) -> Measured:
        """The unpruned network as one that was measured."""
        return Measured(self.network, self.lowered, self.chip_test, self.chip_val)

    @property
    def synops(self) -> float:
        """Measured SynOps on the chip, mean over the test samples."""
        return self.chip_test.mean_synops

    @property
    def works_alike(self) -> bool:
        """Whether the chip does the float network's work: SynOps that differ by a tenth of it at most."""
        wanted = self.float_test.mean_synops
        return abs(self.chip_test.mean_synops - wanted) <= _ALIKE * wanted

    @property
    def whole(self) -> Activity:
        """What a budget in per cent is a share of: the work as it should be.

        That of the chip, on the test samples; of the float network where quantisation changed it.
        """
        return self.chip_test if self.works_alike else self.float_test
