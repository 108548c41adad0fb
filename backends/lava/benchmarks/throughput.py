"""Steps per second of the backend, for a perceptron and a small convolutional network.

Run in the backend's environment: ``python benchmarks/throughput.py [SAMPLES]``.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np

STEPS = 50
NEURONS = {"du": 4095, "dv": 410, "vth": 200, "bias_mant": 0, "bias_exp": 0}

# Shapes from the input on; two images in a row are joined by a 3x3 convolution with stride 2 and padding 1.
NETWORKS: dict[str, list[tuple[int, ...]]] = {
    "perceptron": [(64,), (256,), (10,)],
    "convolutional": [(2, 34, 34), (16, 17, 17), (32, 9, 9), (10,)],
}


def write(folder: Path, shapes: list[tuple[int, ...]], samples: int) -> None:
    """Write a random program and a random input with 20 % activity."""
    random = np.random.default_rng(0)
    with h5py.File(folder / "program.h5", "w") as file:
        file.attrs.update({"schema": 2, "order": [str(level) for level in range(len(shapes))]})
        for level, shape in enumerate(shapes):
            group = file.create_group(f"populations/{level}")
            group.attrs.update({"kind": "lif" if level else "input", "shape": shape, "level": level, "max_value": 1})
            group.attrs.update({"reset": "value", "late": False} if level else {})
            for field, value in NEURONS.items() if level else ():
                group[field] = np.int32(value)
        for level, (source, target) in enumerate(pairwise(shapes)):
            group = file.create_group(f"projections/{level}")
            images = len(source) == len(target) == 3
            size = (target[0], source[0], 3, 3) if images else (int(np.prod(target)), int(np.prod(source)))
            attributes: dict[str, Any] = {"kind": "conv" if images else "dense", "delay": 0, "weight_exp": 0}
            attributes.update({"source": str(level), "target": str(level + 1)})
            if images:
                attributes.update({"stride": (2, 2), "padding": (1, 1), "dilation": (1, 1), "groups": 1})
            group.attrs.update(attributes)
            group["weight"] = random.integers(-64, 64, size).astype(np.int16)
    with h5py.File(folder / "input.h5", "w") as file:
        file["x/0"] = (random.random((samples, STEPS, *shapes[0])) < 0.2).astype(np.uint8)


def measure(shapes: list[tuple[int, ...]], samples: int) -> dict[str, float]:
    """Run the network; return its throughput and the seconds that are not simulation."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, shapes, samples)
        files = [f"--{kind}={folder / kind}.h5" for kind in ("program", "input", "output")]
        subprocess.run([sys.executable, "-m", "spear_deploy_lava", "run", *files], check=True, capture_output=True)
        with h5py.File(folder / "output.h5", "r") as file:
            run, total = float(file.attrs["seconds_run"]), float(file.attrs["seconds_total"])
            return {"steps_per_second": round(file.attrs["steps"] / run, 1), "overhead_seconds": round(total - run, 2)}


def main() -> None:
    """Print one JSON line for each network."""
    samples = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    for name, shapes in NETWORKS.items():
        print(json.dumps({"network": name, "samples": samples, "steps": STEPS, **measure(shapes, samples)}))


if __name__ == "__main__":
    main()
