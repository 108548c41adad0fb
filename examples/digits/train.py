"""Train a small convolutional spiking network on scikit-learn's 8x8 digits and write it as digits.nir.

Run from the root of the repository: python -m examples.digits.train

The pixels enter as spikes, by a regular rate code over 16 steps: a grey level k/16 gives exactly k spikes.
"""

from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from examples.training import arguments, check, evaluate, leaky, make_deterministic, train, write

STEPS = 16


def rate_code(values: np.ndarray) -> Tensor:
    """(samples, *shape) in [0, 1] -> evenly spread spikes (STEPS, samples, *shape), without randomness."""
    steps = np.arange(STEPS).reshape(-1, *[1] * values.ndim)
    return torch.from_numpy(np.floor(values * (steps + 1) + 0.5) > np.floor(values * steps + 0.5)).float()


def build() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        leaky(16, 8, 8),
        nn.Conv2d(16, 32, 3, stride=2, padding=1),
        leaky(32, 4, 4),
        nn.Flatten(),
        nn.Linear(512, 64),
        leaky(64),
        nn.Linear(64, 10),
        leaky(10),
    )


def main() -> None:
    options = arguments(__doc__.splitlines()[0], Path(__file__).with_name("digits.nir"), epochs=20).parse_args()
    make_deterministic(options.seed)
    data = load_digits()
    x, y = rate_code(data.images[:, None] / 16), torch.from_numpy(data.target)
    is_test = torch.arange(len(y)) % 5 == 0

    net = build()
    train(net, x[:, ~is_test], y[~is_test], steps=STEPS, epochs=options.epochs, batch=64, lr=5e-3)
    evaluate(net, x[:, is_test], y[is_test], steps=STEPS)
    write(net, x[0, :1], options.output)
    check(net, options.output, x[:, is_test][:, :50], steps=STEPS)


if __name__ == "__main__":
    main()
