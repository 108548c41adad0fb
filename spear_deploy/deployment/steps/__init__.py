"""The steps of a deployment, one file each.  Nothing is written before all inputs are known to be usable."""

from __future__ import annotations

from spear_deploy.deployment.steps import adapt, baseline, bundle, check, search, validate
from spear_deploy.deployment.steps.step import Step

__all__ = ["STEPS", "Step"]

STEPS: tuple[Step, ...] = (check.STEP, adapt.STEP, baseline.STEP, search.STEP, bundle.STEP, validate.STEP)
"""The steps in order."""
