"""Command line: ``run`` and ``check``.  Standard output carries JSON only."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from spear_deploy_lava.errors import ExitCode
from spear_deploy_lava.job import Job
from spear_deploy_lava.lifecycle import die_with_parent
from spear_deploy_lava.supervisor import Outcome, supervise


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status (:class:`~spear_deploy_lava.errors.ExitCode`, or 128 + signal)."""
    options = _parser().parse_args(arguments)
    die_with_parent(signal.SIGTERM, options.parent)
    try:
        return _check(options.timeout) if options.command == "check" else _run(options)
    except BrokenPipeError:
        # Nobody reads any more; keep the interpreter from failing again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.EXCEPTION


def _run(options: argparse.Namespace) -> int:
    job = Job(options.program, options.input, options.output, options.final_state)
    outcome = supervise(job, options.timeout, lambda done, total: _emit("progress", done=done, total=total))
    if outcome.failure is not None:
        _emit("error", **asdict(outcome.failure))
    elif outcome.code == ExitCode.DONE:
        _emit("done", steps=outcome.steps, seconds=round(outcome.seconds, 3))
    return outcome.code


def _check(timeout: float) -> int:
    from spear_deploy_lava.check import check  # needs numpy, which the supervisor of a run does without

    def run(job: Job) -> Outcome:
        return supervise(job, timeout, lambda done, total: None)

    report = check(run)
    _write_line(asdict(report))
    return ExitCode.DONE if report.ok else ExitCode.EXCEPTION


def _emit(event: str, **fields: object) -> None:
    _write_line({"event": event, **fields})


def _write_line(value: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="spear_deploy_lava", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run a program; events as JSON lines on standard output")
    run.add_argument("--program", required=True, metavar="FILE")
    run.add_argument("--input", required=True, metavar="FILE")
    run.add_argument("--output", required=True, metavar="FILE")
    run.add_argument("--timeout", type=float, metavar="SECONDS", help="default: none")
    run.add_argument("--final-state", action="store_true", help="record u and v after the last step of the last sample")
    check = commands.add_parser("check", help="run a small network and compare it; the report as JSON")
    check.add_argument("--timeout", type=float, metavar="SECONDS", default=60.0, help="default: 60")
    for command in (run, check):
        command.add_argument("--parent", type=int, metavar="PID", help="end when this process, the parent, ends")
    return parser
