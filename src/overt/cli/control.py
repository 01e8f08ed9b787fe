"""`overt task|status|pause|resume|forget|stop`: calls to the recorder of a display."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from overt.cli.output import emit, exit_codes, json_option, plain
from overt.cli.participant import display_option, own_home, recorder
from overt.protocol.errors import CaptureError, ConsentError, DataError

if TYPE_CHECKING:
    from overt.protocol.canonical import Json

_NOBODY = "No recorder runs here. Start one: overt record"
_EXITS = exit_codes(ConsentError, CaptureError, DataError)


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
    """Say what is recorded right now, from what was committed last.

    Without a display, that of the recorder that runs; it is an answer, not an error,
    if none does.
    """
    from overt.recorder.person.control import recorded_displays

    displays = recorded_displays(own_home())
    shown = display or (displays[0] if displays else "")
    nobody: Json = {"phase": "stopped", "reason": _NOBODY}
    answer = _asked(shown) if shown else nobody
    answer["running"] = "session" in answer
    answer["others"] = [one for one in displays if not _is_same(one, shown)]
    answer["waiting"] = _counts()
    emit(answer, _status_text(answer), as_json=as_json)


def _asked(display: str) -> Json:
    """Return what a display's recorder says, or that there is none."""
    try:
        return {"display": display, **recorder(display).call("status")}
    except CaptureError as error:
        return {"display": display, "phase": "stopped", "reason": str(error)}


def _is_same(one: str, other: str) -> bool:
    from overt.recorder.person.control import display_name

    return bool(other) and display_name(one) == display_name(other)


def _counts() -> Json:
    """Return how many segments are in which state; nothing is opened."""
    home = own_home()
    if not home.root.exists():
        return {}
    states = [entry.state.value for entry in home.spool.entries()]
    states += ["damaged" for _ in home.spool.damaged()]
    return dict(Counter(states))


def _status_text(answer: dict[str, Any]) -> str:
    lines = [
        answer["phase"].capitalize() + (f": {r}" if (r := answer["reason"]) else "")
    ]
    if (age := answer.get("last_commit_s")) is not None:
        lines.append(f"Last commit {age:.1f} s ago.")
    lines += map(plain, answer.get("notices", []))
    if task_text := answer.get("task_text"):
        lines.append(f"Task: {task_text}")
    if answer["others"]:
        lines.append(f"Recorded as well: {', '.join(answer['others'])}.")
    kept = ", ".join(f"{count} {name}" for name, count in answer["waiting"].items())
    lines.append(f"Segments here: {kept or 'none'}.")
    if "recording" in answer["waiting"] and not (answer["running"] or answer["others"]):
        lines.append("A recording was interrupted; nothing is lost: overt review")
    return "\n".join(lines)


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
@click.argument("minutes", type=click.FloatRange(min=0, min_open=True), required=False)
@click.option("--from", "start", default="", metavar="TIME", help="Or from TIME on.")
@click.option("--to", "end", default="", metavar="TIME", help="Up to TIME; else now.")
@click.option("--preview", is_flag=True, help="Say what would go; destroy nothing.")
@json_option
def forget(
    minutes: float | None, start: str, end: str, *, preview: bool, as_json: bool
) -> None:
    """Destroy the last MINUTES of what is recorded here, or a range of time.

    Whole minutes go, their keys first. TIME is 14:05, or a date with it. No passphrase
    is asked. At a terminal you are shown what goes, and asked once.
    """
    from overt.recorder.person.minutes import (
        destroyed_text,
        forget_everywhere,
        preview_everywhere,
        preview_text,
    )

    seen, arguments = preview_everywhere(own_home(), _interval(minutes, start, end))
    text = preview_text(seen)
    if preview or not seen:
        emit({"forgotten": 0, "pieces": seen}, text, as_json=as_json)
        return
    if sys.stdin.isatty() and not as_json:
        click.echo(text)
        click.confirm("Destroy them for good?", default=True, abort=True)
    gone = forget_everywhere(own_home(), arguments)
    facts = {
        "forgotten": len(gone),
        "segments": [one["segment"] for one in gone],
        "pieces": gone,
    }
    emit(facts, destroyed_text(len(gone)), as_json=as_json)


def _interval(minutes: float | None, start: str, end: str) -> dict[str, object]:
    """Return what is to be forgotten, as a recorder takes it."""
    from datetime import datetime

    from overt.protocol.errors import UsageError
    from overt.recorder.person.asking import instant_ns

    if (minutes is None) == (not start) or (end and not start):
        raise UsageError(
            "Which minutes are to be forgotten?",
            remedy="Give how many, or a range: overt forget --from 14:03 --to 14:10",
        )
    if minutes is not None:
        return {"minutes": minutes}
    now = datetime.now().astimezone()
    until = {"until": str(instant_ns(end, now))} if end else {}
    return {"since": str(instant_ns(start, now)), **until}


@click.command(epilog=_EXITS)
@display_option
@json_option
def stop(display: str, *, as_json: bool) -> None:
    """End the recorder of this display; all that was recorded is committed."""
    answer = recorder(display).call("stop")
    emit(answer, "Recording ends.", as_json=as_json)
