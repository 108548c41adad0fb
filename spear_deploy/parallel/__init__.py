"""Independent pieces of work, several at a time, each in a process of its own.

What a piece returns does not depend on how many run beside it: each has a fresh process, nothing is shared, and results
are given back in the order that was asked for.  A process that is killed loses one piece and no other; when this
process ends, however it ends, so do the others.  Pieces may run elsewhere too, on a :class:`Crew` of another kind.
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

    A process that is killed, or out of memory, has its piece begun once more, then it is :class:`Lost` and the others
    go on.  Any other exception of a piece ends all, and is raised here; so is whatever interrupts this process.
    """
    if min(jobs, len(items)) < 2:
        return {name: _here(work, name, item, heard, done) for name, item in items.items()}
    return carry_out(Processes(work, jobs), items, heard=heard, done=done, again=again)


def run_apart(
    work: Work[Item, Result], item: Item, *, heard: Callable[[Any], None], wanted: Callable[[], bool]
) -> Result | Lost:
    """Return what ``work(item, tell)`` returns in a process of its own, or how that was lost.

    Once the result is not ``wanted`` any more the process is ended, which is such a way.
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
