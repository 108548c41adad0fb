"""Write sinabs' DVS-Gesture network as a NIR file, and synthetic recordings to run it on.

Run from the root of the repository:

    python -m examples.dvs_gesture.prepare --package sinabs-3.1.3.tar.gz -o build/gesture

writes gesture.nir and bars.npz there.  The package is read, not run: of its source distribution one file, the trained
weights; the layers are those of examples/visualizer/gesture_viz.py beside it.  The recordings that it was trained on
do not come with it, so the data are moving bars, labelled by what the network itself decides.
"""

import argparse
import io
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from spear_deploy.data import SpikeSamples, Split
from spear_deploy.frontends import save
from spear_deploy.frontends.semantics import preset
from spear_deploy.measure.runs import measure_float
from spear_deploy.network import AvgPool2d, Conv2d, Flatten, Input, Linear, Network, Neuron, Population, Projection
from spear_deploy.network.ops import LinearOp, Shape, chain_shapes

WEIGHTS = "examples/visualizer/dvs_gesture_params.pt"
SENSOR: Shape = (2, 128, 128)
POOL = AvgPool2d((2, 2), (2, 2))
LAYERS = (  # the weights' key, the stride and padding of a convolution (None: a matrix), what is pooled in front
    ("0.weight", (2, 0), ()),
    ("2.weight", (1, 1), ()),
    ("5.weight", (1, 1), (POOL,)),
    ("8.weight", (1, 1), (POOL,)),
    ("11.weight", (1, 1), (POOL,)),
    ("14.weight", (1, 1), (POOL,)),
    ("18.weight", (1, 0), (POOL,)),
    ("22.weight", None, (Flatten(),)),
    ("24.weight", None, ()),
)


def read_weights(package: Path) -> dict[str, NDArray[np.float32]]:
    """Return the arrays of the weights' file by key, from the source distribution or its unpacked folder."""
    if package.is_dir():
        (found,) = [*package.glob(WEIGHTS), *package.glob(f"*/{WEIGHTS}")]
        content = found.read_bytes()
    else:
        with tarfile.open(package) as archive:
            (member,) = [each for each in archive if each.isfile() and each.name.endswith(WEIGHTS)]
            opened = archive.extractfile(member)
            assert opened is not None
            content = opened.read()
    stored = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    return {key: value.numpy() for key, value in stored.items()}


def integrating(shape: Shape) -> Neuron:
    """Return sinabs' IAFSqueeze as ``from_model`` makes it: threshold 1, several spikes a step, no value below -1."""
    zero, one = np.zeros(shape, np.float32), np.ones(shape, np.float32)
    parameters = {"alpha": zero, "beta": one, "gain": one, "bias": zero, "reset_value": zero, "threshold": one}
    return Neuron(**parameters, reset="subtract", compare="ge", spikes="integer", floor=-1.0)


def build(weights: dict[str, NDArray[np.float32]]) -> Network:
    """Return the network: seven convolutions and two matrices without biases."""
    populations: list[Input | Population] = [Input("input", SENSOR)]
    projections, shape = [], SENSOR
    for number, (key, geometry, front) in enumerate(LAYERS):
        weight, source = weights[key], populations[-1].name
        ops: tuple[LinearOp, ...] = (*front, Linear(weight))
        if geometry is not None:
            stride, padding = geometry
            ops = (*front, Conv2d(weight, None, (stride, stride), (padding, padding)))
        shape = chain_shapes(ops, shape)[-1]
        projections.append(Projection(f"weight{number}", source, f"layer{number}", ops))
        populations.append(Population(f"layer{number}", shape, integrating(shape)))
    return Network(tuple(populations), tuple(projections), (populations[-1].name,))


def moving_bars(samples: int, steps: int) -> NDArray[np.uint8]:
    """Return events (samples, steps, 2, 128, 128) of a bar that moves: its front is on, its back off, and noise."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:128, :128] - 63.5
    events = np.zeros((samples, steps, *SENSOR), np.uint8)
    for both in events:
        angle, speed, half = rng.uniform(0, 2 * np.pi), rng.uniform(1, 4), rng.uniform(20, 50)
        along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        for step, frame in enumerate(both):
            ahead = along - speed * (step - steps / 2)
            for polarity, edge in enumerate((4, -4)):
                frame[polarity] = (np.abs(ahead - edge) < speed) & (np.abs(across) < half)
    return np.maximum(events, rng.random(events.shape, np.float32) < 0.001)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--package", type=Path, required=True, help="source distribution of sinabs, or its folder")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--samples", type=int, default=44, help="default: %(default)s")
    parser.add_argument("--steps", type=int, default=20, help="of a sample; default: %(default)s")
    given = parser.parse_args()

    network = build(read_weights(given.package))
    x = moving_bars(given.samples, given.steps)
    torch.set_num_threads(1)  # another number of threads rounds differently
    split = Split(SpikeSamples(x), np.zeros(len(x), np.int64), np.arange(len(x)))
    activity = measure_float(network, split)
    spikes = ", ".join(f"{name} {counts.mean():.0f}" for name, counts in activity.spikes.items())
    print(f"spikes a sample: {spikes}")
    given.output.mkdir(parents=True, exist_ok=True)
    save(given.output / "gesture.nir", network, replace(preset("sinabs"), floor=-1.0))
    np.savez_compressed(given.output / "bars.npz", x=x, y=activity.scores.argmax(axis=1))


if __name__ == "__main__":
    main()
