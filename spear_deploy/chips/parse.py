"""Parsing a profile's table against the schema of its dataclasses, with all problems at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin, get_type_hints

from spear_deploy.chips.figures import Sourced
from spear_deploy.chips.profile import ChipProfile
from spear_deploy.errors import Finding, InputError

Table: TypeAlias = Mapping[str, object]

_TEXTS = ("name", "title", "target", "sources")
"""Fields of :class:`ChipProfile` that are not figures."""


def parse_profile(name: str, table: Table, where: str, schema: type[ChipProfile]) -> ChipProfile:
    """Read a profile of ``schema`` from its TOML table (inheritance already resolved); ``where`` names the file.

    Raises :class:`InputError` with an E011 for every unknown or missing key, wrong type, value out of range,
    value without a known source, and figure that cannot be meant beside others.
    """
    reader = _Reader(where)
    title, target = (reader.text(table, key, key) for key in ("title", "target"))
    sources = reader.sources(table.get("sources", {}))
    parts = {key: value for key, value in table.items() if key not in _TEXTS}
    values = reader.part(schema, parts, "")
    if reader.findings:
        raise InputError(reader.findings)
    profile = schema(name=name, title=title, target=target, sources=sources, **values)
    findings = [
        Finding("E011", f"{where}: {path}", reason, "correct one of them") for path, reason in profile.objections()
    ]
    if findings:
        raise InputError(findings)
    return profile


class _Reader:
    """Reads tables into dataclasses; invalid values are collected in ``findings`` and read as None."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._sources: Mapping[str, str] = {}
        self.findings: list[Finding] = []

    def _problem(self, path: str, message: str, fix: str = "") -> None:
        self.findings.append(Finding("E011", f"{self._where}: {path}", message, fix))

    def text(self, table: Table, key: str, path: str) -> str:
        """Read a text that must not be empty."""
        value = table.get(key)
        if isinstance(value, str) and value:
            return value
        self._problem(path, "must be a text" if key in table else "is missing")
        return ""

    def sources(self, table: object) -> Mapping[str, str]:
        """Read the references, by key."""
        if isinstance(table, Mapping):
            self._sources = {key: self.text(table, key, f"sources.{key}") for key in table}
        else:
            self._problem("sources", "must be a table of references")
        return self._sources

    def part(self, kind: type[Any], table: Table, path: str) -> dict[str, Any]:
        """Read the fields of the dataclass ``kind``; ``path`` ends with a dot unless it is empty."""
        hints = get_type_hints(kind, include_extras=True)
        entries = {entry.name: entry for entry in fields(kind) if entry.name not in _TEXTS}
        for key in table:
            if key not in entries:
                self._problem(path + key, "is not a key of a chip profile", f"one of: {', '.join(entries)}")
        values = {}
        for key, entry in entries.items():
            if key in table:
                values[key] = self._field(_without_none(hints[key]), table[key], path + key)
            elif entry.default is MISSING:
                self._problem(path + key, "is missing")
        return values

    def _field(self, hint: Any, table: object, path: str) -> Any:
        before = len(self.findings)
        if not isinstance(table, Mapping):
            self._problem(path, "must be a table", 'write { value = ..., source = "..." }')
            return None
        figure, limit = get_args(hint) if get_origin(hint) is Annotated else (hint, None)
        if get_origin(figure) is Sourced:
            return self._figure(get_args(figure)[0], limit, table, path)
        values = self.part(figure, table, f"{path}.")
        return figure(**values) if len(self.findings) == before else None

    def _figure(self, kind: Any, limit: Any, table: Table, path: str) -> Sourced[Any] | None:
        before = len(self.findings)
        for key in table:
            if key not in ("value", "source", "note"):
                self._problem(f"{path}.{key}", "is not a key of a figure", "one of: value, source, note")
        source, note = table.get("source"), table.get("note", "")
        if source is None:
            self._problem(path, "has no source", "every figure names where it is published")
        elif not isinstance(source, str) or source not in self._sources:
            self._problem(path, f"names the source {source!r}, which [sources] does not have")
        if not isinstance(note, str):
            self._problem(f"{path}.note", "must be a text")
        value = tuple(raw) if isinstance(raw := table.get("value"), list) else raw
        if raw is None:
            self._problem(path, "has no value")
        elif reason := _objection(kind, limit, value):
            self._problem(path, f"{reason}; is {raw!r}")
        return Sourced(value, str(source), str(note)) if len(self.findings) == before else None


def _without_none(hint: Any) -> Any:
    """Return the type of a field that is there: ``T`` of ``T | None``."""
    if get_origin(hint) not in (Union, UnionType):
        return hint
    return next(option for option in get_args(hint) if option is not NoneType)


def _objection(kind: Any, limit: Any, value: object) -> str:
    """Return what a figure must be if ``value`` is not that; empty if it is."""
    if get_args(kind)[:1] == (int,):
        fits = isinstance(value, tuple) and value and all(type(n) is int and limit.allows(n) for n in value)
        return "" if fits else f"must be a list of whole numbers, each {limit}"
    if get_origin(kind) is tuple:
        choices = get_args(get_args(kind)[0])
        fits = isinstance(value, tuple) and value and all(word in choices for word in value)
        return "" if fits else f"must be a list of {', '.join(choices)}"
    if get_origin(kind) is Literal:
        return "" if value in get_args(kind) else f"must be one of {', '.join(get_args(kind))}"
    if type(value) is not kind:  # bool is an int to isinstance
        return f"must be of type {kind.__name__}"
    return "" if limit is None or limit.allows(value) else f"must be {limit}"
