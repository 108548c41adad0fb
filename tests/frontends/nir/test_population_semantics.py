"""Populations whose semantics differ from the file's: stored in its metadata, and read from nowhere else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spear_deploy.errors import InputError
from spear_deploy.frontends import Semantics, load, save
from spear_deploy.frontends.nir.population_semantics import to_metadata, with_population_semantics
from spear_deploy.network import Input, Linear, Network, Population, Projection
from tests.conftest import leaky

NETWORK = Network(
    (Input("in", (2,)), Population("a", (3,), replace(leaky(3), spikes="integer")), Population("b", (2,), leaky(2))),
    (
        Projection("p", "in", "a", (Linear(np.ones((3, 2), np.float32)),)),
        Projection("q", "a", "b", (Linear(np.ones((2, 3), np.float32)),)),
    ),
    ("b",),
)


def test_what_differs_is_stored() -> None:
    """Nothing where all fire as the semantics say."""
    assert to_metadata(NETWORK, Semantics(spikes="integer")) == {"spikes": {"b": "binary"}}
    assert to_metadata(NETWORK, Semantics()) == {"spikes": {"a": "integer"}}
    plain = replace(NETWORK, populations=(*NETWORK.populations[:1], Population("a", (3,), leaky(3)), NETWORK["b"]))
    assert to_metadata(plain, Semantics()) == {}


@pytest.mark.parametrize("kinds", [("ge", "ge"), ("gt", "ge"), ("ge", "gt"), ("gt", "gt")])
@pytest.mark.parametrize("said", ["gt", "ge"])
def test_neurons_compare_as_they_do(kinds: tuple[str, str], said: str, tmp_path: Path) -> None:
    """Training as a chip computes changes the comparison: what is stored is the network's, in common or for each."""
    first, second = (replace(leaky(size), compare=kind) for size, kind in zip((3, 2), kinds, strict=True))
    network = replace(NETWORK, populations=(NETWORK["in"], Population("a", (3,), first), Population("b", (2,), second)))
    save(tmp_path / "net.nir", network, Semantics(dt=1.0, compare=said))
    again = load(tmp_path / "net.nir")
    assert [population.neuron.compare for population in again.network.neurons] == list(kinds)
    assert again.semantics.compare == (kinds[0] if kinds[0] == kinds[1] else said)


def test_what_is_stored_is_read() -> None:
    """It replaces what the semantics gave."""
    again = with_population_semantics(NETWORK, {"spikes": {"b": "integer", "a": "binary"}})
    assert [population.neuron.spikes for population in again.neurons] == ["binary", "integer"]
    assert with_population_semantics(NETWORK, None) is NETWORK


@pytest.mark.parametrize(
    ("first", "second"), [(-1.0, -2.5), (-1, -2), (None, -1.0), (-1.0, None), (-1.0, -1.0), (None, None)]
)
@pytest.mark.parametrize("said", [None, -1.0])
def test_floors_of_their_own(first: float | None, second: float | None, said: float | None, tmp_path: Path) -> None:
    """sinabs gives each layer minus its threshold as the lowest membrane."""
    a, b = replace(leaky(3), floor=first), replace(leaky(2), floor=second)
    network = replace(NETWORK, populations=(NETWORK["in"], Population("a", (3,), a), Population("b", (2,), b)))
    save(tmp_path / "net.nir", network, Semantics(dt=1.0, floor=said))
    assert [population.neuron.floor for population in load(tmp_path / "net.nir").network.neurons] == [first, second]


@pytest.mark.parametrize("stored", [{"nobody": "binary"}, {"in": "binary"}, {"a": "many"}, {"a": 3}, "binary"])
def test_what_is_none_is_refused(stored: Any) -> None:
    """E003 with the entry."""
    for key in ("spikes", "compare", "floor"):
        with pytest.raises(InputError, match=f"E003 metadata spear_deploy/{key}/"):
            with_population_semantics(NETWORK, {key: stored})
