"""Fixtures of the backend tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from spear_deploy.backends.lava_process import ENVIRONMENT
from spear_deploy.errors import BackendError


@pytest.fixture(scope="session")
def lava_python() -> Path:
    """The interpreter of the Lava environment; tests that need it are skipped where it is not installed."""
    try:
        return ENVIRONMENT.python()
    except BackendError as error:
        pytest.skip(str(error))
