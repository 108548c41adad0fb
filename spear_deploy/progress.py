"""Progress of long work: a bar on a terminal, plain lines elsewhere; and the time each step took."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress
from rich.text import Text

from spear_deploy.printable import duration, plain_lines

Tick = Callable[[int, int], None]
"""Called with work done and work in all."""

_PLAIN_INTERVAL = 5.0
"""Seconds between two plain lines of one step."""
_SILENCE = 60.0
"""Seconds after which a step says that it goes on, where nothing was done meanwhile."""


@dataclass
class Progress:
    """Shows the steps of a run on ``console``, and in a ``log`` when each began and ended; keeps their durations.

    What they decide is said on ``details``, if there are any, and in the log then.
    """

    console: Console
    log: Console | None = None
    details: Console | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[Tick]:
        """Show a step while the block runs; the block may tick."""
        start = time.perf_counter()
        self._note(f"{name} ...")
        try:
            with self._bar(name) if self.console.is_terminal else self._lines(name) as tick:
                yield tick
            self._note(f"{name} done in {time.perf_counter() - start:.1f} s")
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start

    def say(self, text: str) -> None:
        """Print a line."""
        self._show(text)
        self._note(text)

    def explain(self, lines: Iterable[str]) -> None:
        """Print what was decided, where somebody wants to know."""
        if self.details is None:
            return
        for line in lines:
            for console in filter(None, (self.details, self.log)):
                console.print(Text(f"  {plain_lines(line)}", style="dim"), soft_wrap=True)

    def _show(self, text: str) -> None:
        self.console.print(text, highlight=False, soft_wrap=True)

    def _note(self, text: str) -> None:
        if self.log is not None:
            self.log.print(text, highlight=False, soft_wrap=True)

    @contextmanager
    def _bar(self, name: str) -> Iterator[Tick]:
        columns = (
            TextColumn("{task.description:<12}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with RichProgress(*columns, console=self.console, transient=False) as bar:
            task = bar.add_task(name, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)

    @contextmanager
    def _lines(self, name: str) -> Iterator[Tick]:
        """Print a line now and then: what is done, the time it took, and the time left at that pace."""
        start = last = time.perf_counter()
        state, ended, speaking = "", threading.Event(), threading.Lock()
        self._show(f"{name} ...")

        def tick(done: int, total: int) -> None:
            nonlocal last, state
            now = time.perf_counter()
            left = (now - start) * (total - done) / done if done else 0.0
            state = f" {done}/{total}"
            with speaking:
                if now - last >= _PLAIN_INTERVAL:
                    last = now
                    self._show(f"{name}{state}, about {duration(left)} left")

        def speak() -> None:
            nonlocal last
            while not ended.wait(_SILENCE):
                with speaking:
                    if (now := time.perf_counter()) - last >= _SILENCE:
                        last = now
                        self._show(f"{name}{state} still, after {duration(now - start)}")

        speaker = threading.Thread(target=speak, daemon=True)
        speaker.start()
        try:
            yield tick
        finally:
            ended.set()
            speaker.join()
        self._show(f"{name} done in {time.perf_counter() - start:.1f} s")
