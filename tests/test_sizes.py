"""Sizes of memory as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spear_deploy.sizes import bytes_as_text, bytes_of


@pytest.mark.parametrize(
    ("text", "count"),
    [("1", 1), (4096, 4096), ("512MiB", 512 << 20), ("4GiB", 4 << 30), ("1.5 gib", 3 << 29), ("8GB", 8 * 10**9)],
)
def test_sizes_are_read(text, count):
    """Units of 1000 and of 1024, in any case, with fractions."""
    assert bytes_of(text) == count


@pytest.mark.parametrize(
    "text", ["", "GiB", "-1GiB", "0", "4 apples", "4Gi B", "1e9", "nan", "9" * 400, f"{'9' * 308}TB", "٤GiB"]
)
def test_what_is_no_size_is_refused(text):
    """No size, or none of at least a byte."""
    with pytest.raises(ValueError, match="not a size of memory"):
        bytes_of(text)


@given(st.integers(1, 1 << 50))
def test_rounded_up_text_is_enough(count):
    """What is printed to be given back is never too little, and hardly too much."""
    found = bytes_of(bytes_as_text(count, up=True))
    assert count <= found <= 1.1 * count + (1 << 20)
