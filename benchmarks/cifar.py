"""Train two networks on CIFAR-10, one of eight convolutions and one with skips, as subjects of the other benchmarks.

``vgg``     16, 24-24, 48-48, 64-64-64 channels, kernels of 3, average pooling between the groups
``resnet``  16, then three blocks of two convolutions (24, 48, 64); a convolution of 1x1 leads around each block

4 steps, images as they are in each step, LIF neurons reset to zero, a readout that decides by its last membrane.
Batch normalisation is folded into what is written: ``cifar-vgg.nir`` and ``cifar-vgg.npz`` (6,000 of the training
images, of which a deployment takes its validation samples, and 2,000 test images).  The state of the training is kept
after each epoch, so that it can be interrupted; the images are those of the JPEG copy, which are not quite CIFAR-10's.

    python -m benchmarks.cifar vgg --data-dir DATA -o FOLDER      # DATA holds cifar10_jpeg_bytes.npz; an hour of a core
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType

import nir
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_weights

from examples.training import BETA, DT, HIDDEN_RATE, make_deterministic

STEPS, TRAINED, TEST, GIVEN, BATCH, EPOCHS, RATE = 4, 30_000, 2_000, 6_000, 100, 20, 4e-3


@dataclass(frozen=True)
class Way:
    """A convolution from one layer to another, behind average pooling or not."""

    source: str
    before: int
    after: int
    pools: bool = False
    kernel: int = 3


Layers = Mapping[str, Sequence[Way]]
VGG: Layers = {
    "1": [Way("input", 3, 16)],
    "2": [Way("1", 16, 24, pools=True)],
    "3": [Way("2", 24, 24)],
    "4": [Way("3", 24, 48, pools=True)],
    "5": [Way("4", 48, 48)],
    "6": [Way("5", 48, 64, pools=True)],
    "7": [Way("6", 64, 64)],
    "8": [Way("7", 64, 64)],
}
RESNET: Layers = {
    "1": [Way("input", 3, 16)],
    "2": [Way("1", 16, 24, pools=True)],
    "3": [Way("2", 24, 24), Way("1", 16, 24, pools=True, kernel=1)],
    "4": [Way("3", 24, 48, pools=True)],
    "5": [Way("4", 48, 48), Way("3", 24, 48, pools=True, kernel=1)],
    "6": [Way("5", 48, 64, pools=True)],
    "7": [Way("6", 64, 64), Way("5", 48, 64, pools=True, kernel=1)],
}
NETWORKS: Mapping[str, Layers] = MappingProxyType({"vgg": VGG, "resnet": RESNET})
READOUT, LAST_SIZE = 64, 4


class Spike(torch.autograd.Function):
    """A step forward, the derivative of an arctangent backward."""

    @staticmethod
    def forward(ctx, above: Tensor) -> Tensor:  # type: ignore[no-untyped-def, override]
        ctx.save_for_backward(above)
        return (above > 0).to(above.dtype)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:  # type: ignore[no-untyped-def, override]
        (above,) = ctx.saved_tensors
        return gradient / (1 + (torch.pi * above) ** 2)


def lif(currents: Tensor) -> Tensor:
    """Return the spikes of neurons for their currents, (T, B, C, H, W) or of one step that stands for all."""
    membrane, fired = torch.zeros_like(currents[0]), []
    for current in currents.expand(STEPS, *currents.shape[1:]):
        membrane = BETA * membrane + current
        fired.append(Spike.apply(membrane - 1))
        membrane = membrane * (1 - fired[-1].detach())
    return torch.stack(fired)


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
        self.readout = nn.Linear(READOUT * LAST_SIZE**2, 10)

    def forward(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the readout's last membrane, (B, 10), and the spikes of each layer."""
        fired = {"input": images[None]}
        for name, ways in self.layers.items():
            fired[name] = lif(sum(self._brought(name, way, fired[way.source]) for way in ways))
        currents = self.readout(fired[name].flatten(2))
        decays = BETA ** torch.arange(STEPS - 1, -1, -1.0)
        return torch.einsum("t,tbc->bc", decays, currents), [fired[name] for name in self.layers]

    def _brought(self, name: str, way: Way, spikes: Tensor) -> Tensor:
        steps, x = len(spikes), spikes.flatten(0, 1)
        x = functional.avg_pool2d(x, 2) if way.pools else x
        return self.norms[key(name, way)](self.convs[key(name, way)](x)).unflatten(0, (steps, -1))


