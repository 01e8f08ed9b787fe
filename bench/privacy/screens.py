"""The half of `make bench-masking` that is about pixels.

Input: screens of the test sets (odd seeds; even ones were for tuning). Output: text
left, edges kept, what an OCR still reads, times of frames and of damaged regions, and
the same frames by OCR and Presidio. Times are of one core's CPU, which other work on
the machine does not stretch; wall times stand beside them.
"""

from __future__ import annotations

import random
import resource
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.privacy.drawn import draw
from bench.privacy.measure import Count
from bench.privacy.ocr import ocr_reader, reads
from overt.protocol.errors import CaptureError
from overt.redact.pixels import Masker

if TYPE_CHECKING:
    from collections.abc import Callable

_SCREENS = range(1, 121, 2)
_PAGES = range(1, 41, 2)
_FRAMES = 12
_REGIONS = ((24, 20), (24, 20), (500, 30), (500, 30), (640, 360))  # width, height


def report() -> dict[str, Any]:
    """Measure everything; takes some minutes."""
    frames = [_frame(seed) for seed in range(1, 2 * _FRAMES, 2)]
    full, full_wall = _times([lambda f=f: _mask(f) for f in frames for _ in range(3)])
    part, part_wall = _times(_updates(frames))
    large = np.tile(frames[0], (2, 2, 1))
    four_k, _ = _times([lambda: _mask(large)] * 5)
    peer = _peer(frames[:2])
    return {
        "full_1080p_p95_ms": _p95(full),
        "full_1080p_p95_wall_ms": _p95(full_wall),
        "incremental_1080p_p95_ms": _p95(part),
        "incremental_1080p_p95_wall_ms": _p95(part_wall),
        "full_4k_p95_ms": _p95(four_k),
        "ocr_presidio_1080p_ms": peer,
        "times_faster_than_ocr_presidio": round(peer / _p95(full), 1) if peer else None,
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "drawn": _drawn(),
        "pages": _pages(),
    }


def _mask(frame: np.ndarray) -> np.ndarray:
    masker = Masker(frame)
    return masker.paint(frame, masker.whole)


def _frame(seed: int) -> np.ndarray:
    """A frame of 1920 x 1080 made of two drawn screens."""
    frame = np.zeros((1080, 1920, 3), np.uint8)
    first, second = draw(seed).rgb, draw(seed + 1000).rgb
    frame[:800, :1280], frame[:800, 1280:] = first, second[:, :640]
    frame[800:, :1280], frame[800:, 1280:] = second[:280], first[520:, 640:]
    return frame


def _updates(frames: list[np.ndarray]) -> list[Callable[[], object]]:
    """Changes of regions as people make them: a letter, a line, a panel."""
    chance = random.Random(5)  # noqa: S311 - repeatable changes
    jobs: list[Callable[[], object]] = []
    for frame in frames:
        masker = Masker(frame)
        for _ in range(8):
            wide, high = chance.choice(_REGIONS)
            x, y = chance.randrange(1920 - wide), chance.randrange(1080 - high)
            other = chance.choice(frames)[y : y + high, x : x + wide].copy()
            jobs.append(
                _update(masker, frame.copy(), (x, y, x + wide, y + high), other)
            )
    return jobs


def _update(masker: Masker, frame: np.ndarray, box: Any, new: np.ndarray) -> Any:
    x0, y0, x1, y1 = box
    frame[y0:y1, x0:x1] = new

    def job() -> None:
        for changed in masker.update(frame, [box]):
            masker.paint(frame, changed)

    return job


def _times(jobs: list[Callable[[], object]]) -> tuple[list[float], list[float]]:
    """CPU and wall time of each job, milliseconds; the first one warms up."""
    jobs[0]()
    cpu, wall = [], []
    for job in jobs:
        began, began_cpu = time.perf_counter(), time.thread_time()
        job()
        cpu.append(1e3 * (time.thread_time() - began_cpu))
        wall.append(1e3 * (time.perf_counter() - began))
    return cpu, wall


def _p95(times_ms: list[float]) -> float:
    return round(float(np.percentile(times_ms, 95)), 1)


def _drawn() -> dict[str, object]:
    count, read = Count(), _Reading()
    for number, seed in enumerate(_SCREENS):
        screen = draw(seed)
        count.add(screen)
        if number < 8:
            read.add(_mask(screen.rgb), screen.secret)
    return count.told() | read.told()


def _pages() -> dict[str, object]:
    """The same in Chromium; says why where it cannot be started."""
    from bench.privacy.pages import pages

    count, read = Count(), _Reading()
    try:
        for number, screen in enumerate(pages(_PAGES)):
            count.add(screen)
            if number < 4:
                read.add(_mask(screen.rgb), screen.secret)
    except CaptureError as error:
        return {"not_measured": str(error)}
    return count.told() | read.told()


class _Reading:
    """What an OCR reads on masked screens."""

    def __init__(self) -> None:
        self.screens, self.read = 0, list[str]()

    def add(self, masked: np.ndarray, secret: list[str]) -> None:
        """Read a masked screen and look for what stood there."""
        ocr = ocr_reader()
        if ocr is None:
            return
        self.screens += 1
        lines = ocr(masked)
        self.read += [
            words
            for words in secret
            if len("".join(words.split())) >= 4 and reads(lines, words)
        ]

    def told(self) -> dict[str, object]:
        return {"ocr_screens": self.screens, "ocr_secrets_read": len(self.read)}


def _peer(frames: list[np.ndarray]) -> float | None:
    """CPU milliseconds a frame of OCR and Presidio's patterns; None without them."""
    ocr = ocr_reader()
    if ocr is None:
        return None
    recognisers = _recognisers()
    ocr(frames[0])
    began = time.process_time()
    for frame in frames:
        for line in ocr(frame):
            for one in recognisers:
                one.analyze(line, one.supported_entities, None)
    return round(1e3 * (time.process_time() - began) / len(frames), 1)


def _recognisers() -> list[Any]:
    from presidio_analyzer import predefined_recognizers as known

    names = ("CreditCard", "Email", "Iban", "Ip", "Phone", "Url", "Date")
    return [getattr(known, f"{name}Recognizer")() for name in names]
