"""Command line: ``run`` and ``check``.  Standard output carries JSON only."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from spear_deploy_lava.errors import ExitCode
from spear_deploy_lava.job import Job
from spear_deploy_lava.lifecycle import die_with_parent
from spear_deploy_lava.supervisor import Outcome, supervise


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status (:class:`~spear_deploy_lava.errors.ExitCode`, or 128 + signal)."""
    options = _options(arguments)
    die_with_parent(signal.SIGTERM, options.parent)
    if options.folder is not None:
        tempfile.tempdir = options.folder
    try:
        return _check(options) if options.command == "check" else _run(options)
    except BrokenPipeError:
        # Nobody reads any more; keep the interpreter from failing again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.EXCEPTION
    finally:
        if None not in (options.folder, options.parent) and os.getppid() != options.parent:
            shutil.rmtree(options.folder, ignore_errors=True)


def _run(options: argparse.Namespace) -> int:
    files = {"input": options.input, "output": options.output}
    if options.sigma_delta is not None:
        job = Job("sigma-delta", options.sigma_delta, **files)
    elif options.net is None:
        job = Job("program", options.program, **files, final_state=options.final_state)
    else:
        job = Job("net", options.net, **files, max_value=options.max_value or 1)
    outcome = supervise(job, options.timeout, lambda done, total: _emit("progress", done=done, total=total))
    if outcome.failure is not None:
        _emit("error", **asdict(outcome.failure))
    elif outcome.code == ExitCode.DONE:
        _emit("done", steps=outcome.steps, seconds=round(outcome.seconds, 3))
    return outcome.code


def _check(options: argparse.Namespace) -> int:
    # These need numpy, which the supervisor of a run does without.
    from spear_deploy_lava.check import check
    from spear_deploy_lava.net_check import check_net

    def run(job: Job) -> Outcome:
        return supervise(job, options.timeout, lambda done, total: None)

    report = check_net(run) if options.net else check(run)
    _write_line(asdict(report))
    return ExitCode.DONE if report.ok else ExitCode.EXCEPTION


def _emit(event: str, **fields: object) -> None:
    _write_line({"event": event, **fields})


def _write_line(value: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; ends the process with status 2 where it makes no sense."""
    parser = argparse.ArgumentParser(prog="spear_deploy_lava", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run a network; events as JSON lines on standard output")
    network = run.add_mutually_exclusive_group(required=True)
    network.add_argument("--program", metavar="FILE", help="a program of spear-deploy")
    network.add_argument("--sigma-delta", metavar="FILE", help="a program of spear-deploy of sigma-delta neurons")
    network.add_argument("--net", metavar="FILE", help="a .net file of lava-dl, run by its netx")
    run.add_argument("--input", required=True, metavar="FILE")
    run.add_argument("--output", required=True, metavar="FILE")
    run.add_argument("--timeout", type=float, metavar="SECONDS", help="default: none")
    run.add_argument(
        "--final-state",
        action="store_true",
        help="with --program: record u and v after the last step of the last sample",
    )
    run.add_argument(
        "--max-value", type=_positive, metavar="N", help="with --net: the largest payload in the input; default: 1"
    )
    check = commands.add_parser("check", help="run a small network and compare it; the report as JSON")
    check.add_argument("--net", action="store_true", help="check lava-dl's netx instead")
    check.add_argument("--timeout", type=float, metavar="SECONDS", default=60.0, help="default: 60")
    for command in (run, check):
        command.add_argument("--parent", type=int, metavar="PID", help="end when this process, the parent, ends")
        command.add_argument(
            "--folder", metavar="DIR", help="where temporary files go; removed if the parent ends before this process"
        )
    options = parser.parse_args(arguments)
    if options.command == "run":
        if options.program is None and options.final_state:
            run.error("--final-state goes with --program")
        if options.net is None and options.max_value is not None:
            run.error("--max-value goes with --net")
    return options


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not positive")
    return number
