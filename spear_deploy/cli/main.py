"""Entry point: the group of commands, and how errors become messages and exit codes."""

from __future__ import annotations

import difflib
import importlib
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any

import click

from spear_deploy.errors import INTERRUPTED, Finding, SpearError
from spear_deploy.extras import missing_package
from spear_deploy.heap import keep_freed_memory
from spear_deploy.printable import plain, plain_lines
from spear_deploy.storage import NOT_WRITTEN, unwritten

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

COMMANDS: dict[str, tuple[str, str]] = {
    "deploy": ("deploy", "Prune, quantise, place and prove a network within its budgets."),
    "compile": ("deploy", "As deploy, without running a backend."),
    "build": ("build", "As deploy, with options from a project file, spear.toml."),
    "sweep": ("sweep", "Deploy under many budgets, and say which one is worth taking."),
    "run": ("run", "Run a bundle on data and save its spikes."),
    "validate": ("validate", "Compare a backend with the emulator, spike by spike."),
    "import": ("import_module", "Write a live module of a Python file as a NIR file."),
    "inspect": ("inspect", "Show a network, whether it fits a chip, and all findings at once."),
    "chips": ("chips", "List the chips, or show one with the source of each number."),
    "export": ("export", "Write a bundle's program as a .net file for lava-dl's netx."),
    "report": ("report", "Show a bundle's report, and write it as a page."),
    "diff": ("diff", "Compare two reports; a gate for continuous integration."),
    "backend": ("backend", "List, install and check backends."),
    "doctor": ("doctor", "Check the environment: what is missing, and the command that installs it."),
    "explain": ("explain", "Explain an error code."),
    "demo": ("demo", "Deploy the embedded digits example."),
}
"""Command name to its module in this folder and its line of help."""


class LazyGroup(click.Group):
    """Knows its commands' names and help without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module."""
        if cmd_name not in COMMANDS:
            near = difflib.get_close_matches(cmd_name, COMMANDS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"There is no command {cmd_name!r}.{hint}", ctx)
        try:
            module = importlib.import_module(f"spear_deploy.cli.{COMMANDS[cmd_name][0]}")
        except ModuleNotFoundError as error:
            raise missing_package(error) from error
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table of commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="spear-deploy", prog_name="spear-deploy")
def cli() -> None:
    """Make a trained spiking network fit a neuromorphic chip, and prove on emulated hardware that it does.

    Exit codes: 0 done and within budget; 1 internal error; 2 usage or unreadable input; 3 the model uses
    something unsupported; 4 budget not met; 5 validation mismatch; 6 backend missing; 130 interrupted, 143 terminated.
    """


def main() -> None:
    """Run the command line and exit with its code."""
    keep_freed_memory()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # names are in any script, terminals are not
            stream.reconfigure(errors="backslashreplace")
    with suppress(OSError):  # where torch makes a folder for what it compiles, which is nothing here: one that is there
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", tempfile.gettempdir())
    with _terminated() as signals:
        code = _run(signals)
    sys.exit(code if isinstance(code, int) else 0)


@contextmanager
def _terminated() -> Iterator[list[int]]:
    """Let SIGTERM and SIGHUP end what runs as Ctrl-C does, once; yield the list of those that came."""
    came: list[int] = []

    def interrupt(number: int, _: object) -> None:
        if not came:  # a second signal must not interrupt the cleaning up
            came.append(number)
            raise KeyboardInterrupt

    handled = [each for each in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(each) != signal.SIG_IGN]  # nohup
    previous = [signal.signal(number, interrupt) for number in handled]
    try:
        yield came
    finally:
        for number, handler in zip(handled, previous, strict=True):
            signal.signal(number, handler)


def _run(signals: Sequence[int]) -> Any:
    """Run the command; return its exit code."""
    try:
        with _usage_documented():
            code = cli.main(standalone_mode=False)
        sys.stdout.flush()
        return code
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as error:
        error.show()
        return 2
    except SpearError as error:
        return ended_by(error)
    except ModuleNotFoundError as error:
        return ended_by(missing_package(error))
    except (KeyboardInterrupt, click.Abort):
        _forget_interrupt()
        resumable = "deploy, compile and sweep"
        console_for(stderr=True).print(f"interrupted; {resumable} go on with the same command and --resume")
        return 128 + signals[0] if signals else INTERRUPTED
    except BrokenPipeError:
        _close_output()
        return 1
    except OSError as error:
        if error.errno not in NOT_WRITTEN:
            return _bug()
        _close_output()
        return ended_by(unwritten(error.filename or "standard output", error))
    except Exception:
        return _bug()


@contextmanager
def _usage_documented() -> Iterator[None]:
    """Print a usage error as a document too, if the command line asks for one; raise it again.

    Which option is ``--json`` is not known of a line that cannot be read: it is one of its words.
    """
    try:
        yield
    except click.ClickException as error:
        if "--json" in sys.argv[1:]:
            from spear_deploy.cli.document import print_usage_error

            print_usage_error(error)
        raise


def _forget_interrupt() -> None:
    """Let Python exit with the code that is returned.

    Where the exception passed through ``exec`` of a string, as when a library that makes classes so is being imported,
    Python keeps in mind that it was not handled there, and ends by SIGINT whatever the code; another ``exec`` clears
    that.
    """
    exec("")


def ended_by(error: SpearError | None) -> int:
    """Print what kept a command from success, if anything; return its exit code."""
    if error is None:
        return 0
    show(error, console_for(stderr=True))
    return error.exit_code


def _bug() -> int:
    traceback.print_exc()
    console_for(stderr=True).print(
        "this is a bug in spear-deploy: please report it with the lines above and the command"
    )
    return 1


def _close_output() -> None:
    """Let the interpreter's last flush of what could not be written go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def show(error: SpearError, console: Console) -> None:
    """Print every finding of an error."""
    from rich.text import Text

    for finding in error.findings:
        console.print(_line(finding, "bold red"), soft_wrap=True)  # paths stay whole
        if finding.fix:
            console.print(Text.assemble("     ", ("fix", "green"), f" {plain_lines(finding.fix)}"), soft_wrap=True)
    codes = sorted({finding.code for finding in error.findings})
    console.print(f"     more: spear-deploy explain {codes[0]}", style="dim")


def print_notes(notes: Iterable[Finding], console: Console) -> None:
    """Print notes, a line for each."""
    for note in notes:
        console.print(_line(note, "yellow"), soft_wrap=True)


def _line(finding: Finding, style: str) -> Text:
    """Return code, place and message; messages of backends have several lines."""
    from rich.text import Text

    where = (plain(finding.where), "bold" if style.startswith("bold") else "")
    return Text.assemble((finding.code, style), " ", where, f": {plain_lines(finding.message)}")


def console_for(*, stderr: bool = False) -> Console:
    """Return a console for tables, progress and messages."""
    from rich.console import Console  # half of the time that --help takes

    return Console(stderr=stderr, highlight=False)
