"""Input at 125, 1,000 and 8,000 Hz: what is lost, how far times are off, what it costs.

Input: an enrolled home that agreed to input alone. Output: the report's `input` and
`bytes_per_event`. Each rate is a session of its own: injected, stopped, exported by
`overt export` and compared event by event. Then the peers listen to the same.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
from Xlib import X

from bench.capture.costs import cpu_ns
from bench.capture.plans import Plan, flood
from bench.capture.recorder import Recorder, clear, exported, recorded
from bench.capture.stage import Stage
from demo.run import StageError
from overt.desktop.types import Rect
from overt.desktop.x11.keymap import name as key_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from demo.run import Run

RATES_HZ = (125, 1000, 8000)
PEERS = ("pynput", "record")
_PERSON = 1
_TYPES = {
    X.MotionNotify: "motion",
    X.ButtonPress: "button_press",
    X.ButtonRelease: "button_release",
    X.KeyPress: "key_press",
    X.KeyRelease: "key_release",
}
_WINDOW = 400  # how far ahead an event that is not next may stand


def measure_input(
    run: Run, pages_url: str, size: tuple[int, int], seconds: float
) -> dict[str, Any]:
    """Return the report's `input` and `bytes_per_event`."""
    figures: dict[str, Any] = {}
    sizes: dict[str, float] = {}
    errors: list[Any] = []
    with Stage(pages_url, "clear", size) as stage:
        inside = stage.right
        area = Rect(inside.x + 40, inside.y + 60, inside.width - 160, 600)
        for rate in RATES_HZ:
            plan = flood(rate, seconds, area)
            found = _one_rate(run, stage, plan)
            figures[f"lost_{rate}"] = found["lost"]
            figures[f"events_{rate}"] = len(plan)
            figures[f"cpu_share_{rate}"] = found["cpu_share"]
            sizes[str(rate)] = found["bytes_per_event"]
            figures[f"file_bytes_per_event_{rate}"] = found["file_bytes_per_event"]
            errors.append(found["errors_ms"])
            for peer in PEERS:
                figures[f"{peer}_{rate}"] = _peer(run, stage, peer, plan, seconds)
    off_ms = np.abs(np.concatenate(errors))
    figures["time_error_p99_ms"] = round(float(np.percentile(off_ms, 99)), 3)
    figures["time_error_p50_ms"] = round(float(np.percentile(off_ms, 50)), 3)
    return {"input": figures, "bytes_per_event": sizes}


def _one_rate(run: Run, stage: Stage, plan: Plan) -> dict[str, Any]:
    recorder = Recorder(run, _PERSON, stage)
    clear(recorder.home)
    with recorder:
        before_ns = recorder.cpu_ns()
        sent = inject(run, stage, plan)
        spent_ns = recorder.cpu_ns() - before_ns
    wall_ns = int(sent["sent_ns"][-1] - sent["sent_ns"][0])
    folder = run.folder / f"export-{len(plan)}"
    rows = exported(run, _PERSON, folder)
    lost, errors_ms = compared(sent, rows)
    on_disk = sum(sizes["input"] for _, sizes, _ in recorded(recorder.home))
    whole = sum(size for size, _, _ in recorded(recorder.home))
    return {
        "lost": lost,
        "cpu_share": round(spent_ns / wall_ns, 4),
        "errors_ms": errors_ms,
        "bytes_per_event": round(on_disk / max(len(rows), 1), 2),
        "file_bytes_per_event": round(whole / max(len(rows), 1), 2),
    }


def inject(run: Run, stage: Stage, plan: Plan) -> Plan:
    """Let the injector play a plan; return it with the instants."""
    files = run.folder / "plan.npy", run.folder / "sent.npy"
    np.save(files[0], plan)
    command = [sys.executable, "-m", "bench.capture.injector", stage.desk.display]
    subprocess.run([*command, *map(str, files)], check=True)
    played: Plan = np.load(files[1])
    return played


def compared(sent: Plan, rows: list[dict[str, Any]]) -> tuple[int, Any]:
    """How many injected events an export lacks, and the others' errors of time in ms.

    An event counts as given back only with its position and in its place.
    """
    place, lost = 0, 0
    errors_ms: list[float] = []
    for t_ns, wanted in _expected(sent):
        ahead = rows[place : place + _WINDOW]
        found = next((n for n, row in enumerate(ahead) if _is(row, wanted)), None)
        if found is None:
            lost += 1
        else:
            errors_ms.append((rows[place + found]["t_ns"] - t_ns) / 1e6)
            place += found + 1
    return lost, np.array(errors_ms)


def _is(row: dict[str, Any], wanted: dict[str, Any]) -> bool:
    return all(row.get(name) == value for name, value in wanted.items())


def _expected(sent: Plan) -> Iterator[tuple[int, dict[str, Any]]]:
    x = y = None
    for _, kind, detail, x_px, y_px, t_ns in sent.tolist():
        if kind == X.MotionNotify:
            x, y = x_px, y_px
        wanted = {"type": _TYPES[kind]}
        if x is not None:
            wanted |= {"x_px": x, "y_px": y}
        if kind in {X.KeyPress, X.KeyRelease}:
            wanted["key"] = key_name(detail)
        elif kind != X.MotionNotify:
            wanted["button"] = detail
        yield t_ns, wanted


def _peer(
    run: Run, stage: Stage, which: str, plan: Plan, seconds: float
) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.capture.peers", which]
    process = subprocess.Popen(
        [*command, stage.desk.display, str(seconds + 2)],
        stdout=subprocess.PIPE,
        text=True,
    )
    if process.stdout is None or process.stdout.readline() != "ready\n":
        raise StageError(f"The peer {which} did not start.")
    before_ns = cpu_ns(process.pid)
    sent = inject(run, stage, plan)
    spent_ns = cpu_ns(process.pid) - before_ns
    wall_ns = int(sent["sent_ns"][-1] - sent["sent_ns"][0])
    said = json.loads(process.communicate()[0].strip().splitlines()[-1])
    return {
        "lost": len(plan) - said["events"],
        "cpu_share": round(spent_ns / wall_ns, 4),
    }
