"""What the supervisor asks of the worker, and what the worker answers."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Literal

CLOCK_BYTES = 16
"""Size of the file that both map: two int64, the steps done and the steps to do."""


Kind = Literal["program", "net", "sigma-delta"]
"""What a file to run is: a program of schema 3, a ``.net`` file of lava-dl, or a program of sigma-delta neurons."""


@dataclass(frozen=True)
class Job:
    """One run of the file ``network``, which is of ``kind``, and the paths of its input and its output.

    ``final_state``: the final u and v of a program are wanted.  ``max_value`` is the largest payload in the input of
    a ``.net`` file, which cannot say so itself; 1 is for binary spikes.
    """

    kind: Kind
    network: str
    input: str
    output: str
    final_state: bool = False
    max_value: int = 1


@dataclass(frozen=True)
class Order:
    """A job, the process that orders it, and the inherited descriptor of the clock file."""

    job: Job
    supervisor: int
    clock: int

    def to_json(self) -> str:
        """Serialise for the worker's command line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Order:
        """Inverse of :meth:`to_json`."""
        value = json.loads(text)
        return cls(Job(**value["job"]), value["supervisor"], value["clock"])


@dataclass(frozen=True)
class Failure:
    """Why a run failed: ``kind`` is input, exception, child-died, killed, stalled or timeout."""

    kind: str
    message: str
    traceback: str = ""
