"""Train a convolutional spiking network on Fashion-MNIST and write it as fashion_mnist.nir.

Run from the root of the repository: python -m examples.fashion_mnist.train --data-dir DIR

DIR holds the four official .gz files. Direct encoding: the grey levels, divided by 255, are the constant input of the
first convolution at each of 5 steps.
"""

import gzip
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from examples.training import arguments, check, evaluate, leaky, make_deterministic, train, write

STEPS = 5


def load(folder: Path, part: str) -> tuple[Tensor, Tensor]:
    """`part` is train or t10k. The images get a step axis of length one: they are constant in time."""
    images, labels = (
        np.frombuffer(gzip.decompress((folder / f"{part}-{name}-ubyte.gz").read_bytes()), np.uint8, offset=header)
        for name, header in (("images-idx3", 16), ("labels-idx1", 8))
    )
    return torch.from_numpy(images.reshape(1, -1, 1, 28, 28) / np.float32(255)), torch.from_numpy(labels.astype(int))


def build() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        leaky(16, 28, 28),
        nn.AvgPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        leaky(32, 14, 14),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(1568, 128),
        leaky(128),
        nn.Linear(128, 10),
        leaky(10),
    )


def main() -> None:
    parser = arguments(__doc__.splitlines()[0], Path(__file__).with_name("fashion_mnist.nir"), epochs=15)
    parser.add_argument("--data-dir", type=Path, required=True, help="folder of the four .gz files")
    options = parser.parse_args()
    make_deterministic(options.seed)
    x, y = load(options.data_dir, "train")
    x_test, y_test = load(options.data_dir, "t10k")

    net = build()
    train(net, x, y, steps=STEPS, epochs=options.epochs, batch=128, lr=3e-3)
    evaluate(net, x_test, y_test, steps=STEPS)
    write(net, x_test[0, :1], options.output)
    check(net, options.output, x_test[:, :50], steps=STEPS)


if __name__ == "__main__":
    main()
