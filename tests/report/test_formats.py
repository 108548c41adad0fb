"""Numbers, units and names."""

from __future__ import annotations

import pytest

from spear_deploy import printable
from spear_deploy.report import formats


@pytest.mark.parametrize(("bits", "text"), [(0, "0"), (1152, "0.14"), (322_560, "39.4"), (100_000_000, "12,207")])
def test_memory(bits, text):
    """KiB with as many decimals as tell something."""
    assert formats.kib(bits) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(3.1e-6, "3.1 uJ"), (1.83e-3, "1.83 mJ"), (23.6e-12, "23.6 pJ"), (2.0, "2 J"), (0.0, "0 J"), (1e-18, "0.001 fJ")],
)
def test_energy(value, text):
    """SI prefixes."""
    assert formats.joules(value) == text


@pytest.mark.parametrize(("seconds", "text"), [(0.411, "0.4s"), (99.9, "99.9s"), (146.9, "2m27s"), (3900, "1h05m")])
def test_duration(seconds, text):
    """One word each."""
    assert printable.duration(seconds) == text


def test_compact_keeps_seven_digits():
    """Beyond them millions."""
    assert formats.compact(9_999_999) == "9,999,999"
    assert formats.compact(37_748_736) == "37.7M"


def test_control_characters_are_not_passed_on():
    """A name cannot move the cursor or end a line."""
    assert printable.plain("a\x1b[2Jb\nc") == "a?[2Jb?c"
