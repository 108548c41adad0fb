"""Train a network of eight convolutions on a part of Fashion-MNIST, as a subject of the other benchmarks.

Widths 8-16-16-32-32-32-48-48, kernels of 3, average pooling behind the second and the fourth; 4 steps, direct encoding,
15,000 training images, six epochs.  With so few steps a quarter of the decisions are ties of the spike counts: it is no
good classifier, but deep, which the examples are not.  Writes ``deep.nir`` and ``deep.npz`` (5,000 of the training
images for fine-tuning, 1,000 for validation, 2,000 test images).

    python -m benchmarks.deep --data-dir DATA -o FOLDER      # DATA holds the four official .gz files; some minutes
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import nn

from examples.fashion_mnist.train import load
from examples.training import evaluate, leaky, make_deterministic, train, write

STEPS, TRAINED, TEST, GIVEN = 4, 15_000, 2_000, 6_000


def build() -> nn.Sequential:
    """Return the network, untrained."""
    layers: list[nn.Module] = []
    for before, after, size, pools in (
        (1, 8, 28, False),
        (8, 16, 28, True),
        (16, 16, 14, False),
        (16, 32, 14, True),
        (32, 32, 7, False),
        (32, 32, 7, False),
        (32, 48, 7, False),
        (48, 48, 7, False),
    ):
        layers += [nn.Conv2d(before, after, 3, padding=1), leaky(after, size, size)]
        layers += [nn.AvgPool2d(2)] if pools else []
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(48 * 49, 10), leaky(10))


def main() -> None:
    """Train, and write the network and its data."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    given = parser.parse_args()
    make_deterministic(0)
    torch.set_num_threads(1)  # another number gives another network
    (x, y), (x_test, y_test) = load(given.data_dir, "train"), load(given.data_dir, "t10k")
    x, y, x_test, y_test = x[:, :TRAINED], y[:TRAINED], x_test[:, :TEST], y_test[:TEST]
    net = build()
    train(net, x, y, steps=STEPS, epochs=6, batch=128, lr=4e-3)
    evaluate(net, x_test, y_test, steps=STEPS)
    given.output.mkdir(parents=True, exist_ok=True)
    write(net, x_test[0, :1], given.output / "deep.nir")
    arrays = {"x_train": x[0, :GIVEN], "y_train": y[:GIVEN], "x_test": x_test[0], "y_test": y_test}
    np.savez_compressed(given.output / "deep.npz", **{name: values.numpy() for name, values in arrays.items()})


if __name__ == "__main__":
    main()
