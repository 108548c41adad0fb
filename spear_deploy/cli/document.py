"""``--json``: one document with everything that a command found, including an error that ended it."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click

from spear_deploy.cli.main import console_for, print_notes
from spear_deploy.errors import Finding, SpearError
from spear_deploy.extras import missing_package
from spear_deploy.printable import plain_lines
from spear_deploy.storage import as_json

if TYPE_CHECKING:
    from rich.console import Console

    from spear_deploy.progress import Progress

VERSION = 1
"""Version of the documents."""

JSON_OPTION = click.option(
    "--json", "json_output", is_flag=True, help="Print what is found, findings included, as JSON on standard output."
)


@dataclass(frozen=True, eq=False)
class Document:
    """The output of a command, in words on the ``console`` and as data in ``found``; ``details`` are for ``-v``.

    ``waiting`` shows what is being worked at, to whoever looks on.
    """

    console: Console
    details: Console
    waiting: Progress
    found: dict[str, Any]

    def say(self, text: str) -> None:
        """Print a line, as it is."""
        self.console.print(text, markup=False, soft_wrap=True)

    def explain(self, text: str) -> None:
        """Print a line on what was decided, where that was asked for."""
        self.details.print(f"  {text}", markup=False, soft_wrap=True, style="dim")

    def add(self, **found: Any) -> None:
        """Add to what is found."""
        self.found.update(found)

    def notes(self, notes: Iterable[Finding]) -> None:
        """Print notes, and keep them with the findings."""
        for note in notes:
            print_notes([note], self.console)
            if note.fix:
                self.explain(f"   fix: {plain_lines(note.fix)}")
            if note.slack is not None:
                self.explain(f"   found {note.value:.4g}, limit {note.limit:.4g}, room left {note.slack:.4g}")
            self.found["findings"].append(finding_data(note))

    def print(self) -> None:
        """Print it as JSON on standard output."""
        rest = {key: value for key, value in self.found.items() if key != "findings"}
        click.echo(json.dumps(as_json({**rest, "findings": self.found["findings"]}), indent=2))


@contextmanager
def documented(*, as_document: bool, verbose: bool = False) -> Iterator[Document]:
    """Yield a document for a command to fill; print it when the block ends, also by an error, which is raised again.

    ``as_document``: standard output carries the document alone, what is said in words goes to standard error.
    ``verbose``: details are said too.
    """
    with _errors_in(document := _empty(as_document, verbose), as_document=as_document):
        yield document
    if as_document:
        document.print()


@contextmanager
def errors_documented(*, as_document: bool) -> Iterator[None]:
    """Print an error that ends the block as a document, for commands with another JSON of their own; raise it again."""
    with _errors_in(_empty(as_document, verbose=False), as_document=as_document):
        yield


def print_usage_error(error: click.ClickException) -> None:
    """Print a command line that cannot be read as a document with its finding (E029)."""
    path: list[str] = []
    context = getattr(error, "ctx", None)
    while context is not None:
        path.insert(0, str(context.info_name) if context.parent is not None else "spear-deploy")
        context = context.parent
    where = " ".join(path or ["spear-deploy"])
    document = _empty(as_document=True, verbose=False)
    finding = Finding("E029", where, error.format_message(), f"{where} --help says what it takes")
    document.found["findings"].append(finding_data(finding))
    document.print()


def _empty(as_document: bool, verbose: bool) -> Document:
    from rich.console import Console

    from spear_deploy.progress import Progress

    command = shlex.join(["spear-deploy", *sys.argv[1:]])
    console = console_for(stderr=as_document)
    details = console if verbose else Console(quiet=True)
    watched = console_for(stderr=True)
    watched.quiet = as_document or not watched.is_terminal
    return Document(console, details, Progress(watched), {"schema": VERSION, "command": command, "findings": []})


@contextmanager
def _errors_in(document: Document, *, as_document: bool) -> Iterator[None]:
    try:
        yield
    except (SpearError, ModuleNotFoundError) as raised:
        error = raised if isinstance(raised, SpearError) else missing_package(raised)
        document.found["findings"] += map(finding_data, error.findings)
        if as_document:
            document.print()
        if error is raised:
            raise
        raise error from raised


def finding_data(finding: Finding) -> dict[str, Any]:
    """Return a finding as JSON has it: code, severity, where, message, fix, and value, limit and slack of a number."""
    told = asdict(finding)
    del told["at_least"]
    return {**told, "slack": finding.slack}
