"""Reading the layers of a ``.net`` file one by one, with all findings at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from spear_deploy.errors import Finding, InputError, SpearError, UnsupportedError
from spear_deploy.frontends.net.file import NetLayer
from spear_deploy.frontends.net.values import BadLayerError

Refusals = Iterable[tuple[str, str, str]]
"""A code (E021, E026), a message and a fix for everything in a layer that is not supported."""
Parsed = TypeVar("Parsed")

AGAIN = "export it again with lava-dl"
"""The fix for a file whose layers netx would not run unchanged."""


def parse_layers(
    stored: Sequence[NetLayer],
    refusals: Callable[[int, NetLayer], Refusals],
    parse: Callable[[int, str, NetLayer], Parsed],
) -> tuple[list[Parsed], list[Finding]]:
    """Return the results of ``parse`` on each layer, given its number and its name in findings, and all findings."""
    parsed, findings = list[Parsed](), list[Finding]()
    for index, layer in enumerate(stored):
        where = f"layer {index} ({layer.type})"
        refused = [Finding(code, where, message, fix) for code, message, fix in refusals(index, layer)]
        findings += refused
        if refused:
            continue
        try:
            parsed.append(parse(index, where, layer))
        except BadLayerError as error:
            findings.append(Finding("E013", where, str(error), AGAIN))
        except (TypeError, ValueError, OverflowError) as error:
            findings.append(Finding("E013", where, f"its fields do not fit together: {error}", AGAIN))
    return parsed, findings


def error_of(findings: Iterable[Finding]) -> SpearError:
    """Return the error for findings: a damaged file, or an unsupported one."""
    findings = list(findings)
    damaged = any(finding.code == "E013" for finding in findings)
    return (InputError if damaged else UnsupportedError)(findings)
