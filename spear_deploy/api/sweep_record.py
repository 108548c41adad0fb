"""The record of a sweep: the results of its points so far, written to ``sweep.json``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spear_deploy.api.sweep_plan import Plan
from spear_deploy.deployment.options import SWEEP
from spear_deploy.parallel import Lost
from spear_deploy.report.points import Point, point_of
from spear_deploy.report.sweep import Reference, sweep_data
from spear_deploy.storage import exists, write_json


@dataclass(eq=False)
class SweepRecord:
    """The points that there are so far, in the order of the plan, and ``sweep.json`` of them."""

    plan: Plan
    folder: Path
    identity: Mapping[str, Any]
    command: str
    found: dict[str, tuple[Point, Reference | None]] = field(default_factory=dict)
    result: dict[str, Any] = field(default_factory=dict)

    @property
    def points(self) -> dict[str, Point]:
        """Points by their folders."""
        return {name: self.found[name][0] for name in self.plan.points if name in self.found}

    def add(self, name: str, report: dict[str, Any] | Lost) -> None:
        """Take in what became of a point, and write all that there is so far."""
        budget, seed = self.plan.points[name]
        if isinstance(report, Lost):
            error = f"E068 {name}: its process ended twice before the point was done, at last by {report.how}"
            self.found[name] = Point(budget, seed, name, error=error), None
        else:
            self.found[name] = point_of(report, budget, name), Reference.of(report)
        self.write()

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Have a ``sweep.json`` from the beginning, so that what is interrupted in its first point can be resumed too.

        What is refused before a point has a folder leaves none.
        """
        path = self.folder / SWEEP
        if exists(path):
            yield
            return
        self.write()
        try:
            yield
        except BaseException:
            if not any(exists(self.folder / name) for name in self.plan.points):
                path.unlink(missing_ok=True)
            raise

    def write(self) -> None:
        """Write ``sweep.json``."""
        references = (self.found[each][1] for each in self.points)
        reference = next((each for each in references if each is not None), None)
        self.result = sweep_data(list(self.points.values()), reference, self.plan.max_drop, self.command)
        write_json(self.folder / SWEEP, {**self.result, "identity": self.identity})
