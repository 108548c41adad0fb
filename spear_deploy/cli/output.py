"""Output of long commands: to the terminal, or there only the verdict, and to a log."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import click

from spear_deploy.cli.main import console_for, show
from spear_deploy.errors import InputError, SpearError
from spear_deploy.storage import real_path, writing

if TYPE_CHECKING:
    from rich.console import Console

    from spear_deploy.progress import Progress

VERBOSE_OPTION = click.option(
    "-v", "--verbose", is_flag=True, help="Explain every decision, and how to fix what is noted."
)
OUTPUT_OPTIONS = (
    click.option("-q", "--quiet", is_flag=True, help="Print nothing but the verdict and errors."),
    VERBOSE_OPTION,
    click.option(
        "--log",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Append all that is printed, or would be, to FILE, each line with its time.",
    ),
)
"""How much a command says, and where."""
_LOG_WIDTH = 120


@dataclass(frozen=True, eq=False)
class Output:
    """``verdict`` prints what is always said, ``console`` the rest, unless it is quiet; ``log`` has both.

    ``details`` prints what steps decide; it is None where nobody asked for it.
    """

    verdict: Console
    console: Console
    log: Console | None
    details: Console | None

    @property
    def full(self) -> tuple[Console, ...]:
        """The consoles that get everything."""
        return (self.console,) if self.log is None else (self.console, self.log)

    def progress(self) -> Progress:
        """Return what shows the steps of a run."""
        from spear_deploy.progress import Progress

        return Progress(self.console, self.log, self.details)


@contextmanager
def opened(*, quiet: bool, verbose: bool, log: Path | None, folder: Path, stderr: bool) -> Iterator[Output]:
    """Yield where to print while the block runs; an error that ends it is logged, and shown by whoever catches it.

    ``stderr``: standard output carries JSON alone.  Raises :class:`InputError` (E009) for a log that cannot be written,
    or that lies in the ``folder`` of the run, which holds nothing else.
    """
    from rich.console import Console

    if quiet and verbose:
        raise click.UsageError("-q and -v are of opposite minds: give one of them.")
    if log is not None and real_path(log).parent == real_path(folder):
        raise InputError.of("E009", log, f"lies in {folder}, which is for the files of runs", "log to another folder")
    usual = console_for(stderr=stderr)
    console = Console(quiet=True) if quiet else usual
    details = usual if verbose else None
    if log is None:
        yield Output(usual, console, None, details)
        return
    with writing(log):
        log.parent.mkdir(parents=True, exist_ok=True)
        stream = log.open("ab", buffering=0)
    with stream:
        logged = Console(file=cast("IO[str]", _Stamped(stream, log)), highlight=False, width=_LOG_WIDTH)
        try:
            yield Output(usual, console, logged, details)
        except SpearError as error:
            with suppress(InputError):  # of a log that cannot be written
                show(error, logged)
            raise


class _Stamped(io.TextIOBase):
    """Prefixes each line with the time (UTC, ISO 8601) and writes it at once, unbuffered."""

    def __init__(self, stream: io.RawIOBase, path: Path) -> None:
        self._stream, self._path, self._begins = stream, path, True

    def write(self, text: str) -> int:
        """Write text; raise :class:`InputError` (E009) where the file takes no more."""
        with writing(self._path):
            for line in text.splitlines(keepends=True):
                stamp = f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ} " if self._begins else ""
                self._stream.write((stamp + line).encode())
                self._begins = line.endswith("\n")
        return len(text)
