"""Train networks on CIFAR-10, plain convolutions and ones with skips, as subjects of the other benchmarks.

``vgg``       16, 24-24, 48-48, 64-64-64 channels, kernels of 3, average pooling between the groups
``resnet``    16, then three blocks of two convolutions (24, 48, 64); a convolution of 1x1 leads around each block
``vgg16``     VGG16's thirteen convolutions, average pooling between its groups, and a readout
``resnet18``  ResNet18's widths, eight blocks; a convolution of 1x1 leads around each

4 steps, images as they are in each step, LIF neurons reset to zero, a readout that decides by its last membrane.
Batch normalisation is folded into what is written: ``cifar-vgg.nir`` and ``cifar-vgg.npz`` (training images, of which a
deployment takes its validation samples, and test images; 6,000 and 2,000 unless told).  The state of the training is
kept after each epoch, so that it can be interrupted; the images are those of the JPEG copy, which are not quite
CIFAR-10's.  On a GPU products are in bfloat16; batch normalisation and neurons are in single precision everywhere.

    python -m benchmarks.cifar vgg --data-dir DATA -o FOLDER      # DATA holds cifar10_jpeg_bytes.npz; an hour of a core
    python -m benchmarks.cifar vgg --trained --given 30000 --data-dir DATA -o FOLDER       # seconds: what is checked in
    python -m benchmarks.cifar vgg16 --device cuda --images 50000 --epochs 40 --batch 250 --data-dir DATA -o FOLDER
"""

from __future__ import annotations

import argparse
import io
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

import nir
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_weights

from examples.training import BETA, DT, HIDDEN_RATE, make_deterministic

TRAINED_FOLDER = Path(__file__).parent / "networks"
"""The network of the tables of docs/benchmarks.md, so that their rows can be run without training it."""
STEPS, TRAINED, TEST, GIVEN, BATCH, EPOCHS = 4, 30_000, 2_000, 6_000, 100, 20
RATE, MOMENTUM, DECAY = 4e-4, 0.9, 5e-4
"""Largest learning rate for each sample of a batch, and what else stochastic gradient descent is told."""


@dataclass(frozen=True)
class Way:
    """A convolution from one layer to another, behind average pooling or not."""

    source: str
    before: int
    after: int
    pools: bool = False
    kernel: int = 3


Layers: TypeAlias = Mapping[str, Sequence[Way]]


def wide_vgg(groups: Sequence[Sequence[int]]) -> Layers:
    """Return groups of plain convolutions by their channels, with pooling between groups."""
    layers: dict[str, Sequence[Way]] = {}
    source, before = "input", 3
    for index, group in enumerate(groups):
        for position, after in enumerate(group):
            name = str(len(layers) + 1)
            layers[name] = [Way(source, before, after, pools=index > 0 and position == 0)]
            source, before = name, after
    return layers


def wide_resnet(first: int, blocks: Sequence[tuple[int, bool]]) -> Layers:
    """Return a convolution and blocks of two, by their channels and whether pooling is in front of them."""
    layers: dict[str, Sequence[Way]] = {"1": [Way("input", 3, first)]}
    source, before = "1", first
    for after, pools in blocks:
        inner, name = str(len(layers) + 1), str(len(layers) + 2)
        layers[inner] = [Way(source, before, after, pools)]
        layers[name] = [Way(inner, after, after), Way(source, before, after, pools, kernel=1)]
        source, before = name, after
    return layers


NETWORKS: Mapping[str, Layers] = MappingProxyType(
    {
        "vgg": wide_vgg([[16], [24, 24], [48, 48], [64, 64, 64]]),
        "resnet": wide_resnet(16, [(24, True), (48, True), (64, True)]),
        "vgg16": wide_vgg([[64] * 2, [128] * 2, [256] * 3, [512] * 3, [512] * 3]),
        "resnet18": wide_resnet(64, [(w, w > 64 and i == 0) for w in (64, 128, 256, 512) for i in range(2)]),
    }
)


class Fire(torch.autograd.Function):
    """LIF neurons from currents (T, *any) to spikes of the same shape; the derivative of an arctangent backward.

    No gradient flows through the reset, as in snnTorch.
    """

    @staticmethod
    def forward(ctx, currents: Tensor) -> Tensor:  # type: ignore[no-untyped-def, override]
        above, spikes = torch.empty_like(currents), torch.empty_like(currents)
        membrane = torch.zeros_like(currents[0], dtype=torch.float32)
        for step, current in enumerate(currents):
            membrane = BETA * membrane + current
            torch.sub(membrane, 1, out=above[step])
            fired = membrane > 1
            spikes[step] = fired
            membrane = membrane.masked_fill(fired, 0)
        ctx.save_for_backward(above, spikes)
        return spikes

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:  # type: ignore[no-untyped-def, override]
        above, spikes = ctx.saved_tensors
        to_currents = torch.empty_like(above)
        later = torch.zeros_like(above[0], dtype=torch.float32)
        for step in range(len(above) - 1, -1, -1):
            later = BETA * (1 - spikes[step]) * later + gradient[step] / (1 + (torch.pi * above[step]) ** 2)
            to_currents[step] = later
        return to_currents


