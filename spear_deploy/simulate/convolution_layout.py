"""Where a convolution's weights and values lie for kernels that go through it by what fires in a frame.

Frames of the target have channels last, and ``taps - 1`` columns more on the left, so that all that a cell of the
source reaches in one row of the target lies together: a *run* of ``taps * outputs`` values, filled up to whole vectors.
Cells that lie alike to the stride, of one *phase*, have runs of the same weights.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spear_deploy.simulate.vectors import whole_vectors

Pair = tuple[int, int]


class Layout(NamedTuple):
    """The geometry of a convolution.

    A row of the source lies in ``segments`` of a ``length``, ``between`` places apart; rows are a ``step`` apart.
    ``targets`` and ``sources`` are of each value in it: where its run begins in a row of the target (pitch,), and that
    of its weights in a row of the kernel.  ``phases`` are (phase, first run, count of them, first column, taps).
    ``across`` is the stride along a row, ``depth`` the channels filled up to whole vectors.
    """

    height: int
    width: int
    channels: int
    rows: int
    columns: int
    outputs: int
    kernel_rows: int
    stride: int
    across: int
    padding: int
    taps: int
    pitch: int
    run: int
    depth: int
    segments: int
    between: int
    length: int
    step: int
    targets: NDArray[np.intp]
    sources: NDArray[np.intp]
    phases: NDArray[np.intp]

    @property
    def size(self) -> int:
        """Values of a frame of the target."""
        return self.rows * self.columns * self.outputs

    @property
    def weights(self) -> tuple[int, int, int, int]:
        """The shape of the weights as runs: rows of the kernel, phases, channels, run."""
        return self.kernel_rows, self.across, self.channels, self.run


@lru_cache(maxsize=256)
def layout_of(
    shape: tuple[int, int, int], weight: tuple[int, int, int, int], stride: Pair, padding: Pair, *, last: bool
) -> Layout:
    """Return the layout for a source (C, H, W), with channels ``last`` or not, and weights (O, C, kh, kw)."""
    (channels, height, width), (outputs, _, *kernel) = shape, weight
    rows, columns = (
        (length + 2 * p - k) // s + 1 for length, k, s, p in zip(shape[1:], kernel, stride, padding, strict=True)
    )
    across, taps = stride[1], -(-kernel[1] // stride[1])
    run = whole_vectors(taps * outputs)
    place, phase = np.divmod(np.arange(width) + padding[1], across)
    cells = np.meshgrid(np.arange(width), np.arange(channels), indexing="ij" if last else "xy")
    x, c = (each.reshape(-1) for each in cells)
    segments = (1, 0, width * channels, width * channels) if last else (channels, height * width, width, width)
    return Layout(
        *(height, width, channels, rows, columns, outputs, kernel[0], stride[0], across, padding[0], taps),
        pitch=(taps - 1 + max(columns, int(place[-1]) + 1)) * outputs,
        run=run,
        depth=whole_vectors(channels),
        segments=segments[0],
        between=segments[1],
        length=segments[2],
        step=segments[3],
        targets=(place[x] * outputs).astype(np.intp),
        sources=((phase[x] * channels + c) * run).astype(np.intp),
        phases=_phases(width, kernel[1], across, padding[1]),
    )


def _phases(width: int, kernel: int, across: int, padding: int) -> NDArray[np.intp]:
    found = []
    for phase in range(across):
        first = max(0, -(-(padding - phase) // across))
        count = max(0, (width - 1 + padding - phase) // across - first + 1)
        found.append((phase, first, count, first * across + phase - padding, len(range(phase, kernel, across))))
    return np.array(found, np.intp)


def as_runs(weight: NDArray[np.float32], layout: Layout, runs: NDArray[np.float32]) -> None:
    """Put weights (O, C, kh, kw) into zeros of the shape of runs."""
    for kx, (phase, run) in enumerate(_taps(layout, weight.shape[3])):
        runs[:, phase, :, run] = weight[..., kx].transpose(2, 1, 0)


def from_runs(runs: NDArray[np.float32], layout: Layout, weight: NDArray[np.float32]) -> None:
    """Set weights (O, C, kh, kw), or gradients of them, to what the runs hold."""
    for kx, (phase, run) in enumerate(_taps(layout, weight.shape[3])):
        weight[..., kx] = runs[:, phase, :, run].transpose(2, 1, 0)


def as_columns(weight: NDArray[np.float32], layout: Layout, columns: NDArray[np.float32]) -> None:
    """Put weights (O, C, kh, kw) into zeros (kh, phases, taps * O, depth): what gradients go back through."""
    for kx, (phase, run) in enumerate(_taps(layout, weight.shape[3])):
        columns[:, phase, run, : layout.channels] = weight[..., kx].transpose(2, 0, 1)


def _taps(layout: Layout, kernel: int) -> list[tuple[int, slice]]:
    """Return phase and part of a run of each column of a kernel."""
    at = [(kx % layout.across, (layout.taps - 1 - kx // layout.across) * layout.outputs) for kx in range(kernel)]
    return [(phase, slice(first, first + layout.outputs)) for phase, first in at]
