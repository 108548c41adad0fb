"""What is installed around the tool, what is missing, and the command that fixes it.  No library is imported."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import spear_deploy
from spear_deploy.backends import BACKENDS
from spear_deploy.backends.environment import home
from spear_deploy.errors import BackendError, Finding, SpearError

State = Literal["ok", "missing", "old", "broken"]

_DISTRIBUTION = "spear-deploy"
_FRAMEWORKS = {
    "snntorch": "live modules of snnTorch",
    "spikingjelly": "live modules of SpikingJelly",
    "norse": "live modules of Norse",
    "sinabs": "live modules of sinabs",
}
_REQUIREMENT = re.compile(r"^([\w.-]+)(?:[^;]*?>=\s*([\w.]+))?[^;]*?(?:;.*?extra\s*==\s*['\"]([\w-]+)['\"])?\s*$")
"""Name, least version and extra of a requirement as metadata write it."""


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: of it; what ``--need`` calls it.
        group: what kind of thing it is: tool, library, extra, framework, data or backend.
        state: ok, missing, old (a version below the least one) or broken.
        found: its version or place, or what is wrong.
        use: what it is needed for.
        mend: the command that brings it; empty where nothing is to be mended.
        needed: whether the tool as such does not run without.
    """

    name: str
    group: str
    state: State
    found: str
    use: str
    mend: str = ""
    needed: bool = False


def examine() -> tuple[Check, ...]:
    """Look at everything: the tool, its libraries and extras, the frameworks of live modules, data, the backends."""
    return (*_tool(), *_libraries(), *_frameworks(), *_data(), *_backends())


def describe(checks: tuple[Check, ...]) -> dict[str, Any]:
    """Return the checks as JSON."""
    return {"doctor": 1, "ok": not unmet_needs(checks, ()), "checks": [asdict(check) for check in checks]}


def readiness(checks: tuple[Check, ...]) -> str:
    """Return a line on what can be done now, if the tool has everything it needs."""
    missing = [check for check in checks if check.state != "ok"]
    optional = "; what is missing is optional" if missing else ""
    search = next((check for check in missing if check.name == "search"), None)
    if search is not None:
        return f"ready to read, check and report; to deploy: {search.mend}"
    emulators = ("emulator", "reference")
    proving = [check.name for check in checks if check.group == "backend" and check.state == "ok"]
    others = [name for name in proving if name not in emulators]
    return f"ready to deploy on emulated chips, proofs by {', '.join(others) or 'the emulator alone'}{optional}"


def unmet_needs(checks: tuple[Check, ...], needs: tuple[str, ...]) -> BackendError | None:
    """Return E064 and E060 for what is needed always, and what is in ``needs``, and is not all right.

    Raises :class:`BackendError` (E060) for a need that nothing here is called.
    """
    names = [check.name for check in checks]
    unknown = [need for need in needs if need not in names]
    if unknown:
        fix = f"one of: {', '.join(dict.fromkeys(names))}"
        raise BackendError(
            [Finding("E060", f"--need {need}", "there is nothing of this name", fix) for need in unknown]
        )
    bad = [check for check in checks if check.state != "ok" and (check.needed or check.name in needs)]
    if not bad:
        return None
    return BackendError(
        [Finding("E060" if c.group == "backend" else "E064", c.name, f"{c.state}: {c.found}", c.mend) for c in bad]
    )


def _tool() -> Iterator[Check]:
    python = ".".join(map(str, sys.version_info[:3]))
    yield Check("spear-deploy", "tool", "ok", f"{spear_deploy.__version__}, Python {python}", sys.executable)
    use = "processors of this machine; --threads says how many a run takes"
    yield Check("processors", "tool", "ok", f"{os.cpu_count()}, {platform.machine()}", use)
    folder = home()
    parent = next(each for each in (folder, *folder.parents) if each.exists())
    free = shutil.disk_usage(parent).free / 2**30
    writable = os.access(parent, os.W_OK)
    mend = "" if writable else "set SPEAR_DEPLOY_HOME to a folder that can be written"
    state: State = "ok" if writable else "broken"
    found = f"{folder}, {free:.0f} GiB free" if writable else f"{folder} cannot be written"
    yield Check("home", "tool", state, found, "environments of backends", mend)


def _libraries() -> Iterator[Check]:
    """Yield the tool's own libraries, and one row for each extra with all that it lacks."""
    try:
        wanted = [match.groups() for line in metadata.requires(_DISTRIBUTION) or () if (match := _requirement(line))]
    except metadata.PackageNotFoundError:
        found = "runs from a folder without metadata: extras are not known"
        yield Check("extras", "library", "missing", found, "what the tool needs", f"pip install {Path.cwd()}")
        return
    for name, least, extra in wanted:
        if extra is None:
            state, version = _state(name, least)
            yield Check(name, "library", state, version, "the tool", f"pip install '{name}>={least}'", needed=True)
    uses = {
        "search": "training, search and the emulator",
        "nir": "graphs of the nir package",
        "methods": "tpe, cmaes",
        "images": "folders of images as data",
        "events": "AEDAT4 recordings as data",
        "figures": "figures of a report as PNG",
        "dask": "sweep --cluster tcp://HOST:8786",
        "ray": "sweep --cluster ray://HOST:10001",
    }
    for extra in dict.fromkeys(extra for _, _, extra in wanted if extra is not None):
        rows = [(name, *_state(name, least)) for name, least, own in wanted if own == extra]
        bad = [(name, state, version) for name, state, version in rows if state != "ok"]
        worst: State = "ok" if not bad else "missing" if any(state == "missing" for _, state, _ in bad) else "old"
        told = ", ".join(f"{name} {version}" for name, _, version in bad or rows)
        yield Check(extra, "extra", worst, told, uses.get(extra, ""), f"pip install 'spear-deploy[{extra}]'")


def _requirement(line: str) -> re.Match[str] | None:
    """Return the parts of a requirement; None for one that does not hold here."""
    if "python_version" in line and sys.version_info >= (3, 11):
        return None
    return _REQUIREMENT.match(line.replace("(", "").replace(")", ""))


def _state(name: str, least: str | None) -> tuple[State, str]:
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return "missing", "not installed"
    if least is not None and _parts(version) < _parts(least):
        return "old", f"{version}, needs {least}"
    return "ok", version


def _parts(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a version: 2.13.0+cpu is (2, 13)."""
    numbers = [int(part) for part in re.match(r"[\d.]*", version)[0].split(".") if part]  # type: ignore[index]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


def _frameworks() -> Iterator[Check]:
    for name, use in _FRAMEWORKS.items():
        state, found = _state(name, None)
        yield Check(name, "framework", state, found, use, "" if state == "ok" else f"pip install {name}")


def _data() -> Iterator[Check]:
    """Yield packages whose files are read."""
    state, version = _state("aeon", None)
    mend = "" if state == "ok" else "pip install --no-deps aeon"
    yield Check("aeon", "data", state, version, "time-series sets, --data aeon:NAME", mend)


def _backends() -> Iterator[Check]:
    for name in BACKENDS.names():
        try:
            backend = BACKENDS.get(name)
            served = "all targets" if backend.targets is None else f"targets {', '.join(sorted(backend.targets))}"
            yield Check(name, "backend", "ok", backend.require(), f"proves programs of {served}")
        except BackendError as error:
            finding = error.findings[0]
            mend = f"spear-deploy backend install {name}"
            yield Check(name, "backend", "missing", finding.message, f"proves programs of {served}", mend)
        except SpearError as error:
            yield Check(name, "backend", "broken", error.findings[0].message, "", error.findings[0].fix)
