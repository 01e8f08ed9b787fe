"""A scripted desk session: what the whole recorder costs, clear, masked and at rest.

Input: an enrolled home that agreed to everything. Output: the report's `desk`,
`start_s`, `stop_s`. Two windows are read, typed into and switched between; then nobody
touches them. In the same run mss takes a JPEG of the screen twice a second.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.capture.costs import cpu_ns
from bench.capture.input import inject
from bench.capture.plans import work
from bench.capture.recorder import Recorder, clear, recorded
from bench.capture.stage import Stage
from demo.run import StageError
from overt.protocol.records import FrameCause, FrameRecord, InputRecord

if TYPE_CHECKING:
    from bench.capture.plans import Plan
    from demo.run import Run

_PERSON = 2
_IDLE_SHARE = 1 / 3  # of a desk session


def measure_desk(
    run: Run, pages_url: str, size: tuple[int, int], seconds: float
) -> dict[str, Any]:
    """Return the report's `desk`, `start_s` and `stop_s`."""
    figures: dict[str, Any] = {"seconds": seconds}
    times: dict[str, float] = {}
    for level in ("clear", "masked"):
        with Stage(pages_url, level, size) as stage:
            plan = work(seconds, stage.left, stage.right)
            recorder = Recorder(run, _PERSON, stage)
            clear(recorder.home)
            with recorder:
                figures |= _worked(run, stage, recorder, plan, level)
                if level == "clear":
                    figures["cpu_share_idle"] = _idle(recorder, seconds * _IDLE_SHARE)
            figures[f"{level}_mb_per_hour"] = _mb_per_hour(recorder, seconds)
            if level == "clear":
                times = {
                    "start_s": round(recorder.start_s, 2),
                    "stop_s": round(recorder.stop_s, 2),
                }
                figures["sizes"] = _kinds(recorder)
                figures["press_to_frame_p50_ms"] = _press_to_frame_ms(recorder)
                figures["bytes_per_event"] = _bytes_per_event(recorder)
                figures["mss_jpeg"] = _mss(run, stage, plan, seconds)
    return {"desk": figures, **times}


def _worked(
    run: Run, stage: Stage, recorder: Recorder, plan: Plan, level: str
) -> dict[str, Any]:
    peak = _Peak(recorder)
    before_ns, began_ns = recorder.cpu_ns(), time.monotonic_ns()
    with peak:
        inject(run, stage, plan)
    spent_ns = recorder.cpu_ns() - before_ns
    share = spent_ns / (time.monotonic_ns() - began_ns)
    figures = {f"cpu_share_{level}": round(share, 4)}
    name = "memory_mb" if level == "clear" else "memory_masked_mb"
    return figures | {name: round(peak.bytes / 1e6, 1)}


class _Peak:
    """The most memory that a recorder takes while the context lasts."""

    def __init__(self, recorder: Recorder) -> None:
        self.bytes = 0
        self._recorder, self._over = recorder, threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(1.0):
            self.bytes = max(self.bytes, self._recorder.memory_bytes())


def _idle(recorder: Recorder, seconds: float) -> float:
    """CPU share while nobody touches the desk and nothing on it changes."""
    time.sleep(12)  # a caret stops blinking after ten seconds
    before_ns, began_ns = recorder.cpu_ns(), time.monotonic_ns()
    time.sleep(seconds)
    spent_ns = recorder.cpu_ns() - before_ns
    return round(spent_ns / (time.monotonic_ns() - began_ns), 4)


def _mb_per_hour(recorder: Recorder, seconds: float) -> float:
    size_bytes = sum(size for size, _, _ in recorded(recorder.home))
    return round(size_bytes / 1e6 * 3600 / seconds, 1)


def _kinds(recorder: Recorder) -> dict[str, int]:
    kinds: dict[str, int] = {}
    for _, sizes, _ in recorded(recorder.home):
        for kind, size in sizes.items():
            kinds[kind] = kinds.get(kind, 0) + size
    return kinds


def _press_to_frame_ms(recorder: Recorder) -> float | None:
    """How long after a press its screen had been fetched, the median."""
    ages_us = [
        record.age_us
        for _, _, segment in recorded(recorder.home)
        for record in segment.records
        if isinstance(record, FrameRecord) and record.cause is FrameCause.PRESS
    ]
    return round(float(np.median(ages_us)) / 1000, 2) if ages_us else None


def _bytes_per_event(recorder: Recorder) -> float | None:
    """What an input event takes at a person's pace, heads of its records included."""
    found = recorded(recorder.home)
    records = [one for _, _, segment in found for one in segment.records]
    events = sum(len(one.events) for one in records if isinstance(one, InputRecord))
    size_bytes = sum(sizes.get("input", 0) for _, sizes, _ in found)
    return round(size_bytes / events, 2) if events else None


def _mss(run: Run, stage: Stage, plan: Plan, seconds: float) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.capture.peers", "mss"]
    process = subprocess.Popen(
        [*command, stage.desk.display, str(seconds)],
        stdout=subprocess.PIPE,
        text=True,
    )
    if process.stdout is None or process.stdout.readline() != "ready\n":
        raise StageError("The peer mss did not start.")
    before_ns = cpu_ns(process.pid)
    inject(run, stage, plan)
    spent_ns = cpu_ns(process.pid) - before_ns
    said = json.loads(process.communicate()[0].strip().splitlines()[-1])
    return {
        "cpu_share": round(spent_ns / seconds / 1e9, 4),
        "frames": said["frames"],
        "mb_per_hour": round(said["bytes"] / 1e6 * 3600 / seconds, 1),
    }