def load_images(path: Path) -> tuple[Tensor, Tensor, Tensor, Tensor]:
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
    """Return images as floats, shifted by up to four pixels, every other mirrored."""
    padded = functional.pad(images, (4, 4, 4, 4))
    down, right = (int(offset) for offset in rng.integers(0, 9, 2))
    cut = padded[..., down : down + 32, right : right + 32]
    mirrored = torch.from_numpy(rng.random(len(cut)) < 0.5)
    return torch.where(mirrored[:, None, None, None], cut.flip(-1), cut).float() / 255


def train(net: Net, x: Tensor, y: Tensor, state: Path, epochs: int) -> None:
    """Train for so many epochs in all, from where ``state`` says."""
    optimiser = torch.optim.AdamW(net.parameters(), RATE, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=epochs * (len(y) // BATCH))
    kept = {"net": net, "optimiser": optimiser, "schedule": schedule}
    done = 0
    if state.is_file():
        found = torch.load(state, weights_only=True)
        done = found.pop("epochs")
        for name, part in kept.items():
            part.load_state_dict(found[name])
    for epoch in range(done, epochs):
        rng, started, correct = np.random.default_rng([2, epoch]), time.perf_counter(), 0
        for chosen in torch.from_numpy(rng.permutation(len(y))).split(BATCH):
            scores, fired = net(augmented(x[chosen], rng))
            loss = functional.cross_entropy(scores, y[chosen], label_smoothing=0.1)
            loss = loss + sum((spikes.mean() - HIDDEN_RATE) ** 2 for spikes in fired)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            correct += int((scores.argmax(1) == y[chosen]).sum())
        states = {"epochs": epoch + 1, **{name: part.state_dict() for name, part in kept.items()}}
        torch.save(states, state.with_suffix(".part"))
        state.with_suffix(".part").replace(state)
        seconds = time.perf_counter() - started
        print(f"epoch {epoch + 1}: train {correct / len(y):.2%}, {seconds:.0f} s", flush=True)


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


def main() -> None:
    """Train, and write the network and its data."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", choices=NETWORKS)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--images", type=int, default=TRAINED, help="to train on (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="default: %(default)s")
    given = parser.parse_args()
    make_deterministic(0)
    torch.set_num_threads(1)  # another number gives another network
    x, y, x_test, y_test = load_images(given.data_dir / "cifar10_jpeg_bytes.npz")
    given.output.mkdir(parents=True, exist_ok=True)
    net, stem = Net(NETWORKS[given.network]), given.output / f"cifar-{given.network}"
    train(net, x[: given.images], y[: given.images], stem.with_suffix(".state"), given.epochs)
    net.eval()
    with torch.no_grad():
        scores = torch.cat([net(part.float() / 255)[0] for part in x_test[:TEST].split(500)])
    print(f"test {(scores.argmax(1) == y_test[:TEST]).float().mean():.2%}")
    nir.write(stem.with_suffix(".nir"), to_nir(net))
    images = {"x_train": x[:GIVEN].float() / 255, "x_test": x_test[:TEST].float() / 255}
    labels = {"y_train": y[:GIVEN], "y_test": y_test[:TEST]}
    np.savez_compressed(stem.with_suffix(".npz"), **{name: each.numpy() for name, each in (images | labels).items()})


if __name__ == "__main__":
    main()
