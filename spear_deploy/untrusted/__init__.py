"""Reading untrusted files: bounded in time and memory, without unpickling or executing anything in them."""

MAX_NEURONS = 1 << 22
"""Largest population of an untrusted file: a few bytes of shape make arrays of about 30 bytes per neuron."""

_BYTES, _BYTES_FOR_EACH = 1 << 30, 128


def believed(size: int) -> int:
    """Return how many bytes of arrays are allowed for files of ``size`` bytes.

    A GiB for any file, and 128 per byte: an array with a spike in 1,000 values compresses to a hundredth.
    """
    return _BYTES + _BYTES_FOR_EACH * size


class UnreadableError(Exception):
    """A file is not of its kind, is damaged, or exceeds the limits; the text continues a message about the file."""
