"""Command line: ``run`` and ``check``.  Standard output carries JSON only."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from spear_deploy_xylo.errors import ExitCode
from spear_deploy_xylo.lifecycle import die_with_parent
from spear_deploy_xylo.supervisor import Job, supervise


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status (:class:`~spear_deploy_xylo.errors.ExitCode`, or 128 + signal)."""
    options = _options(arguments)
    die_with_parent(signal.SIGTERM, options.parent)
    try:
        return _check(options) if options.command == "check" else _run(options)
    except BrokenPipeError:
        # Nobody reads any more; keep the interpreter from failing again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.EXCEPTION


def _run(options: argparse.Namespace) -> int:
    job = Job(options.program, options.input, options.output, options.states)
    outcome = supervise(job, options.timeout, lambda done, total: _write_line("progress", done=done, total=total))
    if outcome.failure is not None:
        _write_line("error", **asdict(outcome.failure))
    elif outcome.code == ExitCode.DONE:
        _write_line("done", seconds=round(outcome.seconds, 3))
    return outcome.code


def _check(options: argparse.Namespace) -> int:
    from spear_deploy_xylo.check import check  # needs numpy, which the supervisor of a run does without

    report = check(lambda job: supervise(job, options.timeout, lambda done, total: None), options.folder)
    _write(asdict(report))
    return ExitCode.DONE if report.ok else ExitCode.EXCEPTION


def _write_line(event: str, **fields: object) -> None:
    _write({"event": event, **fields})


def _write(value: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; ends the process with status 2 where it makes no sense."""
    parser = argparse.ArgumentParser(prog="spear_deploy_xylo", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run a program; events as JSON lines on standard output")
    for name in ("program", "input", "output"):
        run.add_argument(f"--{name}", required=True, metavar="FILE")
    run.add_argument("--timeout", type=float, metavar="SECONDS", help="default: none")
    run.add_argument("--states", action="store_true", help="record currents and membranes too")
    check = commands.add_parser("check", help="run a small program and compare it; the report as JSON")
    check.add_argument("--timeout", type=float, metavar="SECONDS", default=60.0, help="default: 60")
    for command in (run, check):
        command.add_argument("--parent", type=int, metavar="PID", help="end when this process, the parent, ends")
        command.add_argument("--folder", metavar="DIR", help="for temporary files; default: the system's")
    return parser.parse_args(arguments)
