"""Data sets, and coding their samples as input over time."""

from spear_deploy.data.arrays import from_arrays
from spear_deploy.data.dataset import Dataset, Split, fit_to_network
from spear_deploy.data.load import load_data
from spear_deploy.data.objects import as_dataset
from spear_deploy.data.options import DataOptions
from spear_deploy.data.samples import EventSamples, Samples, SpikeSamples, ValueSamples

__all__ = [
    "DataOptions",
    "Dataset",
    "EventSamples",
    "Samples",
    "SpikeSamples",
    "Split",
    "ValueSamples",
    "as_dataset",
    "fit_to_network",
    "from_arrays",
    "load_data",
]
