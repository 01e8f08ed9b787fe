"""Group commit: threads that come at the same time share one commit.

Stage: under whoever writes rows or entries for many callers. In: one item a thread;
out: its own result or error. The first thread that finds nobody at work runs the
function over all that wait; what comes meanwhile waits for the next run. Nobody waits
for a timer, so that a single caller is as quick as without.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Item = TypeVar("Item")
Result = TypeVar("Result")
MOST = 64  # items that share one run


@dataclass
class _Ticket(Generic[Item, Result]):
    item: Item
    result: Result | Exception | None = None
    done: threading.Event = field(default_factory=threading.Event)


class Grouped(Generic[Item, Result]):
    """Calls a function of many items for callers that each have one.

    Args:
        run: Takes items, returns as many results; an exception among them is raised
            to its own caller, one that is raised goes to all.
    """

    def __init__(
        self, run: Callable[[Sequence[Item]], Sequence[Result | Exception]]
    ) -> None:
        self._run = run
        self._waiting: list[_Ticket[Item, Result]] = []
        self._queue, self._work = threading.Lock(), threading.Lock()

    def __call__(self, item: Item) -> Result:
        """Return the function's result for one item.

        Raises:
            Exception: What the function has for this item, or raised for all.
        """
        ticket: _Ticket[Item, Result] = _Ticket(item)
        with self._queue:
            self._waiting.append(ticket)
        with self._work:
            while not ticket.done.is_set():
                self._serve()
        if isinstance(ticket.result, Exception):
            raise ticket.result
        return ticket.result  # type: ignore[return-value]  # set when done is

    def _serve(self) -> None:
        with self._queue:
            tickets, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
        results: Sequence[Result | Exception]
        try:
            results = self._run([ticket.item for ticket in tickets])
        except Exception as error:  # noqa: BLE001 - raised again in every thread
            results = [error] * len(tickets)
        for ticket, result in zip(tickets, results, strict=True):
            ticket.result = result
            ticket.done.set()
