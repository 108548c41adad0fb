"""Take lava-dl's PilotNet networks and a camera frame out of its wheel, and run the frame as lava-dl did.

Run from the root of the repository:

    python -m examples.pilotnet.prepare --package lava_dl-0.6.0-py3-none-any.whl -o build/pilotnet

writes there pilotnet.net (CUBA neurons), pilotnet_sdnn.net (sigma-delta neurons) and a file of frames for each, and
holds what the emulated chip does against what lava-dl recorded.  The wheel is read, not run.

The wheel's frame is what lava-dl gives the input neurons as their bias: 40 times a normalised pixel, plus 36.  Here it
is raw, 40 more than 40 times the pixel, so that --normalise 40,40 gives the pixel back: whole numbers that a chip can
be fed.  Mirrored and shifted, it makes eight frames.  The network steers by its one readout, which decides nothing: all
labels are 0.  The sigma-delta network's frame is of integers already, 3 x 33 x 100, of either sign.
"""

import argparse
import io
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spear_deploy import load, load_sigma_delta, lower
from spear_deploy.network.normalisation import InputTransform, fold_transform

FOLDER = "tests/lava/lib/dl/netx/gts"
NETWORKS = {"pilotnet.net": "pilotnet_lif/network.net", "pilotnet_sdnn.net": "pilotnet_sdnn/network.net"}
LAYERS = {
    "encoder": "input",
    **{f"conv{n + 1}": f"conv-{n}" for n in range(5)},
    **{f"dense{n + 7}": f"fc-{n}" for n in range(3)},
}
"""A population to the recording of its spikes, in the order of the layers; the readout has none."""
STEPS = 16
SUMS = {"conv1": "sigma1", "conv2": "sigma2", "dense9": "output"}
"""A population of the sigma-delta network to the recording of its sums."""

Array = NDArray[np.uint8]


def read(package: Path, name: str) -> bytes:
    """Return a file of the wheel, or of a folder that it was installed or unpacked to."""
    if package.is_dir():
        return (package / FOLDER / name).read_bytes()
    with zipfile.ZipFile(package) as archive:
        return archive.read(f"{FOLDER}/{name}")


def recorded(package: Path, name: str, network: str = "pilotnet_lif") -> NDArray[np.int64]:
    """Return an array of a network's folder: (steps, C, H, W), (steps, N) or, of the first's frame, (C, H, W)."""
    content = io.BytesIO(read(package, f"{network}/{name}.npy"))
    return np.load(content, allow_pickle=False).T.astype(np.int64)  # there the axes are (W, H, C, steps)


def raw_frame(package: Path) -> Array:
    """Return the frame, (3, 66, 200): 36 + 40 p of a normalised pixel p, made 40 + 40 p."""
    return (recorded(package, "image") + 4).astype(np.uint8)


def differing(network: Path, package: Path) -> tuple[int, int]:
    """Return how many bins of lava-dl's recording the emulated chip has otherwise, and how many there are.

    lava-dl hands spikes on a step later from layer to layer, and resets layer n in step n: there its frame begins.
    """
    imported = load(network)
    imported = replace(imported, network=fold_transform(imported.network, InputTransform((40.0,), (40.0,))))
    frame = np.broadcast_to(raw_frame(package), (STEPS, 1, 3, 66, 200))
    spikes = lower(imported, "loihi2", calibration=frame).emulate(frame).spikes
    differ = bins = 0
    for layer, (name, file) in enumerate(LAYERS.items()):
        wanted = recorded(package, file)[layer : layer + STEPS]
        differ += int(np.count_nonzero(spikes[name][:, 0] != wanted))
        bins += wanted.size
    return differ, bins


def differing_sums(network: Path, package: Path) -> tuple[int, int]:
    """Return the same of the sums that lava-dl recorded of sigma-delta neurons: all share one clock, from step 0 on."""
    frame = recorded(package, "input", "pilotnet_sdnn")
    sums = load_sigma_delta(network).emulate(np.broadcast_to(frame[:, None], (20, 1, 3, 33, 100)))
    differ = bins = 0
    for name, file in SUMS.items():
        wanted = recorded(package, file, "pilotnet_sdnn")
        differ += int(np.count_nonzero(sums.membrane[name][: len(wanted), 0] != wanted))
        bins += wanted.size
    return differ, bins


def shifted(frame: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return eight frames: one (C, H, W), shifted and mirrored."""
    rolled = [np.roll(frame, frame.shape[2] // 8 * number, axis=2) for number in range(4)]
    return np.stack([*rolled, *(each[:, :, ::-1] for each in rolled)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--package", type=Path, required=True, help="wheel of lava-dl, or a folder it was unpacked to")
    parser.add_argument("-o", "--output", type=Path, required=True)
    given = parser.parse_args()

    given.output.mkdir(parents=True, exist_ok=True)
    for name, file in NETWORKS.items():
        (given.output / name).write_bytes(read(given.package, file))
    integers = recorded(given.package, "input", "pilotnet_sdnn")[0]
    for file, frame in {"frames.npz": raw_frame(given.package), "frames_sdnn.npz": integers}.items():
        np.savez_compressed(given.output / file, x=shifted(frame), y=np.zeros(8, np.int64))
    differ, bins = differing(given.output / "pilotnet.net", given.package)
    print(f"{differ:,} of {bins:,} bins differ from the spikes that lava-dl recorded")
    differ, bins = differing_sums(given.output / "pilotnet_sdnn.net", given.package)
    print(f"{differ:,} of {bins:,} sums differ from those that lava-dl recorded of sigma-delta neurons")


if __name__ == "__main__":
    main()
