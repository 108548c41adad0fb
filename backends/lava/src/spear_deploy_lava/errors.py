"""Errors and exit codes of the backend."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the exit status of ``run`` and ``check`` says; after a signal it is 128 + its number."""

    DONE = 0
    EXCEPTION = 1
    BAD_INPUT = 2
    CHILD_DIED = 3
    TIMEOUT = 4


class BadInputError(ValueError):
    """The file to run or its input cannot be run as it is, or not in this environment."""
