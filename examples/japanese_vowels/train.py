"""Train a recurrent spiking network to tell the nine speakers of JapaneseVowels, and write it as japanese_vowels.nir.

Run from the root of the repository: python -m examples.japanese_vowels.train

The data come with the package aeon.  Twelve coefficients of speech enter as they are, one frame a step.
"""

from pathlib import Path

import numpy as np
import snntorch as snn
import torch
from torch import nn
from torch.nn import functional

import spear_deploy
from examples.training import arguments, make_deterministic
from spear_deploy.data import DataOptions, Split, load_data
from spear_deploy.network.normalisation import InputTransform

SHIFT = 3.0  # more than the lowest coefficient is below 0: what a chip is fed is the coefficient plus this
HIDDEN = 64


def build() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(12, HIDDEN),
        snn.RLeaky(beta=0.9, linear_features=HIDDEN, init_hidden=True),
        nn.Linear(HIDDEN, 9),
        snn.Leaky(beta=0.9, init_hidden=True),
    )


def counts(net: nn.Sequential, x: torch.Tensor) -> torch.Tensor:
    """Spikes (T, B, 9) summed over the steps of (T, B, 12)."""
    for layer in net:
        if isinstance(layer, snn.SpikingNeuron):
            layer.reset_mem()
    return torch.stack([net(step) for step in x]).sum(0)


def tensors(split: Split) -> tuple[torch.Tensor, torch.Tensor]:
    x, y = split.batch(np.arange(len(split)))
    return torch.from_numpy(x - np.float32(SHIFT)).float(), torch.from_numpy(y)


def main() -> None:
    output = Path(__file__).with_name("japanese_vowels.nir")
    options = arguments(__doc__.splitlines()[0], output, epochs=100).parse_args()
    make_deterministic(options.seed)
    data = load_data("aeon:JapaneseVowels", DataOptions(transform=InputTransform.of(f"{SHIFT:g},1", None)))
    (x, y), (x_test, y_test) = tensors(data.train), tensors(data.test)
    net = build()
    optimiser = torch.optim.Adam(net.parameters(), lr=5e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, options.epochs)
    for _ in range(options.epochs):
        for batch in torch.randperm(len(y)).split(36):
            loss = functional.cross_entropy(counts(net, x[:, batch]), y[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        schedule.step()
    with torch.no_grad():
        accuracy = (counts(net, x_test).argmax(1) == y_test).float().mean()
    print(f"test accuracy {accuracy:.2%}")
    spear_deploy.from_snntorch(net.eval(), torch.zeros(1, 12)).save(options.output)


if __name__ == "__main__":
    main()
