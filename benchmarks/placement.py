"""Cores that vendors' compilers have printed for networks of theirs, beside the cores that are counted here.

Only shapes matter, so that weights are zeros of no size.  ``python docs/generate.py`` writes the table into
docs/placement.md; tests/targets/loihi/test_place.py holds the counts.

    python -m benchmarks.placement
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from spear_deploy.network.synapses import ConvSynapses, DenseSynapses, Synapses
from spear_deploy.placement import Placement
from spear_deploy.targets import load_chip
from spear_deploy.targets.loihi.place import place
from spear_deploy.targets.loihi.profile import LoihiProfile

Shape = tuple[int, ...]
_LDL = "lava-dl @d825ac5, tutorials/lava/lib/dl/netx"
_NX = "intel-nrc-ecosystem/models @3dc53bf, nxsdk_modules_ncl/dnn/tutorials"
_SLAYER = "intel-nrc-ecosystem/models @3dc53bf, nxsdk_modules_contrib/spytorch2loihi"


@dataclass(frozen=True)
class Shapes:
    """Shapes of the populations of a network, and its synapses, whose weights are zeros of no size."""

    shapes: Mapping[str, Shape]
    synapses: Sequence[Synapses] = ()

    def then_conv(
        self, channels: int, kernel: int, stride: Shape = (1, 1), padding: Shape = (0, 0), *, depthwise: bool = False
    ) -> Shapes:
        """Return the network with a map behind its last population."""
        name, source, (inputs, *extents) = self._next()
        height, width = (
            (n + 2 * pad - kernel) // step + 1 for n, pad, step in zip(extents, padding, stride, strict=True)
        )
        weight = np.broadcast_to(np.int8(0), (channels, 1 if depthwise else inputs, kernel, kernel))
        groups = inputs if depthwise else 1
        synapses = ConvSynapses(name, source, name, weight, stride, padding, (1, 1), groups)  # type: ignore[arg-type]
        return Shapes({**self.shapes, name: (channels, height, width)}, [*self.synapses, synapses])

    def then_dense(self, *sizes: int) -> Shapes:
        """Return the network with vectors behind its last population."""
        net = self
        for size in sizes:
            name, source, shape = net._next()
            synapses = DenseSynapses(name, source, name, np.broadcast_to(np.int8(0), (size, prod(shape))))
            net = Shapes({**net.shapes, name: (size,)}, [*net.synapses, synapses])
        return net

    def _next(self) -> tuple[str, str, Shape]:
        source = next(reversed(self.shapes))
        return f"p{len(self.shapes)}", source, self.shapes[source]

    @property
    def recurrent(self) -> Shapes:
        """The same with its first vector feeding itself."""
        size = self.shapes["p1"][0]
        loop = DenseSynapses("loop", "p1", "p1", np.broadcast_to(np.int8(0), (size, size)))
        return Shapes(self.shapes, [*self.synapses, loop])


def pilotnet() -> Shapes:
    """200 x 66 x 3, five convolutions, 2560-100-50-10-1."""
    net = Shapes({"p0": (3, 66, 200)})
    for channels, stride, padding in ((24, (2, 2), (0, 0)), (36, (2, 2), (0, 0)), (48, (2, 2), (0, 0))):
        net = net.then_conv(channels, 3, stride, padding)
    return net.then_conv(64, 3, (2, 1), (1, 0)).then_conv(64, 3).then_dense(100, 50, 10, 1)


def yolo_kp() -> Shapes:
    """448 x 448 x 3 and ten convolutions."""
    net = Shapes({"p0": (3, 448, 448)})
    for channels, kernel, stride in (
        (16, 3, 2),
        (32, 3, 2),
        (64, 3, 2),
        (128, 3, 2),
        (256, 3, 1),
        (256, 3, 2),
        (512, 3, 1),
        (256, 1, 1),
        (512, 3, 1),
        (48, 1, 1),
    ):
        net = net.then_conv(channels, kernel, (stride,) * 2, (kernel // 2,) * 2)
    return net


def mobilenet() -> Shapes:
    """NxTF's pseudo-MobileNet for CIFAR-10: depthwise and pointwise layers in turn, a mean pool that fires."""
    net = Shapes({"p0": (3, 32, 32)}).then_conv(32, 3, (2, 2), (1, 1))
    for channels, stride in ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1)):
        wide = net.shapes[next(reversed(net.shapes))][0]
        net = net.then_conv(wide, 3, (stride,) * 2, (1, 1), depthwise=True).then_conv(channels, 1)
    return net.then_conv(256, 2, (2, 2), depthwise=True).then_dense(10)


