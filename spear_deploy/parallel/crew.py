"""Crews, which run pieces of work here or elsewhere, and the loop that starts pieces and receives their messages."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

Tell = Callable[[Any], None]
"""Sends a message, anything that can be pickled, from a piece of work to the process that waits for it."""

_ATTEMPTS = 2
"""How often a piece is started if its process dies."""


@dataclass(frozen=True)
class Lost:
    """A piece of work whose process died twice; ``how`` it died the last time."""

    how: str


class Piece(Protocol):
    """A piece of work that was started."""

    def messages(self) -> list[Any]:
        """Return its messages since the last call."""

    def ended(self) -> bool:
        """Whether there is a result, or will never be one."""

    def result(self) -> Any:
        """Return the result of a piece that has ended, or :class:`Lost`; raise what it raised."""


class Crew(Protocol):
    """Runs pieces of work, at most ``room`` at a time."""

    @property
    def room(self) -> int:
        """How many pieces may run at a time."""

    def begin(self, name: str, item: Any) -> Piece:
        """Start a piece; return it."""

    def listen(self, running: Collection[Any]) -> None:
        """Wait a moment, or until one of these pieces has sent a message."""

    def end(self, running: Collection[Any]) -> None:
        """End these pieces, and wait until they have cleaned up or are sure to."""


def carry_out(
    crew: Crew,
    items: Mapping[str, Any],
    *,
    heard: Callable[[str, Any], None] = lambda name, message: None,
    done: Callable[[str, Any], None] = lambda name, result: None,
    again: Callable[[str, Lost], None] = lambda name, how: None,
) -> dict[str, Any]:
    """Return the results of all items by name, or :class:`Lost`, in the order of the items.

    ``heard`` is called with the name and each message of a piece, ``done`` with the name and the result, as they come,
    and ``again`` before a lost piece is started once more.  An exception of a piece ends all.
    """
    waiting, begun = deque(items), Counter[str]()
    running: dict[str, Piece] = {}
    results: dict[str, Any] = {}
    try:
        while waiting or running:
            while waiting and len(running) < crew.room:
                name = waiting.popleft()
                begun[name] += 1
                running[name] = crew.begin(name, items[name])
            crew.listen(running.values())
            for name, piece in list(running.items()):
                ended = piece.ended()  # asked first, so that its messages are received before its result
                for message in piece.messages():
                    heard(name, message)
                if not ended:
                    continue
                del running[name]
                result = piece.result()
                if isinstance(result, Lost) and begun[name] < _ATTEMPTS:
                    waiting.appendleft(name)
                    again(name, result)
                    continue
                results[name] = result
                done(name, result)
    finally:
        crew.end(running.values())
    return {name: results[name] for name in items}
