"""Entry point: the group of commands, and how errors become messages and exit codes."""

from __future__ import annotations

import difflib
import importlib
import os
import sys
import traceback
from collections.abc import Iterable
from io import TextIOWrapper

import click
from rich.console import Console

import spear_deploy
from spear_deploy.errors import INTERRUPTED, Finding, SpearError

COMMANDS: dict[str, tuple[str, str]] = {
    "deploy": ("deploy", "Prune, quantise, place and prove a network within its budgets."),
    "compile": ("deploy", "As deploy, without running a backend."),
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
    "doctor": ("doctor", "Look at the environment: what is missing, and the command that mends it."),
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
            _missing_dependency(error)
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table of commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(spear_deploy.__version__, prog_name="spear-deploy")
def cli() -> None:
    """Make a trained spiking network fit a neuromorphic chip, and prove on emulated hardware that it does.

    Exit codes: 0 done and within budget; 1 internal error; 2 usage or unreadable input; 3 the model uses
    something unsupported; 4 budget not met; 5 validation mismatch; 6 backend missing; 130 interrupted.
    """


def main() -> None:
    """Run the command line and exit with its code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # names are in any script, terminals are not
            stream.reconfigure(errors="backslashreplace")
    errors = console_for(stderr=True)
    try:
        code = cli.main(standalone_mode=False)
    except click.exceptions.Exit as done:
        code = done.exit_code
    except click.ClickException as error:
        error.show()
        code = 2
    except SpearError as error:
        show(error, errors)
        code = error.exit_code
    except ModuleNotFoundError as error:
        try:
            _missing_dependency(error)
        except SpearError as missing:
            show(missing, errors)
            code = missing.exit_code
    except (KeyboardInterrupt, click.Abort):
        errors.print("interrupted; deploy, compile and sweep go on with the same command and --resume")
        code = INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except Exception:
        traceback.print_exc()
        errors.print("this is a bug in spear-deploy: please report it with the lines above and the command")
        code = 1
    sys.exit(code if isinstance(code, int) else 0)


def show(error: SpearError, console: Console) -> None:
    """Print every finding of an error."""
    for finding in error.findings:
        line = f"[bold red]{finding.code}[/] [bold]{_plain(finding.where)}[/]: {_plain(finding.message)}"
        console.print(line, soft_wrap=True)  # paths stay whole
        if finding.fix:
            console.print(f"     [green]fix[/] {_plain(finding.fix)}", soft_wrap=True)
    codes = sorted({finding.code for finding in error.findings})
    console.print(f"     more: spear-deploy explain {codes[0]}", style="dim")


def print_notes(notes: Iterable[Finding], console: Console) -> None:
    """Print notes, a line for each."""
    for note in notes:
        console.print(f"[yellow]{note.code}[/] {_plain(note.where)}: {_plain(note.message)}", soft_wrap=True)


def _plain(text: str) -> str:
    """Keep rich from reading brackets as markup, and the terminal from obeying what names from files hold."""
    printable = "".join(c if c.isprintable() or c == "\n" else "?" for c in text)
    return printable.replace("[", r"\[")


def _missing_dependency(error: ModuleNotFoundError) -> None:
    from spear_deploy.errors import BackendError

    if not error.name or error.name.startswith("spear_deploy"):
        raise error
    fix = "pip install 'spear-deploy[search]'"
    raise BackendError.of("E064", error.name, "is not installed; training and emulation need it", fix) from error


def console_for(*, stderr: bool = False) -> Console:
    """Return a console for tables, progress and messages."""
    return Console(stderr=stderr, highlight=False)
