"""Which cluster an address names, and what is refused before anybody is asked."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from spear_deploy.api.sweep_plan import plan_of
from spear_deploy.clusters import CLUSTERS, cluster_at
from spear_deploy.clusters.local import Local
from spear_deploy.clusters.protocol import Say, Workload
from spear_deploy.errors import BackendError, InputError
from spear_deploy.parallel import Crew, carry_out
from tests.clusters.sweeps import crew_at


@pytest.mark.parametrize("address", ["host:8786", "tcp://", "", "://host"])
def test_an_address_that_is_none(address: str) -> None:
    """E007 with the forms that there are."""
    with pytest.raises(InputError, match=r"E007 .*\n.*tcp://HOST:8786.*ray://HOST:10001") as raised:
        plan_of(("50%",), (0,), {}, address)
    assert raised.value.exit_code == 2


def test_a_scheme_that_there_is_not() -> None:
    """E008 with the nearest one."""
    with pytest.raises(InputError, match="E008 dusk: there is no cluster of this name\n.*did you mean dask"):
        cluster_at("dusk://host:8786")


def test_jobs_are_of_this_machine() -> None:
    """E007 for both at once."""
    with pytest.raises(InputError, match="E007 --jobs 4: are processes of this machine"):
        plan_of(("50%",), (0,), {"jobs": 4}, "tcp://host:8786")


@pytest.mark.parametrize(
    ("address", "package", "extra"), [("tcp://host:1", "distributed", "dask"), ("ray://host:1", "ray", "ray")]
)
def test_a_library_that_is_missing(address: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """E064 with the command that brings it."""
    monkeypatch.setitem(sys.modules, package, None)
    with (
        pytest.raises(BackendError, match=rf"E064 {package}: is not installed; --cluster with .* needs it\n") as raised,
        crew_at(address),
    ):
        pass
    assert "pip install" in raised.value.findings[0].fix


def written(shared: str, value: int, folder: Path, tell: Any) -> int:
    """A piece of work."""
    folder.mkdir()
    (folder / "file").write_text(shared * value)
    return value


class Near:
    """Another distribution's: two processes of this machine, at any address."""

    @contextmanager
    def crew(self, address: str, workload: Workload, say: Say) -> Iterator[Crew]:
        say(address)
        with Local(2).crew(address, workload, say) as crew:
            yield crew


def test_a_cluster_of_another_distribution(tmp_path: Path) -> None:
    """It is found by its scheme, and carries out pieces by the one loop that there is."""
    CLUSTERS.add("near", Near())
    said: list[str] = []
    try:
        workload = Workload(written, {"a": "x", "b": "y"}, {"one": ("a", 1), "two": ("b", 2)}, tmp_path, 1, 1 << 30)
        with cluster_at("near://by").crew("near://by", workload, said.append) as crew:
            found = carry_out(crew, workload.pieces)
    finally:
        CLUSTERS.remove("near")
    assert (found, said) == ({"one": 1, "two": 2}, ["near://by"])
    assert {path.name: (path / "file").read_text() for path in tmp_path.iterdir()} == {"one": "x", "two": "yy"}
