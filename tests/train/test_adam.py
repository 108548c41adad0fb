"""Adam and its schedule are torch's, without torch's compiler."""

from __future__ import annotations

import subprocess
import sys

import torch
from torch import Tensor

from spear_deploy.train.adam import CosineAdam

STEPS = 40


def moved(optimiser, parameters: list[Tensor], after_step=lambda: None) -> list[Tensor]:
    """Return the parameters after all steps on gradients that depend on them; every third step leaves one without."""
    for step in range(STEPS):
        optimiser.zero_grad()
        for index, parameter in enumerate(parameters):
            if index or step % 3:
                parameter.grad = torch.sin((index + 2) * parameter.detach() + step)
        optimiser.step()
        after_step()
    return [parameter.detach() for parameter in parameters]


def test_steps_are_those_of_torchs_adam_under_its_cosine_schedule():
    """Parameters go the same way, those too that have no gradient in some steps."""
    shapes = [(7, 3), (5,)]
    own, theirs = (
        [torch.linspace(-1, 1, 21)[: torch.Size(s).numel()].view(s).clone() for s in shapes] for _ in range(2)
    )
    adam = torch.optim.Adam([each.requires_grad_() for each in theirs], lr=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, STEPS)
    wanted = moved(adam, theirs, schedule.step)
    found = moved(CosineAdam([each.requires_grad_() for each in own], 0.05, STEPS), own)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-6)


def test_no_compiler_is_imported():
    """A step leaves the seconds of torch's compiler to those who use it."""
    imports = "import sys, torch; from spear_deploy.train.adam import CosineAdam"
    step = "x = torch.ones(2, requires_grad=True); x.grad = torch.ones(2); CosineAdam([x], 0.1, 5).step()"
    run = [sys.executable, "-c", f"{imports}; {step}; print('torch._dynamo' in sys.modules)"]
    assert subprocess.run(run, capture_output=True, text=True, check=True).stdout.strip() == "False"
