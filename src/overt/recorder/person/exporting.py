"""A participant's own recordings as open files: events as JSON lines, frames as PNG.

Input: segments of the own spool. Output: a new folder with `events.jsonl` (one event a
line: `t_ns`, `type`, `device`, `x_px`, `y_px`, `button` or `key`), `segments.json` and
`frames/`. It is written under a temporary name and appears whole. It is the
participant's copy: in clear, and said so.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from PIL import Image

from overt.desktop.x11.keymap import name
from overt.protocol.errors import CaptureError, UsageError
from overt.protocol.records import EventKind, InputRecord
from overt.recorder.person.playback import open_own, screens

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import numpy as np

    from overt.protocol.sealing import SealingKey
    from overt.protocol.segment import Segment
    from overt.recorder.spool import Spool

_TYPES = {
    EventKind.MOTION: "motion",
    EventKind.BUTTON_PRESS: "button_press",
    EventKind.BUTTON_RELEASE: "button_release",
    EventKind.KEY_PRESS: "key_press",
    EventKind.KEY_RELEASE: "key_release",
}


def export(
    spool: Spool, segments: Iterable[str], own: SealingKey, folder: Path
) -> dict[str, int]:
    """Write segments of the own spool into a new folder.

    Args:
        spool: The participant's spool.
        segments: Which, in the order of the output.
        own: The participant's key.
        folder: Where; it must not exist yet.

    Returns:
        How many `segments`, `events` and `frames` were written.

    Raises:
        UsageError: The folder exists already.
        CaptureError: It cannot be written; nothing stays of it then.
        SealError: The key is not the owner's.
    """
    if folder.exists():
        raise UsageError(f"{folder} exists already.", remedy="Name a new folder.")
    part = folder.with_name(folder.name + ".part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        (part / "frames").mkdir(mode=0o700, parents=True)
        part.chmod(0o700)
        counts = _write(spool, segments, own, part)
        part.rename(folder)
    except OSError as error:
        raise CaptureError(f"{folder} cannot be written: {error.strerror}.") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return counts


def _write(
    spool: Spool, segments: Iterable[str], own: SealingKey, part: Path
) -> dict[str, int]:
    counts = {"segments": 0, "events": 0, "frames": 0}
    headers = []
    with os.fdopen(_private(part / "events.jsonl"), "w", encoding="utf-8") as lines:
        for segment in segments:
            opened = open_own(spool, segment, own)
            headers.append(asdict(opened.header))
            for event in event_rows(opened):
                lines.write(json.dumps(event) + "\n")
                counts["events"] += 1
            counts["frames"] += _write_frames(opened, part / "frames")
            counts["segments"] += 1
    with os.fdopen(_private(part / "segments.json"), "w", encoding="utf-8") as file:
        json.dump(headers, file, indent=1)
    return counts


def event_rows(segment: Segment) -> Iterator[dict[str, Any]]:
    """Yield a segment's input events as an export names them."""
    for record in segment.records:
        if isinstance(record, InputRecord):
            for event in record.events:
                yield _row(event)


def _row(event: np.void) -> dict[str, Any]:
    kind = EventKind(int(event["kind"]))
    row: dict[str, Any] = {
        "t_ns": int(event["t_ns"]),
        "type": _TYPES[kind],
        "device": int(event["device"]),
        "x_px": int(event["x_px"]),
        "y_px": int(event["y_px"]),
    }
    detail = int(event["detail"])
    if kind in {EventKind.BUTTON_PRESS, EventKind.BUTTON_RELEASE}:
        row["button"] = detail
    elif kind is not EventKind.MOTION:
        row["key"] = name(detail) if detail else None
    return row


def _write_frames(segment: Segment, folder: Path) -> int:
    count = 0
    for screen in screens(segment):
        path = folder / f"{segment.header.segment}_{count:06d}_{screen.t_ns}.png"
        with os.fdopen(_private(path), "wb") as file:
            Image.fromarray(screen.pixels).save(file, "PNG")
        count += 1
    return count


def _private(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
