"""Read golden traces: an .npz, or what ``nir.write_data`` wrote (NIRGraphData).

Arrays are named after populations: ``NAME``, ``NAME_spikes``, ``spikes_NAME``, ``spikesNAME``.  Where there is one such
population, ``input`` or ``x`` names the input, ``output`` the output and ``hidden`` the remaining one.  They are
(samples, steps, *shape) or (samples, steps, neurons).  An input without the axis of steps is held constant.  If
that, or an array of ``labels`` or ``y`` (samples,), shows that the samples are counted along the second axis, the
arrays are (steps, samples, ...).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spear_deploy.errors import Finding, InputError
from spear_deploy.frontends.nir import data as nir_data
from spear_deploy.network import Input, Network, Population
from spear_deploy.network.ops import Shape
from spear_deploy.untrusted import UnreadableError, npz
from spear_deploy.validate.golden import Golden

Array: TypeAlias = NDArray[Any]
_LABELS = ("labels", "y")
_HDF5_SIGNATURE = b"\x89HDF"


def read_golden(path: Path, network: Network, dt: float | None = None) -> Golden:
    """Read a recording of ``network``.

    ``dt`` is the time step of recordings that hold the times of events.

    Raises :class:`InputError`: E001 if the file cannot be opened, E014 with all that is wrong in it.
    """
    try:
        with path.open("rb") as file:
            is_hdf5 = file.read(4) == _HDF5_SIGNATURE
        arrays = nir_data.read(path, dt) if is_hdf5 else npz.read(path)
    except OSError as error:
        raise InputError.of("E001", path, f"cannot be read: {error.strerror}", "check the path") from error
    except UnreadableError as error:
        fix = "record it with numpy.savez or nir.write_data; spear-deploy explain E014"
        raise InputError.of("E014", path, str(error), fix) from error
    reader = _Reader(str(path), network)
    golden = reader.golden(arrays)
    if reader.findings:
        raise InputError(reader.findings)
    return golden


@dataclass
class _Reader:
    """Sorts arrays to populations and axes; gathers findings."""

    where: str
    network: Network
    findings: list[Finding] = field(default_factory=list)

    def golden(self, arrays: Mapping[str, Array]) -> Golden:
        """Return the recording, which is usable if there are no findings."""
        names = {population.name for population in self.network.populations}
        labels = {name: array for name, array in arrays.items() if name in _LABELS and name not in names}
        rasters = self._rasters({name: array for name, array in arrays.items() if name not in labels})
        lengths = {name: len(array) for name, array in labels.items() if array.ndim == 1}
        lengths |= {name: len(raster) for name, (raster, axes) in rasters.items() if axes == 1}
        axes = self._leading({name: raster.shape[:2] for name, (raster, count) in rasters.items() if count == 2})
        named = [_population(label, self.network) for label in arrays]
        for population in self.network.inputs:
            if population not in named:
                self._error(f"it holds no array of the input {population.name!r}", "name one input, or as the node")
        if axes is None:
            return Golden({}, {})
        is_time_first = self._is_time_first(axes, lengths)
        steps = axes[0] if is_time_first else axes[1]
        ordered: dict[str, Array] = {}
        for name, (raster, count) in rasters.items():
            if count == 1:
                ordered[name] = np.broadcast_to(raster[:, None], (len(raster), steps, *raster.shape[1:]))
            else:
                ordered[name] = np.moveaxis(raster, 0, 1) if is_time_first else raster
        inputs = {p.name: ordered.pop(p.name) for p in self.network.inputs if p.name in ordered}
        return Golden(inputs, ordered)

    def _rasters(self, arrays: Mapping[str, Array]) -> dict[str, tuple[Array, int]]:
        """Return by population its array, shaped as it is behind the leading axes, and the number of those."""
        found: dict[str, tuple[Array, int]] = {}
        for label, array in arrays.items():
            population = _population(label, self.network)
            if population is None:
                known = ", ".join(p.name for p in self.network.populations)
                self._error(f"array {label!r} names no population", f"populations: {known}")
                continue
            raster = self._reshape(label, array, population)
            if raster is None or not self._has_values(label, array, population):
                continue
            if not np.array_equal(found.setdefault(population.name, raster)[0], raster[0]):
                self._error(f"array {label!r} is a second one of population {population.name!r}", "leave one out")
        return found

    def _reshape(self, label: str, array: Array, population: Input | Population) -> tuple[Array, int] | None:
        counts = (2, 1) if isinstance(population, Input) else (2,)
        for count in counts:
            for shape in (population.shape, (population.size,)):
                if array.ndim == count + len(shape) and array.shape[count:] == shape and array.size:
                    return array.reshape(*array.shape[:count], *population.shape), count
        expected = f"(samples, steps, {', '.join(map(str, population.shape))})"
        self._error(f"array {label!r} has shape {array.shape}", f"population {population.name!r} needs {expected}")
        return None

    def _has_values(self, label: str, array: Array, population: Input | Population) -> bool:
        if isinstance(population, Population) and population.neuron.is_readout:
            self._error(f"array {label!r} is of a population that never fires", "leave it out: spikes are compared")
            return False
        if not np.all(np.isfinite(array)):
            self._error(f"array {label!r} holds NaN or infinite values", "record it again")
            return False
        if isinstance(population, Population) and (array.min() < 0 or np.any(array != np.rint(array))):
            self._error(f"array {label!r} holds other values than counts of spikes", "record spikes, not potentials")
            return False
        return True

    def _leading(self, axes: Mapping[str, Shape]) -> Shape | None:
        """Return the first two axes, which all recordings over time have in common."""
        names = {population.name for population in self.network.inputs}
        if not set(axes) - names:
            self._error("it holds no spikes of any population", "name an array as its node, or output")
            return None
        if len(set(axes.values())) > 1:
            listed = ", ".join(f"{name}: {shape}" for name, shape in axes.items())
            self._error(f"the numbers of samples and steps differ ({listed})", "record all populations together")
            return None
        return next(iter(axes.values()))

    def _is_time_first(self, axes: Shape, lengths: Mapping[str, int]) -> bool:
        if all(length == axes[0] for length in lengths.values()):
            return False
        if any(length != axes[1] for length in lengths.values()):
            listed = ", ".join(f"{name}: {length}" for name, length in lengths.items())
            self._error(f"the number of samples is unclear ({listed}; spikes {axes})", "use (samples, steps, ...)")
        return True

    def _error(self, message: str, fix: str) -> None:
        self.findings.append(Finding("E014", self.where, message, fix))


def _population(label: str, network: Network) -> Input | Population | None:
    populations = {population.name: population for population in network.populations}
    outputs = [populations[name] for name in network.outputs]
    hidden = [population for population in network.neurons if population.name not in network.outputs]
    roles = {"input": network.inputs, "x": network.inputs, "output": outputs, "hidden": hidden}
    for name in (label, label.removeprefix("spikes_"), label.removeprefix("spikes"), label.removesuffix("_spikes")):
        if name in populations:
            return populations[name]
        if len(roles.get(name, ())) == 1:
            return roles[name][0]
    return None
