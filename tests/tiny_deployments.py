"""Deployments of the tiny network, seconds each: fixtures for all folders (loaded by ``conftest.py``)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from spear_deploy.budgets import ask
from spear_deploy.data import Dataset
from spear_deploy.deployment.options import DeployOptions
from spear_deploy.deployment.run import run_steps
from spear_deploy.deployment.work import Work
from spear_deploy.execution import Execution
from spear_deploy.frontends import Imported, load
from spear_deploy.progress import Progress
from spear_deploy.search.options import SearchOptions
from spear_deploy.targets import LoweringOptions, load_chip
from spear_deploy.train.config import FinetuneConfig

SEARCH = SearchOptions(
    method="spear",
    episodes=8,
    trial=FinetuneConfig(epochs=2, batch=24),
    stage=FinetuneConfig(epochs=2, batch=24),
    compare=FinetuneConfig(epochs=2, batch=24),
    finish=FinetuneConfig(epochs=12, batch=24),
)

Deploy = Callable[..., Work]


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
        weight_bits: int | None = None,
        keep_to: str | None = None,
        seed: int = 0,
        progress: Progress | None = None,
        **options: Any,
    ) -> Work:
        wanted = DeployOptions(
            output,
            ask({"synops": synops, "cores": cores}),
            LoweringOptions(weight_bits, keep_to),
            search=SEARCH,
            execution=Execution(seed=seed),
            validate_samples=8,
        )
        work = Work(imported=model, data=data, chip=load_chip("loihi2"), options=replace(wanted, **options))
        return run_steps(work, progress or Progress(Console(quiet=True)))

    return run


@pytest.fixture(scope="session")
def deployed(run_deploy: Deploy, tmp_path_factory: pytest.TempPathFactory) -> Work:
    """A finished deployment at 60 % of the unpruned SynOps."""
    return run_deploy(tmp_path_factory.mktemp("build") / "whole")
