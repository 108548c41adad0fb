"""Estimated duration of a search: the batches still to be trained, at the speed measured so far."""

from __future__ import annotations

from spear_deploy.printable import duration
from spear_deploy.search.options import SearchOptions
from spear_deploy.search.space import stages_to

_OF_FLOAT = 2.0
"""Assumed until measured: how many times longer a batch takes with the chip's arithmetic than in float."""
_WORTH_TELLING = 10.0


class Pace:
    """Seconds per batch, by arithmetic: ``float`` or ``chip``."""

    def __init__(self) -> None:
        self._spent: dict[str, tuple[float, int]] = {}

    def add(self, kind: str, seconds: float, batches: int) -> None:
        """Add a training of that many batches."""
        before, count = self._spent.get(kind, (0.0, 0))
        self._spent[kind] = before + seconds, count + batches

    def of(self, kind: str) -> float | None:
        """Return the seconds per batch; None if unknown."""
        seconds, batches = self._spent.get(kind, (0.0, 0))
        if batches:
            return seconds / batches
        in_float = self.of("float") if kind == "chip" else None
        return None if in_float is None else _OF_FLOAT * in_float


def outlook(options: SearchOptions, pace: Pace, target: float, samples: int) -> str:
    """Return the forecast printed before gradual pruning to a ``target`` share; "" if it is only seconds.

    ``samples`` is the size of the training split.  All rounds of the closing fine-tuning are counted; it may end early.
    """
    seconds = seconds_of_training(options, pace, target, samples)
    if seconds is None or seconds < _WORTH_TELLING:
        return ""
    return f"about {duration(seconds)} of training to come, at most; --time-limit ends it with the best network so far"


def seconds_of_training(options: SearchOptions, pace: Pace, target: float, samples: int) -> float | None:
    """Return the longest training time in seconds of a search to a ``target`` share; None if the speed is unknown."""
    in_float, on_chip = pace.of("float"), pace.of("chip")
    if in_float is None or on_chip is None:  # resumed: nothing has been trained yet
        return None
    compared = options.candidates + len(options.beside)
    chip = compared * options.compare.steps(samples) + options.finish.steps(samples) + options.reference.steps(samples)
    return stages_to(target) * options.stage.steps(samples) * in_float + chip * on_chip
