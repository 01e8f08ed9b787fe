"""CPU time and memory of a process and its children, read from /proc.

Output: nanoseconds on a CPU, to the nanosecond (`schedstat`), and proportional memory
(`smaps_rollup`): pages shared with others count by their share.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def family(pid: int) -> list[int]:
    """A process and all below it."""
    found = [pid]
    for one in found:
        with suppress(OSError):
            for task in Path(f"/proc/{one}/task").iterdir():
                found += map(int, (task / "children").read_text("ascii").split())
    return found


def cpu_ns(pid: int) -> int:
    """Time on a CPU of a process and its children so far, of living threads."""
    total = 0
    for one in family(pid):
        with suppress(OSError):
            for task in Path(f"/proc/{one}/task").iterdir():
                total += int((task / "schedstat").read_text("ascii").split()[0])
    return total


def memory_bytes(pid: int) -> int:
    """Proportional set size of a process and its children."""
    total = 0
    for one in family(pid):
        with suppress(OSError):
            for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total
