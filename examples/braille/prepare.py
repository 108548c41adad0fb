"""Retrain the NIR paper's recurrent Braille network on another recording, and write the data that it was trained on.

Run from the root of the repository:

    python -m examples.braille.prepare --model braille_srnn_zero.nir --reset zero --data-dir DIR -o build/braille

writes braille.nir and braille.npz there.  The paper's input tensors are not public, and its weights know nothing of
this encoding (Mihalas-Niebur neurons, 10 ms steps), on which they guess: the whole network is trained on from them.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console

from spear_deploy.data import SpikeSamples, Split
from spear_deploy.frontends import load, save
from spear_deploy.frontends.semantics import preset
from spear_deploy.measure.runs import measure_float
from spear_deploy.progress import Progress
from spear_deploy.train.config import FinetuneConfig
from spear_deploy.train.finetune import finetune

LETTERS = ("Space", "A", "E", "I", "O", "U", "Y")  # the seven of the NIR paper
STEPS = 315

Array = NDArray[np.uint8]


def read(archive: Path, part: str) -> tuple[Array, NDArray[np.int64]]:
    """Return spikes (N, T, 12) and labels of the seven letters; a taxel's two signs become one channel."""
    with np.load(archive, allow_pickle=False) as file:
        names, labels = file["letters"].tolist(), file[f"y_{part}"]
        x = np.unpackbits(file[f"x_{part}"], axis=1, count=STEPS)
    classes = {names.index(letter): index for index, letter in enumerate(LETTERS)}
    chosen = np.isin(labels, list(classes))
    merged: Array = x[chosen, :, 0::2] | x[chosen, :, 1::2]
    return merged, np.array([classes[label] for label in labels[chosen]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="braille_srnn_*.nir of the NIR paper")
    parser.add_argument("--reset", choices=["zero", "subtract"], required=True, help="what the file was trained with")
    parser.add_argument("--data-dir", type=Path, required=True, help="folder of braille/braille_mn_spikes_8100.npz")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--epochs", type=float, default=40.0, help="default: %(default)s")
    given = parser.parse_args()

    archive = given.data_dir / "braille" / "braille_mn_spikes_8100.npz"
    (x, y), (x_test, y_test) = read(archive, "train"), read(archive, "test")
    imported = load(given.model, preset("snntorch"), {"reset": given.reset, "reset_delay": False})
    torch.set_num_threads(1)  # another number of threads gives another network
    train = Split(SpikeSamples(x), y, np.arange(len(y)))
    config = FinetuneConfig(epochs=given.epochs, learning_rate=5e-3, distillation=0.0)
    with Progress(Console()).step("train") as tick:
        network = finetune(imported.network, train, config, seed=0, tick=tick).network
    activity = measure_float(network, Split(SpikeSamples(x_test), y_test, np.arange(len(y_test))))
    spikes = ", ".join(f"{name} {counts.mean():.0f}" for name, counts in activity.spikes.items())
    print(f"test accuracy {activity.accuracy:.2%}, spikes a sample: {spikes}")
    given.output.mkdir(parents=True, exist_ok=True)
    save(given.output / "braille.nir", network, imported.semantics)
    np.savez_compressed(given.output / "braille.npz", x_train=x, y_train=y, x_test=x_test, y_test=y_test)


if __name__ == "__main__":
    main()
