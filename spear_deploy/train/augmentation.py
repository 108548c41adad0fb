"""Augmentation: random changes of training samples that keep their class.

Whether a mirrored image is still of its class depends on the data (shoes are, digits are not), so nothing is augmented
by default.  All time steps of a sample are changed in the same way, for held values and for events.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spear_deploy.errors import InputError
from spear_deploy.network.ops import Shape
from spear_deploy.registry import Registry

Array: TypeAlias = NDArray[Any]

_SHIFTED = 8
"""The largest shift of an image, as a fraction (1/8) of its sides: 4 of CIFAR-10's 32 pixels, as usual there."""


class Augmentation(Protocol):
    """Changes one sample."""

    def __call__(self, sample: Array, rng: np.random.Generator) -> Array:
        """Return the sample (T, C, H, W), changed at random by ``rng``; it may be a view of the given one."""


AUGMENTATIONS: Registry[Augmentation] = Registry(
    "augmentation",
    {
        "mirror": "spear_deploy.train.augmentation:mirror",
        "shift": "spear_deploy.train.augmentation:shift",
    },
    group="spear_deploy.augmentations",
)


def mirror(sample: Array, rng: np.random.Generator) -> Array:
    """Flip every other sample left to right."""
    return sample[..., ::-1] if rng.random() < 0.5 else sample


def shift(sample: Array, rng: np.random.Generator) -> Array:
    """Shift a sample by up to an eighth of its height and width; zeros move in."""
    shifted = np.zeros_like(sample)
    most = [side // _SHIFTED for side in sample.shape[-2:]]
    down, right = (int(rng.integers(-pixels, pixels + 1)) for pixels in most)
    (to_rows, of_rows), (to_columns, of_columns) = _overlap(sample.shape[-2], down), _overlap(sample.shape[-1], right)
    shifted[..., to_rows, to_columns] = sample[..., of_rows, of_columns]
    return shifted


def _overlap(side: int, by: int) -> tuple[slice, slice]:
    """Return the slices of an axis after and before a shift by ``by``."""
    return slice(max(0, by), side + min(0, by)), slice(max(0, -by), side + min(0, -by))


def augmented(x: Array, names: Sequence[str], rng: np.random.Generator) -> Array:
    """Return samples (T, B, C, H, W) changed by the named augmentations in turn.

    Values held over time by a stride of zero stay so.
    """
    is_held = x.strides[0] == 0
    distinct = x[:1] if is_held else x
    changed = np.empty_like(distinct)
    for index in range(x.shape[1]):
        sample = distinct[:, index]
        for name in names:
            sample = AUGMENTATIONS.get(name)(sample, rng)
        changed[:, index] = sample
    return np.broadcast_to(changed, x.shape) if is_held else changed


def refuse_augmentation(names: Sequence[str], shape: Shape, where: str) -> None:
    """Raise :class:`InputError` (E007) if there are augmentations and samples of this shape are not images."""
    if names and len(shape) != 3:
        message = f"changes images (channels, height, width); a sample of {where} is {shape}"
        raise InputError.of("E007", f"--augment {','.join(names)}", message, "leave it out")
