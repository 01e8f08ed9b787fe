"""`overt task|status|pause|resume|forget|stop`: calls to the recorder of a display."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from overt.cli.output import emit, exit_codes, json_option
from overt.cli.participant import display_option, own_home, recorder
from overt.protocol.errors import CaptureError, ConsentError

if TYPE_CHECKING:
    from overt.protocol.canonical import Json

_EXITS = exit_codes(ConsentError, CaptureError)


@click.group()
def task() -> None:
    """State a task's beginning and end, as signed marks in the recording."""


@task.command(epilog=_EXITS)
@click.argument("text")
@click.option("--source", default="person", help="Who states the task.")
@display_option
@json_option
def begin(text: str, source: str, display: str, *, as_json: bool) -> None:
    """Begin a task: TEXT is the goal in your words; it goes on record."""
    answer = recorder(display).call("task_begin", text=text, source=source)
    emit(answer, f"Task {answer['task']} has begun.", as_json=as_json)


@task.command(epilog=_EXITS)
@click.argument("status", type=click.Choice(["done", "failed", "discard"]))
@click.option("--judge", default="person", help="Who judges it.")
@display_option
@json_option
def end(status: str, judge: str, display: str, *, as_json: bool) -> None:
    """End the task that runs: done, failed, or to be discarded."""
    answer = recorder(display).call("task_end", status=status, judge=judge)
    emit(answer, f"Task {answer['task']} has ended: {status}.", as_json=as_json)


@click.command(epilog=_EXITS)
@display_option
@json_option
def status(display: str, *, as_json: bool) -> None:
    """Say what is recorded right now, from what was committed last."""
    try:
        answer = recorder(display).call("status")
    except CaptureError as error:
        answer = {"phase": "stopped", "reason": str(error), "running": False}
    else:
        answer["running"] = True
    answer["waiting"] = _counts()
    emit(answer, _status_text(answer), as_json=as_json)


def _counts() -> Json:
    """Return how many segments are in which state; nothing is opened."""
    home = own_home()
    if not home.root.exists():
        return {}
    counts: dict[str, int] = {}
    for entry in home.spool.entries():
        counts[entry.state.value] = counts.get(entry.state.value, 0) + 1
    return counts


def _status_text(answer: dict[str, Any]) -> str:
    lines = [
        answer["phase"].capitalize() + (f": {r}" if (r := answer["reason"]) else "")
    ]
    if (age := answer.get("last_commit_s")) is not None:
        lines.append(f"Last commit {age:.1f} s ago.")
    if task_text := answer.get("task_text"):
        lines.append(f"Task: {task_text}")
    kept = ", ".join(f"{count} {name}" for name, count in answer["waiting"].items())
    return "\n".join([*lines, f"Segments here: {kept or 'none'}."])


@click.command(epilog=_EXITS)
@click.argument("minutes", type=click.FloatRange(min=0, min_open=True), required=False)
@click.option("--tomorrow", is_flag=True, help="Until tomorrow, 00:00 local time.")
@display_option
@json_option
def pause(
    minutes: float | None, display: str, *, tomorrow: bool, as_json: bool
) -> None:
    """Pause for MINUTES, until tomorrow, or until you resume. No limit, no reason."""
    arguments: dict[str, object] = {}
    if tomorrow:
        arguments = {"until": "tomorrow"}
    elif minutes is not None:
        arguments = {"minutes": minutes}
    answer = recorder(display).call("pause", **arguments)
    emit(answer, answer["text"], as_json=as_json)


@click.command(epilog=_EXITS)
@display_option
@json_option
def resume(display: str, *, as_json: bool) -> None:
    """End a pause. What was stopped for another reason stays stopped."""
    answer = recorder(display).call("resume")
    emit(answer, answer["text"], as_json=as_json)


@click.command(epilog=_EXITS)
@click.argument("minutes", type=click.FloatRange(min=0, min_open=True))
@display_option
@json_option
def forget(minutes: float, display: str, *, as_json: bool) -> None:
    """Destroy at least the last MINUTES of what is recorded here.

    Whole segments go: every segment that reaches into those minutes.
    """
    answer = recorder(display, timeout_s=15.0).call("forget", minutes=minutes)
    emit(answer, f"{answer['forgotten']} segments are destroyed.", as_json=as_json)


@click.command(epilog=_EXITS)
@display_option
@json_option
def stop(display: str, *, as_json: bool) -> None:
    """End the recorder of this display; all that was recorded is committed."""
    answer = recorder(display).call("stop")
    emit(answer, "Recording ends.", as_json=as_json)
