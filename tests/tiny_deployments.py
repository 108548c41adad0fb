"""Deployments of the tiny network: seconds each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from spear_deploy.chips import load_chip
from spear_deploy.data.datasets import Dataset
from spear_deploy.deployment.options import Budgets, DeployOptions, SearchOptions, SynopsBudget
from spear_deploy.deployment.run import Deployment, deploy
from spear_deploy.frontends import Imported, load
from spear_deploy.progress import Progress
from spear_deploy.train.config import Recipe

SEARCH = SearchOptions(
    episodes=8, candidates=2, samples=3, probe=Recipe(epochs=2, batch=24), finish=Recipe(epochs=8, batch=24)
)

Deploy = Callable[..., Deployment]


@pytest.fixture(scope="session")
def imported(tiny_nir: Path) -> Imported:
    """The tiny network as it is read from its file."""
    return load(tiny_nir)


@pytest.fixture(scope="session")
def run_deploy(imported: Imported, tiny_data: Dataset) -> Deploy:
    """Deploy the tiny network on Loihi 2; arguments replace the budget, the options and the inputs."""

    def run(
        output: Path,
        *,
        synops: str = "60%",
        cores: int | None = None,
        model: Imported = imported,
        data: Dataset = tiny_data,
        progress: Progress | None = None,
        **options: Any,
    ) -> Deployment:
        settings = {"search": SEARCH, "validate_samples": 8, **options}
        wanted = DeployOptions(output, Budgets(SynopsBudget.parse(synops), cores), **settings)
        return deploy(model, data, load_chip("loihi2"), wanted, progress or Progress(Console(quiet=True)))

    return run


@pytest.fixture(scope="session")
def deployed(run_deploy: Deploy, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """A finished deployment at 60 % of the unpruned SynOps."""
    return run_deploy(tmp_path_factory.mktemp("build") / "whole")
