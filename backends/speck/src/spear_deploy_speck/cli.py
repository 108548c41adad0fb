"""Command line: ``run`` and ``check``.  Standard output carries JSON only; whatever sinabs prints goes to standard
error."""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import os
import signal
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, NoReturn

from spear_deploy_speck.errors import BadInputError, ExitCode

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_HEARTBEAT = 5.0
"""Seconds after which progress is told again: who hears nothing for a minute takes this process for stopped."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status (:class:`~spear_deploy_speck.errors.ExitCode`)."""
    options = _options(arguments)
    _die_with_parent(options.parent)
    tempfile.tempdir = options.folder
    answers = sys.stdout
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if options.timeout is not None:
        signal.signal(signal.SIGALRM, _out_of_time)
        signal.setitimer(signal.ITIMER_REAL, options.timeout)
    with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of sinabs and nirtorch, about each other
        return _check(answers) if options.command == "check" else _run(options, answers)


def _run(options: argparse.Namespace, answers: IO[str]) -> int:
    started, lock = time.monotonic(), threading.Lock()
    clock = {"done": 0, "total": 0}

    def emit(event: str, **fields: object) -> None:
        with lock:
            _write_line(answers, {"event": event, **fields})

    def progress(done: int, total: int) -> None:
        clock.update(done=done, total=total)
        emit("progress", **clock)

    def beat() -> None:
        while not ended.wait(_HEARTBEAT):
            emit("progress", **clock)

    ended = threading.Event()
    threading.Thread(target=beat, daemon=True).start()
    try:
        from spear_deploy_speck.simulation import simulate

        files = (Path(options.program), Path(options.input), Path(options.output))
        steps = simulate(*files, progress)
    except TimeoutError:
        emit("error", kind="timeout", message=f"not finished after {options.timeout:g} s", traceback="")
        return ExitCode.TIMEOUT
    except BadInputError as error:
        emit("error", kind="input", message=str(error), traceback="")
        return ExitCode.BAD_INPUT
    except Exception as error:  # whatever sinabs raises is told
        emit("error", kind="exception", message=str(error) or type(error).__name__, traceback=traceback.format_exc())
        return ExitCode.EXCEPTION
    finally:
        ended.set()
    emit("done", steps=steps, seconds=round(time.monotonic() - started, 3))
    return ExitCode.DONE


def _check(answers: IO[str]) -> int:
    from spear_deploy_speck.check import check

    report = check()
    _write_line(answers, asdict(report))
    return ExitCode.DONE if report.ok else ExitCode.EXCEPTION


def _write_line(answers: IO[str], value: Mapping[str, object]) -> None:
    answers.write(json.dumps(value) + "\n")
    answers.flush()


def _out_of_time(number: int, frame: object) -> NoReturn:
    raise TimeoutError


def _die_with_parent(parent: int | None) -> None:
    """Ask the kernel to end this process when its parent ends; ``parent`` is the process that should be it."""
    expected = os.getppid() if parent is None else parent
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGTERM), 0, 0, 0)
    if os.getppid() != expected:
        os.kill(os.getpid(), signal.SIGTERM)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; ends the process with status 2 where it makes no sense."""
    parser = argparse.ArgumentParser(prog="spear_deploy_speck", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run a program; events as JSON lines on standard output")
    for name in ("program", "input", "output"):
        run.add_argument(f"--{name}", required=True, metavar="FILE")
    check = commands.add_parser("check", help="run a small program and compare it; the report as JSON")
    for command in (run, check):
        command.add_argument("--timeout", type=float, metavar="SECONDS", help="default: none")
        command.add_argument("--parent", type=int, metavar="PID", help="end when this process, the parent, ends")
        command.add_argument("--folder", metavar="DIR", help="for temporary files; default: the system's")
    return parser.parse_args(arguments)
