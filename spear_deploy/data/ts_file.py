"""Reader of ``.ts`` files, the text form of the time-series archives: ``@`` lines, then a series and its class a line.

Source: the loaders of aeon (``aeon.datasets.load_from_ts_file``), whose files these are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_SHOWN = 3
_REFUSED = {
    "timestamps": ("true", "has time stamps"),
    "missing": ("true", "has missing values"),
    "targetlabel": ("true", "has numbers to predict in place of classes"),
    "classlabel": ("false", "has no classes"),
}
"""What a header line may say that has no reading here."""


class UnreadableSeriesError(Exception):
    """Why a file cannot be read."""


@dataclass(frozen=True, eq=False)
class Series:
    """Series (C, T), each of its own length, and their classes as text."""

    values: list[NDArray[np.float32]]
    classes: list[str]

    @property
    def lengths(self) -> list[int]:
        """The length of each series."""
        return [each.shape[1] for each in self.values]

    @property
    def channels(self) -> int:
        """Channels of each series."""
        return len(self.values[0])


def read_ts(file: Path) -> Series:
    """Return the series of a file; raise :class:`UnreadableSeriesError` naming its bad lines, or :class:`OSError`."""
    values: list[NDArray[np.float32]] = []
    classes: list[str] = []
    bad: list[str] = []
    for number, line in _lines(file):
        *channels, label = line.split(":")
        try:
            with np.errstate(over="ignore"):  # told below
                series = np.array([[float(each) for each in channel.split(",")] for channel in channels], np.float32)
            if series.ndim != 2 or not np.all(np.isfinite(series)):
                raise ValueError("values that are missing or infinite")
            if values and len(series) != len(values[0]):
                raise ValueError(f"{len(series)} channels, not {len(values[0])}")
        except ValueError as error:
            bad.append(f"line {number}: {error}")
            continue
        values.append(series)
        classes.append(label.strip())
    if bad:
        more = f" and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
        raise UnreadableSeriesError("; ".join(bad[:_SHOWN]) + more)
    if not values:
        raise UnreadableSeriesError("holds no series")
    return Series(values, classes)


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of data with their numbers; raise for a header that has no reading here."""
    is_data, refused = False, []
    try:
        with file.open(encoding="utf-8") as stream:
            for number, text in enumerate(stream, 1):
                line = text.strip()
                if not line or line.startswith(("#", "%")):
                    continue
                if is_data:
                    yield number, line
                    continue
                name, _, rest = line.removeprefix("@").lower().partition(" ")
                wrong, words = _REFUSED.get(name, ("", ""))
                if wrong and rest.split()[:1] == [wrong]:
                    refused.append(words)
                is_data = name == "data"
                if is_data and refused:
                    raise UnreadableSeriesError(", ".join(refused))
    except UnicodeDecodeError as error:
        raise UnreadableSeriesError("is not text") from error