def dense(*sizes: int) -> Shapes:
    """Vectors one behind the other."""
    return Shapes({"p0": sizes[:1]}).then_dense(*sizes[1:])


@dataclass(frozen=True)
class Printed:
    """Cores that a compiler printed, layer by layer as far as it did, and how they are counted here.

    ``input_fires``: the input is a population with neurons of its own.  ``neuron`` is how many compartments one takes.
    """

    name: str
    build: Callable[[], Shapes]
    chip: str
    bits: int
    cores: int
    layers: tuple[int, ...]
    source: str
    remark: str = ""
    input_fires: bool = False
    neuron: int = 1

    def placed(self) -> Placement:
        """Return how the network is placed here."""
        chip, net = load_chip(self.chip), self.build()
        assert isinstance(chip, LoihiProfile)
        inputs = () if self.input_fires else ("p0",)
        taken = dict.fromkeys(net.shapes, self.neuron)
        return place(net.shapes, net.synapses, chip, inputs=inputs, weight_bits=self.bits, compartments=taken)


_PILOTNET = (25, 13, 3, 3, 2, 12, 1, 1, 1)
PRINTED = (
    Printed("PilotNet SDNN", pilotnet, "loihi2", 5, 61, _PILOTNET, f"{_LDL}/pilotnet_sdnn/benchmark.ipynb"),
    Printed(
        "PilotNet SNN",
        pilotnet,
        "loihi2",
        4,
        74,
        (13, *_PILOTNET),
        f"{_LDL}/pilotnet_snn/benchmark.ipynb",
        input_fires=True,
    ),
    Printed("MNIST", lambda: dense(784, 128, 64, 10), "loihi2", 8, 5, (3, 1, 1), f"{_LDL}/mnist/run.ipynb"),
    Printed(
        "Oxford",
        lambda: dense(200, 256, 200),
        "loihi2",
        8,
        5,
        (3, 2),
        f"{_LDL}/oxford/run.ipynb",
        "256 from 200 take 16,200 words, 200 from 256 take 16,128: the log cuts the one into 3, the other into 2, and "
        "does not say why",
    ),
    Printed(
        "YOLO-KP",
        yolo_kp,
        "kapoho_point",
        5,
        574,
        (224, 112, 56, 28, 56, 16, 32, 14, 32, 4),
        f"{_LDL}/yolo_kp/run.ipynb",
        "tiles printed are lower and wider, as many of them",
    ),
    Printed(
        "pseudo-MobileNet",
        mobilenet,
        "kapoho_bay",
        8,
        157,
        (),
        f"{_NX}/b_image_classification_cifar.ipynb",
        "the input's 6,144 compartments are cut into 8 strips whose widths are powers of two; 6 cores would hold them",
        input_fires=True,
        neuron=2,
    ),
    Printed(
        "N-MNIST",
        lambda: dense(2312, 512, 10),
        "loihi1",
        7,
        10,
        (9, 1),
        _SLAYER,
        "without the 7 cores that relay the input there",
    ),
    Printed(
        "N-TIDIGITS",
        lambda: dense(64, 256, 256, 242),
        "loihi1",
        8,
        5,
        (2, 2, 1),
        _SLAYER,
        "128 neurons a core, which no limit of memory gives: that tool can be told the number (customCompPerCore)",
    ),
    Printed(
        "Braille",
        lambda: dense(48, 450, 28).recurrent,
        "loihi1",
        8,
        47,
        (45, 2),
        _SLAYER,
        "10 neurons a core, as above",
    ),
)
_HEAD = ("network", "chip", "printed", "here", "of layers, printed", "of layers, here", "the difference", "source")


def main() -> None:
    """Print the table."""
    print(table())


def table() -> str:
    """Return the table in Markdown."""
    lines = [_HEAD, ("---",) * len(_HEAD), *(_row(each) for each in PRINTED)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _row(each: Printed) -> tuple[str, ...]:
    placed = each.placed()
    layers = " ".join(str(population.cores) for population in placed.populations)
    printed = " ".join(map(str, each.layers)) or "not told"
    cores = (str(each.cores), f"**{placed.cores}**")
    return each.name, f"[`{each.chip}`](chips/{each.chip}.md)", *cores, printed, layers, each.remark, each.source


if __name__ == "__main__":
    main()
