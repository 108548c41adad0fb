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
from examples.japanese_vowels.counts import SHIFT, recordings
from examples.training import arguments, make_deterministic
from spear_deploy.data import Split

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


def train(net: nn.Sequential, x: torch.Tensor, y: torch.Tensor, epochs: int) -> None:
    """Train on samples (T, B, inputs) by the spikes of the outputs."""
    optimiser = torch.optim.Adam(net.parameters(), lr=5e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    for _ in range(epochs):
        for batch in torch.randperm(len(y)).split(36):
            loss = functional.cross_entropy(counts(net, x[:, batch]), y[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        schedule.step()


def accuracy(net: nn.Sequential, x: torch.Tensor, y: torch.Tensor) -> float:
    """Share of samples (T, B, inputs) of which the right output fires most."""
    with torch.no_grad():
        return float((counts(net, x).argmax(1) == y).float().mean())


def main() -> None:
    output = Path(__file__).with_name("japanese_vowels.nir")
    options = arguments(__doc__.splitlines()[0], output, epochs=100).parse_args()
    make_deterministic(options.seed)
    data = recordings()
    (x, y), (x_test, y_test) = tensors(data.train), tensors(data.test)
    net = build()
    train(net, x, y, options.epochs)
    print(f"test accuracy {accuracy(net, x_test, y_test):.2%}")
    spear_deploy.from_snntorch(net.eval(), torch.zeros(1, 12)).save(options.output)


if __name__ == "__main__":
    main()
