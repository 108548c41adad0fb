"""Small data files, and how those that cannot be used are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spear_deploy.data import DataOptions, load_data
from spear_deploy.errors import InputError

LABELS = np.arange(10) % 3
SPIKES = (np.random.default_rng(0).random((10, 4, 5)) < 0.5).astype(np.uint8)


def saved(folder: Path, **arrays: Any) -> str:
    path = folder / "data.npz"
    np.savez(path, **arrays)
    return str(path)


def frames(path: Path, options: DataOptions) -> np.ndarray:
    """Return all samples (N, T, *shape), in the order of the files."""
    data = load_data(str(path), options)
    return np.moveaxis(data.samples.batch(np.arange(len(data.samples))), 1, 0)


def refused(name: str, options: DataOptions | None = None) -> list[str]:
    """Load data that cannot be used; return the codes of all findings."""
    with pytest.raises(InputError) as caught:
        load_data(name, options or DataOptions())
    assert all(finding.message for finding in caught.value.findings)
    return [finding.code for finding in caught.value.findings]
