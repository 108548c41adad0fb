"""The JSON Schema of ``report.json``, as a program can use it."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

VERSION = 7
"""Version of the schema; a report says which one it follows."""


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) that every report follows."""
    text = files("spear_deploy.report").joinpath("schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded
