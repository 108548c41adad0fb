"""Values that are fed: what is refused, what is undone, what is noted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from spear_deploy.data import DataOptions
from spear_deploy.data.values import raw_values, value_findings
from spear_deploy.network.normalisation import InputTransform

PIXELS = np.random.default_rng(0).integers(0, 256, (8, 3, 4, 5))
PIXELS[0, 0, 0, 0], PIXELS[1, 1, 1, 1] = 0, 255
BYTES = InputTransform((0.5,), (0.25,), 1 / 255)
COLOURS = InputTransform((0.4, 0.5, 0.6), (0.2, 0.25, 0.3))


def told(x: Any, transform: InputTransform | None = None, **options: Any) -> list[str]:
    """Codes and messages of all that is found."""
    given = DataOptions(steps=4, transform=transform or InputTransform(), **options)
    findings = list(value_findings(np.asarray(x), given, "x"))
    if not findings:
        findings = raw_values(np.asarray(x), given, "x")[1]
    return [str(finding) for finding in findings]


def test_values_as_they_should_be() -> None:
    """Spikes, counts and values in 0..1 have nothing to be said of them."""
    assert told(PIXELS / 255) == []
    assert told(PIXELS > 200) == []
    spikes = (PIXELS > 200).astype(np.uint8)
    assert list(value_findings(spikes, DataOptions(), "x")) == raw_values(3 * spikes, DataOptions(), "x")[1] == []


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite(bad: float) -> None:
    """Told with how many samples have them."""
    x = PIXELS / 255
    x[2, 0, 0, 0] = x[5] = bad
    assert told(x)[0].startswith("E005 x: x holds NaN or infinite values, in 2 of 8 samples")


def test_negative_values() -> None:
    """The range and share are told, and what to give: a normalisation, or channels for signs."""
    (normalised,) = told((PIXELS / 255 - 0.5) / 0.25)
    assert "down to -2" in normalised
    assert "--normalise MEAN,STD" in normalised
    (signed,) = told(np.sign(PIXELS - 128))
    assert "two channels" in signed


@pytest.mark.parametrize("dtype", [object, complex, "U3", "datetime64[s]"])
def test_what_is_no_number(dtype: Any) -> None:
    """Nothing else is looked at."""
    assert len(told(PIXELS.astype(dtype))) == 1
    assert "no real numbers" in told(PIXELS.astype(dtype))[0]


@pytest.mark.parametrize(
    ("x", "fix"),
    [(PIXELS, "1/255"), (PIXELS // 16, "1/15"), (PIXELS * 257, "1/65535"), (PIXELS / 2.55, "1/100")],
    ids=["bytes", "digits", "16 bits", "per cent"],
)
def test_values_beyond_one(x: np.ndarray, fix: str) -> None:
    """A note with the range and the likely scale; given, it is silent."""
    (note,) = told(x)
    assert note.startswith("N009 x: x ranges from 0 to ")
    assert f"--input-scale {fix}" in note
    assert told(x, InputTransform(scale=1 / 255)) == []


def test_counts_are_no_pixels() -> None:
    """Event counts of a few a step are usual; what only bytes reach is noted in them too."""
    assert raw_values(PIXELS // 16, DataOptions(), "x")[1] == []
    assert [finding.code for finding in raw_values(PIXELS, DataOptions(), "x")[1]] == ["N009"]


def test_values_scaled_twice() -> None:
    """A scale for bytes beside values of 0..1."""
    (note,) = told(PIXELS / 255, InputTransform(scale=1 / 255))
    assert "scaled twice" in note


def test_normalised_values_are_undone() -> None:
    """With their normalisation, values below 0 give the raw ones: bytes exactly, and it is told."""
    x = ((PIXELS / 255 - 0.5) / 0.25).astype(np.float32)
    raw, findings = raw_values(x, DataOptions(steps=4, transform=BYTES), "x")
    np.testing.assert_array_equal(raw, PIXELS)
    assert [finding.code for finding in findings] == ["N006"]
    assert "up to 255" in findings[0].message


def test_raw_values_stay(recwarn: pytest.WarningsRecorder) -> None:
    """Without a value below 0 they are taken as raw, which is told; beyond 1 the scale may be missing."""
    raw, findings = raw_values(PIXELS / 255, DataOptions(steps=4, transform=COLOURS), "x")
    np.testing.assert_array_equal(raw, PIXELS / 255)
    assert [finding.code for finding in findings] == ["N006"]
    assert [text[:4] for text in told(PIXELS, COLOURS)] == ["N006", "N009"]
    assert not recwarn.list


@pytest.mark.parametrize("axis", [1, 2, 3])
def test_channels(axis: int) -> None:
    """Each channel by its own mean, along whichever axis is the only one of that number."""
    x = np.moveaxis(PIXELS / 255, 1, axis)
    shape = [1, 1, 1, 1]
    shape[axis] = 3
    normalised = (x - np.reshape(COLOURS.mean, shape)) / np.reshape(COLOURS.std, shape)
    raw, _ = raw_values(normalised, DataOptions(steps=4, transform=COLOURS), "x")
    np.testing.assert_allclose(raw, x, atol=1e-6)


def test_normalisations_that_were_not_used() -> None:
    """Another mean leaves values below 0 (E005); channels that no axis has are E016."""
    x = (PIXELS / 255 - 0.5) / 0.25
    (wrong,) = told(x, InputTransform((0.1,), (0.25,)))
    assert wrong.startswith(
        "E005 x: x was not made by --normalise 0.1,0.25: undone, its values still reach down to -0.4"
    )
    (unclear,) = told(x, InputTransform((0.5, 0.5), (0.25, 0.25)))
    assert unclear.startswith("E016 x: x has shape (8, 3, 4, 5)")


def test_rates() -> None:
    """Rates are coded from values in 0..1, which a scale makes; a normalisation has no meaning for spikes."""
    (beyond,) = told(PIXELS, encoding="rate")
    assert "--input-scale 1/255" in beyond
    scaled, findings = raw_values(
        PIXELS, DataOptions(steps=4, encoding="rate", transform=InputTransform(scale=1 / 255)), "x"
    )
    assert findings == []
    np.testing.assert_allclose(scaled, PIXELS / 255)
    assert told(PIXELS / 255, COLOURS, encoding="rate")[0].startswith("E016")
