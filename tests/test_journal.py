"""The journal: each evaluation computed once, and nothing lost to an interruption."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from spear_deploy.errors import InputError
from spear_deploy.journal import Journal

HEADER = {"network": "abc", "seed": 0, "search": {"episodes": 8, "ratio": 0.1}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "search.jsonl"


def forbidden() -> dict[str, Any]:
    pytest.fail("this record is in the journal")


def written(path: Path, count: int = 3) -> Journal:
    journal = Journal(path, HEADER, resume=False)
    for index in range(count):
        journal.once("episode", {"a": index}, lambda index=index: {"accuracy": 0.1 * index})
    return journal


def test_each_record_is_computed_once(path: Path) -> None:
    """A record is computed for the first call of its kind and key, and remembered; kinds are kept apart."""
    journal = written(path)
    assert journal.once("episode", {"a": 1}, forbidden) == {"accuracy": 0.1}
    assert journal.once("probe", {"a": 1}, lambda: {"post": 2}) == {"post": 2}
    assert len(path.read_text().splitlines()) == 5


def test_order_of_a_key_does_not_matter(path: Path) -> None:
    """A key with the same entries in another order is the same key."""
    journal = Journal(path, HEADER, resume=False)
    journal.once("episode", {"a": 1, "b": 2}, lambda: {"x": 1})
    assert journal.once("episode", {"b": 2, "a": 1}, forbidden) == {"x": 1}


def test_a_failed_computation_leaves_no_record(path: Path) -> None:
    """If computing raises, nothing is written and the next call computes again."""
    journal = Journal(path, HEADER, resume=False)
    with pytest.raises(ZeroDivisionError):
        journal.once("episode", 1, lambda: {"x": 1 / 0})
    assert len(path.read_text().splitlines()) == 1
    assert journal.once("episode", 1, lambda: {"x": 2}) == {"x": 2}


def test_resuming_takes_every_record_from_the_file(path: Path) -> None:
    """A resumed journal computes nothing that the file holds, and gives numbers back to the last bit."""
    written(path).once("probe", [1, 2], lambda: {"post": 1 / 3})
    resumed = Journal(path, HEADER, resume=True)
    assert [resumed.once("episode", {"a": index}, forbidden) for index in range(3)] == [
        {"accuracy": 0.1 * index} for index in range(3)
    ]
    assert resumed.once("probe", [1, 2], forbidden) == {"post": 1 / 3}


def test_without_resume_the_file_starts_anew(path: Path) -> None:
    """A run that does not resume forgets what an earlier one wrote."""
    written(path)
    journal = Journal(path, HEADER, resume=False)
    assert journal.once("episode", {"a": 1}, lambda: {"accuracy": 5}) == {"accuracy": 5}
    assert len(path.read_text().splitlines()) == 2


def test_resuming_without_a_file_starts_one(path: Path) -> None:
    """Resuming a run that never came to write anything is an ordinary start."""
    Journal(path, HEADER, resume=True).once("episode", 1, lambda: {"x": 1})
    assert Journal(path, HEADER, resume=True).once("episode", 1, forbidden) == {"x": 1}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"seed": 1}, r"--seed \(0, now 1\)"),
        ({"network": 64 * "x", "seed": 2}, r"--seed \(0, now 2\), MODEL"),
        ({"extra_part": 1}, r"--extra-part \(none, now 1\)"),
    ],
)
def test_journal_of_another_run(change: dict[str, Any], named: str, path: Path) -> None:
    """Other inputs, options or versions are E012, which names the options that differ and leaves the file as it is."""
    written(path)
    before = path.read_bytes()
    with pytest.raises(InputError, match=rf"differs in: {named}\)") as caught:
        Journal(path, {**HEADER, **change}, resume=True)
    assert caught.value.findings[0].code == "E012"
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"[1, 2]\n", b"3\n", b"no json\n", b'{"kind": "header"}\n'])
def test_files_that_are_no_journal_of_this_run(content: bytes, path: Path) -> None:
    """Whatever else lies there is not taken for this run's journal: E012."""
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        Journal(path, HEADER, resume=True)
    assert caught.value.findings[0].code == "E012"


def test_interrupted_writes_lose_one_record_at_most(path: Path, tmp_path: Path) -> None:
    """Cut anywhere behind the header, the journal keeps every whole line, and what is added later survives too."""
    written(path)
    content = path.read_bytes()
    header = content.index(b"\n") + 1
    for length in range(header, len(content) + 1):
        cut = tmp_path / "cut.jsonl"
        cut.write_bytes(content[:length])
        whole = content[:length].count(b"\n") - 1 + (content[length - 1 : length + 1] == b"}\n")
        resumed = Journal(cut, HEADER, resume=True)
        values = [resumed.once("episode", {"a": index}, lambda: {"new": True}) for index in range(4)]
        assert [index for index, value in enumerate(values) if "new" in value] == list(range(whole, 4)), length
        again = Journal(cut, HEADER, resume=True)
        for index in range(4):
            again.once("episode", {"a": index}, forbidden)


@pytest.mark.parametrize(
    "line",
    [
        '{"kind": "episode"}',
        '{"key": 1, "kind": "episode", "value": 2}',
        '{"check": "0123456789abcdef", "key": 1, "kind": "episode", "value": {"x": 1}}',
        '{"check": 1, "key": {"a": [1]}, "kind": null, "value": NaN}',
        "[]",
        "3",
        '"kind"',
    ],
)
def test_records_that_no_run_wrote(line: str, path: Path) -> None:
    """A line that is JSON but no record of a run is E012, and the file stays as it is."""
    written(path, 1)
    with path.open("a") as stream:
        stream.write(f"{line}\n")
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"record 3 is not as a run writes it") as caught:
        Journal(path, HEADER, resume=True)
    assert caught.value.findings[0].code == "E012"
    assert path.read_bytes() == before


def test_changed_figures_are_found(path: Path) -> None:
    """Any single digit of a record that is changed by hand is E012: it would become a result."""
    written(path)
    header, *lines = path.read_text().splitlines()
    changed = 0
    for number, line in enumerate(lines):
        for place, letter in enumerate(line):
            if letter.isdigit():
                other = line[:place] + str((int(letter) + 1) % 10) + line[place + 1 :]
                path.write_text("\n".join((header, *lines[:number], other, *lines[number + 1 :])) + "\n")
                with pytest.raises(InputError, match="E012"):
                    Journal(path, HEADER, resume=True)
                changed += 1
    assert changed > 30


def test_a_file_that_cannot_be_written(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the disk is full, or the folder is a file, that is E009."""
    journal = written(path)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InputError, match="E009.*No space left"):
        journal.once("episode", 9, lambda: {"x": 1})
    with pytest.raises(InputError, match="E009"):
        Journal(path / "below", HEADER, resume=False)


def test_lines_are_plain_json(path: Path) -> None:
    """The file can be read by anything: a header, then kind, key, value and a check sum a line."""
    written(path, 1)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    check = lines[1].pop("check")
    assert len(check) == 16
    assert lines == [{"kind": "header", **HEADER}, {"kind": "episode", "key": {"a": 0}, "value": {"accuracy": 0.0}}]
