"""Reading files that are not trusted: bounded in time and memory, and nothing in them is unpickled or executed."""


class UnreadableError(Exception):
    """A file is not of its kind, is damaged, or exceeds the limits; the text continues a message about the file."""
