"""Progress of long work: a bar on a terminal, plain lines elsewhere; and the time each step took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress

Tick = Callable[[int, int], None]
"""Called with work done and work in all."""

_PLAIN_INTERVAL = 5.0
"""Seconds between two plain lines of one step."""


@dataclass
class Progress:
    """Shows the steps of a run on ``console`` and keeps their durations."""

    console: Console
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[Tick]:
        """Show a step while the block runs; the block may tick."""
        start = time.perf_counter()
        try:
            with self._bar(name) if self.console.is_terminal else self._lines(name) as tick:
                yield tick
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start

    def say(self, text: str) -> None:
        """Print a line."""
        self.console.print(text, highlight=False, soft_wrap=True)

    @contextmanager
    def _bar(self, name: str) -> Iterator[Tick]:
        columns = (TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with RichProgress(*columns, console=self.console, transient=False) as bar:
            task = bar.add_task(name, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)

    @contextmanager
    def _lines(self, name: str) -> Iterator[Tick]:
        start = last = time.perf_counter()
        self.say(f"{name} ...")

        def tick(done: int, total: int) -> None:
            nonlocal last
            if time.perf_counter() - last >= _PLAIN_INTERVAL:
                last = time.perf_counter()
                self.say(f"{name} {done}/{total}")

        yield tick
        self.say(f"{name} done in {time.perf_counter() - start:.1f} s")
