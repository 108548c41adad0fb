"""Reading files that are not trusted: bounded in time and memory, and nothing in them is unpickled or executed."""

MAX_NEURONS = 1 << 22
"""Neurons that a population is believed to have: a few bytes of shape make arrays of some 30 bytes each."""


class UnreadableError(Exception):
    """A file is not of its kind, is damaged, or exceeds the limits; the text continues a message about the file."""
