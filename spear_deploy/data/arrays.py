"""Data sets from arrays: those of an ``.npz`` file, which is never unpickled."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.data.dataset import Dataset, network_findings, place_of
from spear_deploy.data.keys import WHOLE, missing_arrays, unread_arrays, wanted_names
from spear_deploy.data.labels import label_finding
from spear_deploy.data.layout import swapped_samples
from spear_deploy.data.options import DataOptions
from spear_deploy.data.parts import in_parts
from spear_deploy.data.samples import Samples, SpikeSamples, ValueSamples
from spear_deploy.data.values import raw_values, value_findings
from spear_deploy.errors import Finding, InputError
from spear_deploy.network.normalisation import InputTransform
from spear_deploy.untrusted import UnreadableError, npz

Array = NDArray[Any]
_NUMBERS = (
    "numbers are read, pickled objects never: pad samples to one length and save an array; names of classes become "
    "integers by numpy.unique(y, return_inverse=True)[1]"
)


def load_npz(path: Path, options: DataOptions) -> Dataset:
    """Load ``x_train, y_train, x_test, y_test`` (or ``x, y``) from a file; nothing else in it is read.

    Raises :class:`InputError`: E001 (no such file), and what :func:`from_arrays` raises.
    """
    shapes = _readable(path, npz.shapes)
    names = wanted_names(shapes)
    if not names:
        raise InputError(missing_arrays(shapes, str(path)))
    data = from_arrays(read_arrays(path, names), path.stem, str(path), options)
    return replace(data, notes=(*data.notes, *unread_arrays(shapes, str(path))))


def from_arrays(arrays: Mapping[str, Array], name: str, where: str, options: DataOptions) -> Dataset:
    """Make a data set from arrays with the names of a file; ``where`` names their place in findings.

    ``x`` is (N, T, *shape) spikes or counts, or (N, *shape) values where ``options`` give the steps.  Without a
    split, a fifth of the samples is drawn for the test, stratified by label.
    Raises :class:`InputError` with all findings: E005 (unusable), E006 (labels), E016 (normalisation).
    """
    names = wanted_names(arrays)
    if not names:
        raise InputError(missing_arrays({key: array.shape for key, array in arrays.items()}, where))
    parts = [_Part(arrays[x], arrays[y], where, x, y) for x, y in zip(names[::2], names[1::2], strict=True)]
    errors = [*(finding for part in parts for finding in part.findings(options)), *_unlike(parts, where)]
    if errors:
        raise InputError([*errors, *_for_network(parts, options, place_of(name))])
    x, labels = np.concatenate([part.x for part in parts]), np.concatenate([part.y for part in parts])
    x, told = raw_values(x.astype(np.uint8) if x.dtype == bool else x, options, f"{where} x")
    if errors := [finding for finding in told if finding.severity == "error"]:
        raise InputError([*errors, *_for_network(parts, options, place_of(name))])
    samples: Samples = SpikeSamples(x)
    if options.steps is not None:
        samples = ValueSamples(x.astype(np.float32), options.steps, options.encoding or "constant")
    data = in_parts(name, samples, labels, None if names == WHOLE else len(parts[0].x), options.seed, where)
    taken_over = InputTransform() if options.encoding == "rate" else options.transform  # rates are of scaled values
    notes = (*told, *data.notes, *unread_arrays(arrays, where))
    return replace(data, transform=taken_over, notes=notes)


@dataclass(frozen=True, eq=False)
class _Part:
    """Samples and labels of one part, with their names and place for findings."""

    x: Array
    y: Array
    where: str
    x_name: str
    y_name: str

    def findings(self, options: DataOptions) -> Iterator[Finding]:
        """Yield findings that make them unusable (E005, E006)."""
        x_where, y_where = (f"{self.where} {name}" for name in (self.x_name, self.y_name))
        misshapen = self.misshapen(options)
        if misshapen is not None:
            yield misshapen
        else:
            yield from value_findings(self.x, options, x_where)
        count = len(self.y) if self._swapped is not None else len(self.x) if self.x.ndim else 0
        if self.x.ndim and self.x.size and (found := label_finding(self.y, count, y_where)) is not None:
            yield found

    @property
    def _swapped(self) -> Finding | None:
        """Return the finding that samples are along another axis than the first, unless y's axes show otherwise."""
        if not self.y.ndim or (self.x.ndim and len(self.x) in self.y.shape):
            return None
        return swapped_samples(self.x.shape, len(self.y), f"{self.where} {self.x_name}")

    def misshapen(self, options: DataOptions) -> Finding | None:
        """Return what is wrong with the shape of the samples (E005), or None."""
        problem = _shape_problem(self.x, f"{self.where} {self.x_name}", with_time=options.steps is None)
        return problem or self._swapped


def _for_network(parts: list[_Part], options: DataOptions, where: str) -> list[Finding]:
    """Return what else is wrong with unusable samples and labels for the network, if it is known."""
    if options.network is None or any(part.misshapen(options) for part in parts):
        return []
    shape = parts[0].x.shape[1:]
    time, found = (None, shape) if options.steps is not None else (shape[0], shape[1:])
    usable = [part.y for part in parts if label_finding(part.y, len(part.x), "") is None]
    labels = np.concatenate(usable) if usable else np.zeros(1, np.int64)
    return network_findings((found, labels), options.network, where, time=time)


def _shape_problem(x: Array, where: str, *, with_time: bool) -> Finding | None:
    axes = "(N, T, *shape)" if with_time else "(N, *shape) with --steps"
    fewest = {"x": 3, "x_train": 2, "x_test": 1}[where.rpartition(" ")[2]]
    if x.ndim < 2 or (with_time and x.ndim < 3 and x.size):
        fix = f"x is {axes}; values without time need --steps T" if with_time else f"x is {axes}"
        return Finding("E005", where, f"x has shape {x.shape}, which lacks axes", fix)
    if not x.size:
        return Finding("E005", where, f"x is empty: its shape is {x.shape}", f"x is {axes}")
    if len(x) < fewest:
        message = f"x holds {len(x)} sample{'s' * (len(x) > 1)}, {fewest} are needed"
        parts = {3: "training, validation and test need one each", 2: "training and validation need one each"}
        return Finding("E005", where, message, parts[fewest])
    return None


def _unlike(parts: list[_Part], where: str) -> Iterator[Finding]:
    """Yield a finding (E005) if training and test samples differ in shape."""
    train, test = parts[0].x.shape, parts[-1].x.shape
    if train[1:] != test[1:]:
        message = f"training and test samples do not fit together: x_train has shape {train}, x_test {test}"
        yield Finding("E005", where, message, "give samples of one shape")


def read_arrays(path: Path, wanted: Collection[str]) -> dict[str, Array]:
    """Return those of the ``wanted`` arrays that are in a file; nothing else in it is read.

    Raises :class:`InputError`: E001 (no such file), E005 (unusable).
    """
    arrays: dict[str, Array] = _readable(path, lambda path: npz.read(path, wanted))
    return arrays


def _readable(path: Path, read: Any) -> Any:
    try:
        return read(path)
    except FileNotFoundError as error:
        raise InputError.of("E001", path, "no such file", "check the path") from error
    except (OSError, UnreadableError) as error:
        raise InputError.of("E005", path, f"is not a usable .npz: {error}", _NUMBERS) from error
