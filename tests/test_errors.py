"""One tree of coded errors: every code explained, every exit code distinct."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import spear_deploy
from spear_deploy import errors
from spear_deploy.errors import CATALOGUE, Finding, InputError, SpearError

SOURCES = sorted(each for each in Path(spear_deploy.__file__).parent.rglob("*.py") if each.parent.name != "catalogue")
KINDS = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, SpearError)]


def codes_in(path: Path) -> set[str]:
    return set(re.findall(r'"([EN]\d{3})"', path.read_text(encoding="utf-8")))


def test_every_code_in_the_sources_is_explained() -> None:
    """A code that any module gives to a finding has a title and a text in the catalogue."""
    used = {code for path in SOURCES for code in codes_in(path)}
    assert len(used) > 20
    assert used <= set(CATALOGUE)


def test_every_explained_code_is_used() -> None:
    """The catalogue holds no code that no module gives."""
    used = {code for path in SOURCES for code in codes_in(path)}
    assert set(CATALOGUE) - used == set()


@pytest.mark.parametrize("code", CATALOGUE)
def test_catalogue_entries_are_complete(code: str) -> None:
    """Codes are E or N and three digits; titles are short, and texts fit a terminal."""
    title, text = CATALOGUE[code]
    assert re.fullmatch(r"[EN]\d{3}", code)
    assert 0 < len(title) <= 40
    assert not title.endswith(".")
    assert len(text) > len(title)
    assert all(len(line) <= 120 for line in text.splitlines())


def test_exit_codes_are_distinct() -> None:
    """Each kind of error has an exit code of its own, as documented; a plug-in is an input."""
    assert {kind.__name__: kind.exit_code for kind in KINDS} == {
        "SpearError": 1,
        "InputError": 2,
        "PluginError": 2,
        "UnsupportedError": 3,
        "BudgetNotMetError": 4,
        "MismatchError": 5,
        "BackendError": 6,
    }
    assert errors.INTERRUPTED == 130


def test_findings_need_a_known_code() -> None:
    """A finding with a code that nobody can look up is a bug, told at once."""
    with pytest.raises(KeyError, match="E999"):
        Finding("E999", "here", "something")


def test_errors_carry_all_findings() -> None:
    """The text of an error holds every finding: code, place, message and fix, in their order."""
    error = InputError([Finding("E003", "node 'a'", "is bad", "mend it"), Finding("E004", "node 'b'", "is worse")])
    assert str(error) == "E003 node 'a': is bad\n     fix: mend it\nE004 node 'b': is worse"
    assert [finding.severity for finding in error.findings] == ["error", "error"]


@pytest.mark.parametrize("kind", KINDS)
def test_of_builds_its_own_kind(kind: type[SpearError]) -> None:
    """``of`` makes an error of the class it is called on, from one finding."""
    error = kind.of("E001", Path("a/b"), "no such file", "look elsewhere")
    assert type(error) is kind
    assert error.findings == (Finding("E001", "a/b", "no such file", "look elsewhere"),)


@pytest.mark.parametrize("code", ["E003", "E004", "E005", "E009", "E021", "E052"])
def test_a_broad_code_lists_its_causes(code: str) -> None:
    """Each in a line of its own, with what mends it."""
    causes = CATALOGUE[code][1].split("\n- ")[1:]
    assert len(causes) >= 3
    assert all(re.search(r":\s", each) for each in causes)
