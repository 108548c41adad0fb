"""A folder of images, read by Pillow: ``CLASS/*.png|jpg``, or ``train`` and ``test`` of such folders."""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.data.arrays import from_arrays
from spear_deploy.data.dataset import Dataset
from spear_deploy.data.folders import Tree, UnreadableFileError, beyond_belief, holds, read_each, scan, told
from spear_deploy.data.kind import Kind, of_arrays
from spear_deploy.data.options import DataOptions
from spear_deploy.errors import Finding, InputError
from spear_deploy.extras import missing_package

_SUFFIXES = (".png", ".jpg", ".jpeg")
_CHANNELS = {"1": 1, "L": 1, "RGB": 3}
"""Modes of Pillow that are taken as they are; others have colours that two readings would tell apart."""
_CONVERT = "convert them: PIL.Image.open(file).convert('RGB').save(file), or 'L' for grey"

_Header = tuple[tuple[int, int], int]
"""Width and height, and channels."""


def _load(name: str, options: DataOptions) -> Dataset:
    """Return images as values (N, C, H, W) in 0..1; as bytes where ``options`` say what training multiplied them by.

    Raises :class:`InputError` with all findings (E005), and E064 without Pillow.
    """
    tree = scan(Path(name), _SUFFIXES)
    errors = [] if options.steps else [Finding("E005", name, "images have no axis of time", "give --steps T")]
    try:
        size, channels = _checked(tree, errors)
    except ModuleNotFoundError as error:
        raise missing_package(error) from error
    pixels = _all_pixels(tree, (channels, size[1], size[0]))
    raw = options.transform.scale != 1.0
    arrays = tree.arrays(pixels if raw else pixels.astype(np.float32) / 255)
    data = from_arrays(arrays, Path(name).resolve().name, name, options)
    scale = "bytes, 0..255, which the network takes times the scale given" if raw else "divided by 255, to 0..1"
    read = f"images of {size[0]} x {size[1]}, {'grey' if channels == 1 else 'red, green, blue'}, {scale}"
    return replace(data, notes=(*tree.notes(read), *data.notes))


def _checked(tree: Tree, errors: list[Finding]) -> _Header:
    """Return the one size and number of channels of all images; raise all ``errors`` and what is found besides."""
    headers, unread = read_each(tree, _header, "images cannot be read", _CONVERT)
    errors = [*errors, *unread]
    usual = Counter(headers.values()).most_common(1)[0][0] if headers else ((0, 0), 1)
    for index, what in enumerate(("size", "number of channels")):
        unlike = [file for file, header in headers.items() if header[index] != usual[index]]
        if unlike:
            values = [str(headers[file][index]) for file in unlike]
            message = f"{len(unlike)} images have another {what} than {usual[index]}: "
            fix = "bring all images to one size" if not index else _CONVERT
            errors = [*errors, Finding("E005", str(tree.folder), message + told(unlike, tree.folder, values), fix)]
    claimed = len(tree.files) * usual[1] * usual[0][0] * usual[0][1]
    if excess := beyond_belief(tree.files, claimed):
        message = f"the images claim to hold {excess}"
        errors = [*errors, Finding("E005", str(tree.folder), message, "make them smaller, or give fewer")]
    if errors:
        raise InputError(errors)
    return usual


def _header(file: Path) -> _Header:
    with _opened(file) as image:
        if image.mode not in _CHANNELS:
            raise UnreadableFileError(f"mode {image.mode}")
        return image.size, _CHANNELS[image.mode]


def _all_pixels(tree: Tree, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Return the bytes (N, C, H, W) of all images; raise :class:`InputError` (E005) naming the damaged ones."""
    pixels = np.empty((len(tree.files), *shape), np.uint8)
    rows = dict(zip(tree.files, pixels, strict=True))

    def fill(file: Path) -> None:
        rows[file][...] = _pixels(file)

    _, damaged = read_each(tree, fill, "images are damaged", "save them again, or leave them out")
    if damaged:
        raise InputError(damaged)
    return pixels


def _pixels(file: Path) -> NDArray[np.uint8]:
    """Return the bytes (C, H, W) of an image."""
    try:
        with _opened(file) as image:
            values = np.asarray(image.convert("L") if image.mode == "1" else image, np.uint8)
    except (OSError, ValueError, SyntaxError) as error:
        raise UnreadableFileError(str(error)) from error
    return np.atleast_3d(values).transpose(2, 0, 1)


def _opened(file: Path) -> Any:
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return Image.open(file, formats=("PNG", "JPEG"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnreadableFileError(type(error).__name__ if isinstance(error, OSError) else str(error)) from error


IMAGES = Kind("a folder CLASS/*.png|jpg", lambda name: holds(Path(name), _SUFFIXES), of_arrays, _load)
