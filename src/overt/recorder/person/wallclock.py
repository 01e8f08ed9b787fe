"""The wall clock against CLOCK_BOOTTIME: files are dated by it, and anybody may set it.

Input: both clocks, now and again. Output: from when on, by the wall clock, files are as
young as some minutes that really passed, however the clock was set meanwhile. Pure.
"""

from __future__ import annotations

_SLEW_NS = 1_000_000_000  # the clock is kept right by less than this
_LONGEST_NS = 61 * 10**9  # a file is dated by the clock of its beginning, so long ago


class WallClock:
    """What the wall clock was set to while somebody looked."""

    def __init__(self) -> None:
        self._offsets: list[tuple[int, int]] = []

    def note(self, boottime_ns: int, utc_ns: int) -> None:
        """Take what both clocks say at one instant."""
        offset_ns = utc_ns - boottime_ns
        if not self._offsets or abs(offset_ns - self._offsets[-1][1]) > _SLEW_NS:
            self._offsets.append((boottime_ns, offset_ns))

    def since_utc_ns(self, boottime_ns: int, length_ns: int) -> int:
        """Return the earliest date of what was recorded within the last `length_ns`.

        Args:
            boottime_ns: CLOCK_BOOTTIME now; `note` was called before.
            length_ns: How long ago, in time that really passed.
        """
        start_ns = boottime_ns - length_ns
        ends = [at_ns for at_ns, _ in self._offsets[1:]] + [boottime_ns + 1]
        offsets = [
            offset_ns
            for (_, offset_ns), end_ns in zip(self._offsets, ends, strict=True)
            if end_ns > start_ns - _LONGEST_NS
        ]
        return start_ns + min(offsets) - _SLEW_NS
