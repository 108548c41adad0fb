"""Reading files that are not trusted: bounded in time and memory, and nothing in them is unpickled or executed."""

MAX_NEURONS = 1 << 22
"""Neurons that a population is believed to have: a few bytes of shape make arrays of some 30 bytes each."""

_BYTES, _BYTES_FOR_EACH = 1 << 30, 128


def believed(size: int) -> int:
    """Return how many bytes of arrays are allowed of files of ``size`` bytes.

    A GiB of any, and 128 for each byte: of a spike in 1,000 values an array is a hundredth.
    """
    return _BYTES + _BYTES_FOR_EACH * size


class UnreadableError(Exception):
    """A file is not of its kind, is damaged, or exceeds the limits; the text continues a message about the file."""
