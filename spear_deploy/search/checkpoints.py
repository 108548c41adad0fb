"""Checkpoints of fine-tuned weights, so that a resumed run need not repeat a training.

The journal has a line for each fine-tuning: its inputs, its results, and the checksum of the file with its parameters.
If the file is missing or has changed, the training is repeated.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.journal import Journal, Record
from spear_deploy.network import Network
from spear_deploy.simulate.simulator import NetworkSimulator
from spear_deploy.storage import atomic, is_file, sha256
from spear_deploy.train.finetune import RunAway, Tuned
from spear_deploy.untrusted import npz


@dataclass(frozen=True)
class Checkpoints:
    """Fine-tunings by their inputs, in the journal and in files of ``folder``."""

    journal: Journal
    folder: Path

    def once(
        self,
        key: Mapping[str, Any],
        network: Network,
        simulator: Callable[[Network], NetworkSimulator],
        tune: Callable[[], Tuned],
    ) -> Tuned:
        """Return the result of ``tune`` on a network, from its file if there is one.

        A training that the deadline cut short is not stored: the resumed run repeats it in full.
        """
        path = self.folder / f"{hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:24]}.npz"
        made: list[Tuned] = []

        def compute() -> Record:
            made.append(tune())
            if made[-1].cut_at is not None:
                raise _CutShortError
            _write(path, made[-1].parameters)
            ran_away = [astuple(each) for each in made[-1].ran_away]
            return {"multiplier": made[-1].multiplier, "sha256": sha256(path), "ran_away": ran_away}

        try:
            record = self.journal.once("tuned", key, compute)
        except _CutShortError:
            return made[0]
        if made:
            return made[0]
        if not is_file(path) or sha256(path) != record["sha256"]:
            tuned = tune()
            if tuned.cut_at is None:
                _write(path, tuned.parameters)
            return tuned
        student = simulator(network)
        student.take_parameters(npz.read(path))
        ran_away = tuple(RunAway(*each) for each in record["ran_away"])
        made_of = student.to_network(), float(record["multiplier"]), student.parameter_arrays()
        return Tuned(*made_of, ran_away=ran_away)


class _CutShortError(Exception):
    """A deadline ended a fine-tuning."""


def _write(path: Path, parameters: Mapping[str, NDArray[np.float32]]) -> None:
    with atomic(path) as temporary, temporary.open("wb") as stream:
        np.savez(stream, **parameters)  # type: ignore[arg-type]  # names are keywords here
