"""Which episode's names hold at an instant, while one ends and the next begins.

Stage: capture. Input: begins and ends of tasks with their goals. Output: the `Naming`
of an instant. What is recorded comes out of quarantine up to seconds later, so the
names of the episode before are kept for a while, then forgotten. In memory alone.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from overt.redact.naming import Naming

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from overt.redact.naming import Span

_KEEP_NS = 10_000_000_000  # longer than anything waits in quarantine


class Names:
    """The names of the episode that runs and of what came just before it."""

    def __init__(
        self,
        masks: Callable[[str], Sequence[Span]],
        masks_goals: Callable[[], bool] = lambda: True,
    ) -> None:
        """Begin outside any task.

        Args:
            masks: What of a text may not be read, as for `Naming`.
            masks_goals: Whether anything may be recorded below `clear` now: then a
                goal leaves with placeholders in place of its values.
        """
        self._masks, self._masks_goals = masks, masks_goals
        self._since_ns = [-(1 << 62)]
        self._namings = [Naming(masks)]

    def begin(self, t_ns: int, goal: str) -> str:
        """Name anew from an instant on; return the goal as it may be recorded."""
        naming = self._next(t_ns)
        return naming.goal(goal) if self._masks_goals() else goal

    def end(self, t_ns: int) -> None:
        """Name anew from an instant on: the episode is over."""
        self._next(t_ns)

    def at(self, t_ns: int) -> Naming:
        """Return the names of the episode of an instant."""
        return self._namings[max(0, bisect_right(self._since_ns, t_ns) - 1)]

    def _next(self, t_ns: int) -> Naming:
        old = bisect_right(self._since_ns, t_ns - _KEEP_NS) - 1
        self._since_ns = [*self._since_ns[max(0, old) :], t_ns]
        self._namings = [*self._namings[max(0, old) :], Naming(self._masks)]
        return self._namings[-1]
