"""``report.json`` as it is read back: what is no report of this version is refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from spear_deploy.deployment.folder import REPORT
from spear_deploy.errors import InputError
from spear_deploy.report.schema import VERSION
from spear_deploy.storage import is_file


def read_report(path: Path) -> dict[str, Any]:
    """Return the report in a bundle's folder, or the one that is this file.

    Raises :class:`InputError`: E001 where there is none, E010 for one that is damaged or of another version.
    """
    file = path / REPORT if path.is_dir() else path
    if not is_file(file):
        raise InputError.of("E001", path / REPORT, "there is no report", "run spear-deploy deploy first")
    try:
        report = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError.of("E010", file, f"is damaged: {error}", "deploy again") from error
    if not isinstance(report, dict) or report.get("schema") != VERSION:
        raise InputError.of("E010", file, "is no report of this version", "deploy again")
    return report
