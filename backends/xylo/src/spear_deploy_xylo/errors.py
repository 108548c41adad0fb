"""Errors and exit codes of the backend."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the exit status of ``run`` and ``check`` says; after a signal it is 128 + its number."""

    DONE = 0
    EXCEPTION = 1
    BAD_INPUT = 2
    KILLED = 3
    TIMEOUT = 4


class BadInputError(ValueError):
    """The program or its input cannot be run as it is."""
