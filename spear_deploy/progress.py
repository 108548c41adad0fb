"""Progress of long work: a bar on a terminal, plain lines elsewhere; and the time that each step took.

Several runs at a time send their progress (:class:`RemoteProgress`) to a :class:`Board`, which shows them all.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress
from rich.text import Text

from spear_deploy.printable import duration, plain_lines

Tick = Callable[[int, int], None]
"""Called with the work done and the total work."""

_PLAIN_INTERVAL = 5.0
"""Shortest interval between two plain lines of one step, in seconds."""
_SILENCE = 60.0
"""Seconds without progress after which a step prints that it is still running."""
_TOLD_INTERVAL = 0.2
"""Shortest interval between two ticks of one step that are sent to another process, in seconds."""


@dataclass
class Progress:
    """Shows the steps of a run on ``console``, logs their start and end in ``log``, and keeps their durations.

    What they decide is printed on ``details``, if given, and logged then.
    """

    console: Console
    log: Console | None = None
    details: Console | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[Tick]:
        """Show a step during the block, which may tick."""
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
        """Print what was decided, with ``-v``."""
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
        with _bars(self.console, width=12) as bar:
            task = bar.add_task(name, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)

    @contextmanager
    def _lines(self, name: str) -> Iterator[Tick]:
        """Print a line at intervals: the work done, its time, and the estimated time left."""
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


def _bars(console: Console, width: int) -> RichProgress:
    """Return bars whose descriptions have a common width."""
    columns = (
        TextColumn(f"{{task.description:<{width}}}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    return RichProgress(*columns, console=console, transient=False)


class RemoteProgress(Progress):
    """Sends progress to another process as (kind, text, done, total), and shows nothing itself.

    Kinds are ``say``, ``why`` (what was decided), ``line`` (shown without a terminal), ``note`` (for the log) and
    ``tick``.
    """

    def __init__(self, tell: Callable[[Any], None]) -> None:
        super().__init__(Console(quiet=True, force_terminal=False))
        self._tell = tell

    def say(self, text: str) -> None:
        """Print a line."""
        self._tell(("say", text, 0, 0))

    def explain(self, lines: Iterable[str]) -> None:
        """Print what was decided, with ``-v``."""
        for line in lines:
            self._tell(("why", line, 0, 0))

    def _show(self, text: str) -> None:
        self._tell(("line", text, 0, 0))

    def _note(self, text: str) -> None:
        self._tell(("note", text, 0, 0))

    @contextmanager
    def _lines(self, name: str) -> Iterator[Tick]:
        last = 0.0

        def tick(done: int, total: int) -> None:
            nonlocal last
            shown(done, total)
            if (now := time.perf_counter()) - last >= _TOLD_INTERVAL or done == total:
                last = now
                self._tell(("tick", name, done, total))

        self._tell(("tick", name, 0, 0))
        with super()._lines(name) as shown:
            yield tick


class Board:
    """Shows several runs at a time on the console of ``progress``: a bar for each on a terminal, lines with its name
    elsewhere; and how many of ``names`` are done, with the estimated time left.
    """

    def __init__(self, progress: Progress, names: Sequence[str], kind: str) -> None:
        self._progress, self._kind = progress, kind
        self._done, self._all, self._began = 0, len(names), time.perf_counter()
        self._width = max(map(len, [*names, kind])) + 14
        self._bars: RichProgress | None = None
        self._tasks: dict[str, TaskID] = {}

    @contextmanager
    def shown(self) -> Iterator[Board]:
        """Show bars during the block, on a terminal."""
        if not self._progress.console.is_terminal:
            yield self
            return
        with _bars(self._progress.console, self._width) as self._bars:
            self._tasks[""] = self._bars.add_task(self._kind, total=self._all)
            yield self

    def heard(self, name: str, message: tuple[str, str, int, int]) -> None:
        """Process the messages of a run."""
        kind, text, done, total = message
        if kind == "tick":
            self._move(name, text, done, total)
        elif kind == "say":
            self._progress.say(f"{name}: {text}")
        elif kind == "why":
            self._progress.explain([f"{name}: {text}"])
        elif kind == "note":
            self._progress._note(f"{name}: {text}")
        elif self._bars is None:
            self._progress._show(f"{name}: {text}")

    def done(self, name: str) -> None:
        """Count a run as done, successful or not."""
        self._done += 1
        left = (time.perf_counter() - self._began) / self._done * (self._all - self._done)
        state = f"{self._kind} {self._done}/{self._all}" + (f", about {duration(left)} left" if left else "")
        self._progress._note(state)
        if self._bars is None:
            self._progress._show(state)
            return
        self._bars.update(self._tasks[""], completed=self._done)
        if name in self._tasks:
            self._bars.remove_task(self._tasks.pop(name))

    def _move(self, name: str, step: str, done: int, total: int) -> None:
        if self._bars is None:
            return
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(name)
        shown = f"{name} {step}"
        if not total:  # a step begins
            self._bars.reset(self._tasks[name], total=None, description=shown)
        self._bars.update(self._tasks[name], completed=done, total=total or None, description=shown)
