"""Train the recurrent network on numbers of events, and write it as japanese_vowels_counts.nir.

Run from the root of the repository: python -m examples.japanese_vowels.train_counts
"""

from pathlib import Path

import snntorch as snn
import torch
from torch import nn

import spear_deploy
from examples.japanese_vowels.counts import INPUTS, counts
from examples.japanese_vowels.train import HIDDEN, accuracy, train
from examples.training import arguments, make_deterministic


def build() -> nn.Sequential:
    """As the network on coefficients, without biases: frames without events leave it silent."""
    return nn.Sequential(
        nn.Linear(INPUTS, HIDDEN, bias=False),
        snn.RLeaky(beta=0.9, linear_features=HIDDEN, init_hidden=True, reset_mechanism="subtract"),
        nn.Linear(HIDDEN, 9, bias=False),
        snn.Leaky(beta=0.9, init_hidden=True, reset_mechanism="subtract"),
    )


def main() -> None:
    output = Path(__file__).with_name("japanese_vowels_counts.nir")
    options = arguments(__doc__.splitlines()[0], output, epochs=100).parse_args()
    make_deterministic(options.seed)
    torch.set_num_threads(1)  # another number of threads gives another network; two do not help one so small
    data = counts()
    x, x_test = (torch.from_numpy(data[name]).float().transpose(0, 1) for name in ("x_train", "x_test"))
    y, y_test = (torch.from_numpy(data[name]) for name in ("y_train", "y_test"))
    net = build()
    train(net, x, y, options.epochs)
    print(f"test accuracy {accuracy(net, x_test, y_test):.2%}")
    spear_deploy.from_snntorch(net.eval(), torch.zeros(1, INPUTS)).save(options.output)


if __name__ == "__main__":
    main()
