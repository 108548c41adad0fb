"""Independent pieces of work, several at a time, each in a process of its own.

Results do not depend on how many pieces run at a time: each has a fresh process, nothing is shared, and results are
returned in the order of the items.  A killed process loses only its own piece; when this process ends, however it ends,
so do the others.  Pieces may also run elsewhere, on another kind of :class:`Crew`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from spear_deploy.parallel.crew import Crew, Lost, Piece, Tell, carry_out
from spear_deploy.parallel.processes import Processes

__all__ = ["Crew", "Lost", "Piece", "Processes", "Tell", "carry_out", "run_all", "run_apart"]

Item = TypeVar("Item")
Result = TypeVar("Result")
Work = Callable[[Item, Tell], Result]


def run_all(
    work: Work[Item, Result],
    items: Mapping[str, Item],
    jobs: int,
    *,
    heard: Callable[[str, Any], None] = lambda name, message: None,
    done: Callable[[str, Any], None] = lambda name, result: None,
    again: Callable[[str, Lost], None] = lambda name, how: None,
) -> dict[str, Result | Lost]:
    """Return what ``work(item, tell)`` returns for each item, by the items' names, ``jobs`` of them at a time.

    ``heard``, ``done`` and ``again`` are called as by :func:`carry_out`.  One piece, or one job, runs in this process.

    The piece of a process that is killed, or out of memory, is started once more; then it is :class:`Lost`, and the
    others continue.  Any other exception of a piece ends all and is raised here, as is an interrupt of this process.
    """
    if min(jobs, len(items)) < 2:
        return {name: _here(work, name, item, heard, done) for name, item in items.items()}
    return carry_out(Processes(work, jobs), items, heard=heard, done=done, again=again)


def run_apart(
    work: Work[Item, Result], item: Item, *, heard: Callable[[Any], None], wanted: Callable[[], bool]
) -> Result | Lost:
    """Return what ``work(item, tell)`` returns in a process of its own, or :class:`Lost`.

    The process is ended, and the piece lost, once the result is no longer ``wanted``.
    """
    crew = Processes(work, 1)
    piece = crew.begin("", item)
    try:
        while not (ended := piece.ended()) and wanted():
            crew.listen([piece])
            for message in piece.messages():
                heard(message)
        for message in piece.messages():
            heard(message)
        return piece.result() if ended else Lost("being called off")
    finally:
        crew.end([piece])


def _here(
    work: Work[Item, Result],
    name: str,
    item: Item,
    heard: Callable[[str, Any], None],
    done: Callable[[str, Any], None],
) -> Result:
    result = work(item, lambda message: heard(name, message))
    done(name, result)
    return result