def key(name: str, way: Way) -> str:
    """Name a way's modules."""
    return f"{name}_of_{way.source}"


class Net(nn.Module):
    """Layers of neurons, each of which sums what its ways bring, and a readout."""

    def __init__(self, layers: Layers) -> None:
        super().__init__()
        self.layers = layers
        ways = {key(name, way): way for name, several in layers.items() for way in several}
        self.convs = nn.ModuleDict(
            {k: nn.Conv2d(w.before, w.after, w.kernel, padding=w.kernel // 2, bias=False) for k, w in ways.items()}
        )
        self.norms = nn.ModuleDict({k: nn.BatchNorm2d(way.after) for k, way in ways.items()})
        self.readout = nn.LazyLinear(10)

    def forward(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the readout's last membrane, (B, 10), and the spikes of each layer."""
        fired = {"input": images[None]}
        for name, ways in self.layers.items():
            currents: Tensor = sum(self._brought(name, way, fired[way.source]) for way in ways)  # type: ignore[assignment]
            held = len(currents) == 1
            fired[name] = Fire.apply(currents.repeat(STEPS, 1, 1, 1, 1) if held else currents)  # type: ignore[no-untyped-call]
        currents = self.readout(fired[name].flatten(2)).float()
        decays = BETA ** torch.arange(STEPS - 1, -1, -1.0, device=images.device)
        return (decays[:, None, None] * currents).sum(0), [fired[name] for name in self.layers]

    def _brought(self, name: str, way: Way, spikes: Tensor) -> Tensor:
        steps, x = len(spikes), spikes.flatten(0, 1)
        x = functional.avg_pool2d(x, 2) if way.pools else x
        return self.norms[key(name, way)](self.convs[key(name, way)](x)).unflatten(0, (steps, -1))


Images: TypeAlias = tuple[Tensor, Tensor, Tensor, Tensor]


def load_images(path: Path) -> Images:
    """Return training images in an order of their own, (N, 3, 32, 32) from 0 to 1, their labels, and the test's."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in ("jpeg", "offsets", "label", "is_test")}
    parts = zip(arrays["offsets"][:-1], arrays["offsets"][1:], strict=True)
    jpegs = (arrays["jpeg"][start:end].tobytes() for start, end in parts)
    pixels = np.stack([np.asarray(Image.open(io.BytesIO(each))) for each in jpegs])
    x, y = torch.from_numpy(pixels).permute(0, 3, 1, 2), torch.from_numpy(arrays["label"].astype(np.int64))
    test = torch.from_numpy(arrays["is_test"])
    order = torch.from_numpy(np.random.default_rng(0).permutation(int((~test).sum())))
    of_test = torch.from_numpy(np.random.default_rng(1).permutation(int(test.sum())))
    return x[~test][order], y[~test][order], x[test][of_test], y[test][of_test]


def augmented(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Return images as floats, each shifted by up to four pixels, about every other mirrored."""
    count, where = len(images), images.device
    padded = functional.pad(images, (4, 4, 4, 4))
    down, right = torch.from_numpy(rng.integers(0, 9, (2, count))).to(where)
    mirrored = torch.from_numpy(rng.random(count) < 0.5).to(where)
    rows, columns = down[:, None] + torch.arange(32, device=where), right[:, None] + torch.arange(32, device=where)
    columns = torch.where(mirrored[:, None], columns.flip(1), columns)
    each = torch.arange(count, device=where)[:, None, None]
    return padded[each, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2).float() / 255


def train(net: Net, x: Tensor, y: Tensor, state: Path, epochs: int, batch: int) -> None:
    """Train for so many epochs in all, from where ``state`` says, where the images are."""
    where, rate = x.device, RATE * batch
    optimiser = torch.optim.SGD(net.parameters(), rate, MOMENTUM, weight_decay=DECAY, nesterov=True)
    total = epochs * -(-len(y) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=total, cycle_momentum=False)
    kept = {"net": net, "optimiser": optimiser, "schedule": schedule}
    done = 0
    if state.is_file():
        found = torch.load(state, weights_only=True)
        done = found.pop("epochs")
        for name, part in kept.items():
            part.load_state_dict(found[name])
    for epoch in range(done, epochs):
        rng, started = np.random.default_rng([2, epoch]), time.perf_counter()
        correct = torch.zeros((), dtype=torch.int64, device=where)
        for chosen in torch.from_numpy(rng.permutation(len(y))).to(where).split(batch):
            with torch.autocast(where.type, torch.bfloat16, enabled=where.type != "cpu"):
                scores, fired = net(augmented(x[chosen], rng))
            loss = functional.cross_entropy(scores, y[chosen], label_smoothing=0.1)
            rates = torch.stack([spikes.mean(dtype=torch.float32) for spikes in fired])
            loss = loss + ((rates - HIDDEN_RATE) ** 2).sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            correct += (scores.argmax(1) == y[chosen]).sum()
        states = {"epochs": epoch + 1, **{name: part.state_dict() for name, part in kept.items()}}
        torch.save(states, state.with_suffix(".part"))
        state.with_suffix(".part").replace(state)
        seconds = time.perf_counter() - started
        print(f"epoch {epoch + 1}: train {int(correct) / len(y):.2%}, {seconds:.1f} s", flush=True)


@torch.no_grad()
def to_nir(net: Net) -> nir.NIRGraph:
    """Return the network as a graph, batch normalisation folded, neurons as snnTorch's exporter writes them."""
    fired = net(torch.zeros(1, 3, 32, 32))[1]
    shapes = {name: spikes.shape[2:] for name, spikes in zip(net.layers, fired, strict=True)}
    nodes: dict[str, nir.NIRNode] = {"input": nir.Input(np.array([3, 32, 32]))}
    edges: list[tuple[str, str]] = []

    def chain(*names: str) -> None:
        edges.extend(pairwise(names))

    for name, ways in net.layers.items():
        nodes[name] = nir.LIF(*_decay(shapes[name]), v_threshold=np.ones(shapes[name], np.float32))
        for way in ways:
            this, size = key(name, way), shapes[way.source][1] if way.source != "input" else 32
            conv, norm = net.convs[this], net.norms[this]
            statistics = norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
            weight, bias = (each.numpy() for each in fuse_conv_bn_weights(conv.weight, None, *statistics))
            if way.pools:
                nodes[f"{this}_pool"] = nir.AvgPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0]))
                size //= 2
            nodes[this] = nir.Conv2d((size, size), weight, 1, way.kernel // 2, 1, 1, bias)
            chain(way.source, *([f"{this}_pool"] if way.pools else []), this, name)
    nodes["flatten"] = nir.Flatten({"input": np.array(shapes[name])}, 0, -1)
    nodes["linear"] = nir.Affine(net.readout.weight.numpy(), net.readout.bias.numpy())
    nodes["readout"], nodes["output"] = nir.LI(*_decay((10,))), nir.Output(np.array([10]))
    chain(name, "flatten", "linear", "readout", "output")
    return nir.NIRGraph(nodes, edges)


def _decay(shape: Sequence[int]) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return tau, r and v_leak of neurons."""
    tau = DT / (1 - BETA)
    return np.full(shape, tau, np.float32), np.full(shape, tau / DT, np.float32), np.zeros(shape, np.float32)


def train_and_write(given: argparse.Namespace, images: Images, stem: Path) -> None:
    """Train a network as the command line says, and write it."""
    x, y, x_test, y_test = images
    make_deterministic(0)
    torch.set_num_threads(1)  # another number gives another network
    net = Net(NETWORKS[given.network])
    net(torch.zeros(2, 3, 32, 32))  # the readout gets its shape
    net = net.to(given.device, memory_format=torch.channels_last)
    of_training = x[: given.images].to(given.device), y[: given.images].to(given.device)
    train(net, *of_training, stem.with_suffix(".state"), given.epochs, given.batch)
    net.eval()
    with torch.no_grad():
        parts = (part.to(given.device).float() / 255 for part in x_test[: given.test].split(500))
        decided = torch.cat([net(part)[0].argmax(1).cpu() for part in parts])
    print(f"test {(decided == y_test[: given.test]).float().mean():.2%}")
    nir.write(stem.with_suffix(".nir"), to_nir(net.cpu()))


def main() -> None:
    """Train, and write the network and its data."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", choices=NETWORKS)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--trained", action="store_true", help="take the network that is checked in")
    parser.add_argument("--images", type=int, default=TRAINED, help="to train on (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="default: %(default)s")
    parser.add_argument("--batch", type=int, default=BATCH, help="default: %(default)s")
    parser.add_argument("--given", type=int, default=GIVEN, help="training images to write (default: %(default)s)")
    parser.add_argument("--test", type=int, default=TEST, help="test images to write (default: %(default)s)")
    parser.add_argument("--device", default="cpu", help="torch's name (default: %(default)s)")
    given = parser.parse_args()
    images = load_images(given.data_dir / "cifar10_jpeg_bytes.npz")
    given.output.mkdir(parents=True, exist_ok=True)
    stem = given.output / f"cifar-{given.network}"
    if given.trained:
        shutil.copyfile(TRAINED_FOLDER / f"{stem.name}.nir", stem.with_suffix(".nir"))
    else:
        train_and_write(given, images, stem)
    x, y, x_test, y_test = images
    pixels = {"x_train": x[: given.given].float() / 255, "x_test": x_test[: given.test].float() / 255}
    labels = {"y_train": y[: given.given], "y_test": y_test[: given.test]}
    np.savez(stem.with_suffix(".npz"), **{name: each.numpy() for name, each in (pixels | labels).items()})


if __name__ == "__main__":
    main()
