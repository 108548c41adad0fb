"""Data sets by name or path, and options that a data set would ignore."""

from __future__ import annotations

import pytest

from spear_deploy.data import DataOptions, load_data
from spear_deploy.errors import InputError
from tests.data.files import refused


def test_unknown_name_suggests_the_nearest() -> None:
    """A misspelt data set is E008 and names the one that was meant."""
    with pytest.raises(InputError, match="did you mean 'digits'") as caught:
        load_data("digit", DataOptions())
    assert caught.value.findings[0].code == "E008"


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("digits", DataOptions(bin_ms=3.0)),
        ("fashion-mnist", DataOptions(bin_ms=3.0)),
        ("x.npz", DataOptions(encoding="rate")),
    ],
)
def test_options_without_meaning_are_refused(name: str, options: DataOptions) -> None:
    """An option that a data set would ignore is E005, not silence."""
    assert refused(name, options) == ["E005"]
