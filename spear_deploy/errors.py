"""The one tree of errors, and the findings they carry.

    SpearError                exit 1   internal error: a bug
    ├── InputError            exit 2   usage, or input that cannot be read
    │   └── PluginError                what another distribution brings does not work
    ├── UnsupportedError      exit 3   the model uses something the chip or this tool does not support
    ├── BudgetNotMetError     exit 4   finished, but a measured resource is beyond its budget
    ├── MismatchError         exit 5   finished, but emulator and backend disagree
    └── BackendError          exit 6   a backend or its environment is missing or failed

An error carries *findings*: everything that is wrong, at once.  Each finding has a code that
:data:`~spear_deploy.catalogue.CATALOGUE` explains, the place (file, node, option), and the fix.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Literal

from spear_deploy.catalogue import CATALOGUE

Severity = Literal["error", "note"]


@dataclass(frozen=True)
class Finding:
    """One message to the user.

    ``code`` is a key of the catalogue; ``where`` names the file, node or option; ``message`` says what is wrong, with
    the values found; ``fix`` says what to do about it.  For limits, ``value`` is the number found and ``limit`` the
    largest allowed, or the smallest (``at_least``).
    """

    code: str
    where: str
    message: str
    fix: str = ""
    severity: Severity = "error"
    value: float | None = None
    limit: float | None = None
    at_least: bool = False

    @property
    def slack(self) -> float | None:
        """The room left to the limit; negative beyond it."""
        if self.value is None or self.limit is None:
            return None
        return self.value - self.limit if self.at_least else self.limit - self.value

    def __post_init__(self) -> None:
        if self.code not in CATALOGUE:
            raise KeyError(f"finding with an uncatalogued code {self.code!r}")

    def __str__(self) -> str:
        text = f"{self.code} {self.where}: {self.message}"
        return f"{text}\n     fix: {self.fix}" if self.fix else text


class SpearError(Exception):
    """Base of all errors that the tool reports instead of a traceback."""

    exit_code: ClassVar[int] = 1

    def __init__(self, findings: Finding | Iterable[Finding]) -> None:
        self.findings = (findings,) if isinstance(findings, Finding) else tuple(findings)
        super().__init__("\n".join(str(finding) for finding in self.findings))

    def __reduce__(self) -> tuple[type[SpearError], tuple[tuple[Finding, ...]]]:
        """Pickle with all findings, for errors of other processes."""
        return type(self), (self.findings,)

    @classmethod
    def of(cls, code: str, where: object, message: str, fix: str = "") -> SpearError:
        """Build an error from its only finding."""
        return cls(Finding(code, str(where), message, fix))


class InputError(SpearError):
    """Wrong usage, or an input that cannot be read."""

    exit_code = 2


class UnsupportedError(SpearError):
    """The model uses something that the tool or the chip does not support."""

    exit_code = 3


class BudgetNotMetError(SpearError):
    """Everything ran, but a measured resource exceeds its budget; the report is written."""

    exit_code = 4


class MismatchError(SpearError):
    """The backend's spikes differ from the emulator's; the report is written."""

    exit_code = 5


class BackendError(SpearError):
    """A backend is missing, its environment is broken, or it failed while running."""

    exit_code = 6


class PluginError(InputError):
    """An entry of another distribution does not follow its protocol."""


INTERRUPTED = 130
"""Exit code after Ctrl-C, 128 + SIGINT; the run can be resumed, as after other signals."""
