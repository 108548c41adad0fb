"""What every population did in a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Recording:
    """What every population did on a batch: arrays (T, B, *shape) by name.

    Attributes:
        spikes: of all that spike, inputs (payloads or values) included.
        membrane: at the end of each step, after a reset: of readouts, whose output it is, and of others where asked
            for.  Of a chip program they are integers.
        final: states after the last step by register and population, (B, neurons): what the target calls them.
        seconds: what the run took where a backend tells it.
    """

    spikes: Mapping[str, Array]
    membrane: Mapping[str, Array]
    final: Mapping[str, Mapping[str, Array]] = field(default_factory=dict)
    seconds: float = 0.0

    def output(self, name: str) -> Array:
        """Return what a population sends: its spikes, or a readout's membrane."""
        return self.spikes[name] if name in self.spikes else self.membrane[name]

    @classmethod
    def concatenate(cls, parts: Sequence[Recording]) -> Recording:
        """Return batches as one."""

        def join(arrays: Sequence[Mapping[str, Array]], axis: int) -> dict[str, Array]:
            if len(arrays) == 1:
                return dict(arrays[0])
            return {name: np.concatenate([part[name] for part in arrays], axis) for name in arrays[0]}

        final = {register: join([p.final[register] for p in parts], 0) for register in parts[0].final}
        seconds = sum(part.seconds for part in parts)
        return cls(join([p.spikes for p in parts], 1), join([p.membrane for p in parts], 1), final, seconds)
