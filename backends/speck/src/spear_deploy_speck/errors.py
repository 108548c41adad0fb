"""Exit codes, and what is told of input that cannot be run."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the exit status says."""

    DONE = 0
    EXCEPTION = 1
    BAD_INPUT = 2
    TIMEOUT = 4


class BadInputError(ValueError):
    """The program or its input cannot be run as it is, or sinabs makes other integers of it."""
