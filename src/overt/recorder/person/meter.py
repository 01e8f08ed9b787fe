"""What recording costs, against the budgets that its owner set.

Input: this process's times, the size of the spool, the power supply. Output: a sentence
when a budget is used up, so that the recorder pauses and says so. It measures the
recorder, never the person.
"""

from __future__ import annotations

import os
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from overt.recorder.person.home import Home
    from overt.recorder.person.wishes import Budgets, WishesInForce

_LOOK_S, _SPAN_S = 5.0, 60.0
_SUPPLIES = Path("/sys/class/power_supply")


class Meter:
    """Looks every five seconds."""

    def __init__(
        self, home: Home, wishes: WishesInForce, supplies: Path = _SUPPLIES
    ) -> None:
        self._home, self._wishes, self._supplies = home, wishes, supplies
        self._looked_s = -_LOOK_S
        self._cpu: deque[tuple[float, float]] = deque()
        self._excess = ""

    def excess(self) -> str:
        """Return which budget is used up, as a sentence; empty where none is."""
        now_s = time.monotonic()
        if now_s - self._looked_s >= _LOOK_S:
            self._looked_s = now_s
            self._note(now_s, sum(os.times()[:4]))
            wishes = self._wishes.current()
            self._excess = self._look(wishes.budgets) if wishes else ""
        return self._excess

    def _note(self, now_s: float, cpu_s: float) -> None:
        self._cpu.append((now_s, cpu_s))
        while len(self._cpu) > 1 and self._cpu[1][0] <= now_s - _SPAN_S:
            self._cpu.popleft()

    def _look(self, budgets: Budgets) -> str:
        if not budgets.on_battery and on_battery(self._supplies):
            return "on battery"
        limit_bytes = budgets.disk_mb * 10**6
        if limit_bytes and self._spool_bytes() > limit_bytes:
            return f"over {budgets.disk_mb} MB here"
        share = cpu_percent(self._cpu)
        if budgets.cpu_percent and share > budgets.cpu_percent:
            self._cpu.clear()  # who resumes begins to count anew
            return f"over {budgets.cpu_percent} % of a core"
        return ""

    def _spool_bytes(self) -> int:
        total = 0
        for path in self._home.spool.folder.glob("seg_*.ovsp"):
            try:
                total += path.stat().st_size
            except FileNotFoundError:
                continue
        return total


def cpu_percent(seen: deque[tuple[float, float]]) -> float:
    """Return the share of a core over a minute; 0 before a minute was seen.

    Args:
        seen: Pairs of monotonic seconds and CPU seconds, oldest first.
    """
    if not seen or seen[-1][0] - seen[0][0] < _SPAN_S:
        return 0.0
    (start_s, before_s), (end_s, after_s) = seen[0], seen[-1]
    return 100 * (after_s - before_s) / (end_s - start_s)


def on_battery(supplies: Path = _SUPPLIES) -> bool:
    """Whether this machine has mains and none is connected, or runs from a battery."""
    kinds = {one: _word(one / "type") for one in supplies.glob("*")}
    mains = [one for one, kind in kinds.items() if kind in {"Mains", "USB"}]
    if mains:
        return not any(_word(one / "online") == "1" for one in mains)
    batteries = [one for one, kind in kinds.items() if kind == "Battery"]
    return any(_word(one / "status") == "Discharging" for one in batteries)


def _word(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
