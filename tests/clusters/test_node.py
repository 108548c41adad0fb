"""What a node does with a piece of work, and what this side does with what comes back; no cluster is needed."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from spear_deploy.clusters.node import Returned, Room, Sent, carry_out_here, other_versions, versions_here
from spear_deploy.clusters.protocol import Workload
from spear_deploy.clusters.sending import packed, put_in_place, sent, taken
from spear_deploy.errors import InputError, SpearError
from spear_deploy.parallel import Lost


def work(shared: list[int], value: str, folder: Path, tell: Any) -> Any:
    """What the tests have a node do."""
    if value == "no memory":
        raise InputError.of("E019", "--memory 4GiB", "2GiB are free", "free some")
    if value == "no disk":
        raise InputError.of("E009", folder.name, "cannot be written", "free some")
    if value == "long":
        time.sleep(60)
    tell(("begun", value))
    before = sorted(path.name for path in folder.iterdir())
    (folder / "weights").mkdir()
    (folder / "weights" / "a.bin").write_bytes(bytes(shared))
    return {"sum": sum(shared), "before": before}


@pytest.fixture
def workload(tmp_path: Path) -> Workload:
    (tmp_path / "point").mkdir()
    (tmp_path / "point" / "journal").write_text("as far as it came")
    return Workload(work, {"0": [1, 2, 3]}, {"point": ("0", "short")}, tmp_path, 1, 1 << 30)


def carried_out(workload: Workload, value: str = "short", **changed: str) -> tuple[Returned, list[Any]]:
    told: list[Any] = []
    given = sent(workload, "point", {**versions_here(), **changed})
    given = Sent(given.name, given.work, value, given.files, given.memory, given.versions)
    until = time.monotonic() + 3
    returned = carry_out_here(
        given, packed(workload.shared["0"]), "node 7", told.append, lambda: value != "long" or time.monotonic() < until
    )
    return returned, told


def test_files_go_and_come(workload: Workload) -> None:
    """What an interrupted run has left goes to the node; what the piece leaves there replaces it as a whole."""
    returned, told = carried_out(workload)
    assert told == [("begun", "short")]
    assert taken(workload, "point", returned) == {"sum": 6, "before": ["journal"]}
    files = {path.relative_to(workload.folder).as_posix(): path.read_bytes() for path in workload.folder.rglob("*.*")}
    assert files == {"point/weights/a.bin": bytes([1, 2, 3])}
    assert [path.name for path in workload.folder.iterdir()] == ["point"]
    assert (workload.folder / "point" / "journal").read_text() == "as far as it came"


def test_what_a_node_refuses(workload: Workload) -> None:
    """Errors name the node; too little memory there is a piece that was lost, since another node may have more."""
    returned, _ = carried_out(workload, "no disk")
    with pytest.raises(InputError, match="E009 node 7: point: cannot be written"):
        taken(workload, "point", returned)
    returned, _ = carried_out(workload, "no memory")
    assert taken(workload, "point", returned) == Lost("too little memory on node 7: 2GiB are free")
    returned, told = carried_out(workload, torch="1.2.3")
    with pytest.raises(SpearError, match=r"E069 node 7: has torch .*; here it is torch 1\.2\.3"):
        taken(workload, "point", returned)
    assert told == []


def test_what_is_not_wanted_any_more_ends(workload: Workload) -> None:
    """Its process is ended long before it would have returned."""
    start = time.monotonic()
    returned, told = carried_out(workload, "long")
    assert returned.result == Lost("being called off on node 7")
    assert (told, time.monotonic() - start < 30) == ([], True)


def test_other_versions() -> None:
    """Every node that differs, with both versions and what mends it; none is not an error."""
    here = {"spear-deploy": "1.0", "python": "3.11.7", "torch": "2.13.0+cpu", "sources of spear-deploy": "ab"}
    nodes = {
        "same": here,
        "bare": {"python": "3.11.7"},
        "old": {**here, "python": "3.10.1", "torch": "2.6.0"},
        "edited": {**here, "sources of spear-deploy": "cd"},
    }
    assert other_versions({"same": here}, here) is None
    error = other_versions(nodes, here)
    assert error is not None
    assert [(finding.where, finding.fix) for finding in error.findings] == [
        ("bare", "install there the spear-deploy that is here, and pip install torch==2.13.0 there"),
        ("old", "start the node with Python 3.11.7, and pip install torch==2.13.0 there"),
        ("edited", "install there the spear-deploy that is here"),
    ]
    assert error.findings[1].message == (
        "has python 3.10.1, torch 2.6.0; here it is python 3.11.7, torch 2.13.0+cpu: results would differ"
    )
    assert error.exit_code == 6


@pytest.mark.parametrize("name", ["../outside", "/outside", "a/../../outside"])
def test_no_file_leads_out_of_its_folder(name: str, tmp_path: Path) -> None:
    """Such a name is refused, and what was there before stays."""
    (tmp_path / "point").mkdir()
    with pytest.raises(ValueError, match="leads out"):
        put_in_place(tmp_path / "point", {"a": b"", name: b""})
    assert [path.name for path in tmp_path.iterdir()] == ["point"]
    assert not (tmp_path.parent / "outside").exists()


def test_room() -> None:
    """Pieces wait until memory is there beside the others; one alone has room always."""
    room, most, lock = Room(), [0, 0], threading.Lock()

    def piece(size: int) -> None:
        with room.taken(size, 10, lambda: True):
            with lock:
                most[0] += size
                most[1] = max(most)
            time.sleep(0.3)
            with lock:
                most[0] -= size

    threads = [threading.Thread(target=piece, args=(size,)) for size in (4, 4, 4, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [0, 8]
    piece(20)
    assert most[0] == 0
