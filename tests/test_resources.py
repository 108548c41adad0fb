"""Data files are found, or their absence is a coded error."""

from __future__ import annotations

import pytest

from spear_deploy.errors import InputError
from spear_deploy.resources import resource


def test_profiles_are_found():
    """The folder of profiles exists in a checkout."""
    assert resource("hw_profiles").is_dir()


def test_absent_data_is_a_coded_error():
    """A path that the installation lacks raises E001."""
    with pytest.raises(InputError, match="E001"):
        resource("hw_profiles/atlantis.toml")
