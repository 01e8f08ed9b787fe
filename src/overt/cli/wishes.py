"""`overt never|limits`: what a participant asks of their recorder on this device."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import click

from overt.cli.output import emit, exit_codes, json_option, plain
from overt.cli.participant import own_home
from overt.protocol.errors import CaptureError, DataError

if TYPE_CHECKING:
    from overt.recorder.person.wishes import Never, Wishes

_EXITS = exit_codes(CaptureError, DataError)
_LEVEL = click.option(
    "--level",
    type=click.Choice(["off", "masked", "words"]),
    default="off",
    help="The most that may be recorded of it; nothing by default.",
)


@click.group()
def never() -> None:
    """Say what is never recorded here, whatever the programme allows.

    It stays on this device, is told to nobody, and a recorder that runs obeys at once.
    """


@never.command(epilog=_EXITS)
@click.argument("name")
@_LEVEL
@json_option
def app(name: str, level: str, *, as_json: bool) -> None:
    """Never record an app: NAME is its window class, as in `overt never list`."""
    from overt.protocol.records import Level
    from overt.recorder.person.wishes import Never

    _add(Never(app=name, level=Level(level)), as_json=as_json)


@never.command(epilog=_EXITS)
@click.argument("host")
@_LEVEL
@json_option
def site(host: str, level: str, *, as_json: bool) -> None:
    """Never record a site: HOST like example.org, its subdomains included."""
    from overt.protocol.records import Level
    from overt.recorder.person.wishes import Never

    _add(Never(site=host, level=Level(level)), as_json=as_json)


@never.command(epilog=_EXITS)
@click.argument("title")
@_LEVEL
@json_option
def window(title: str, level: str, *, as_json: bool) -> None:
    """Never record the window with exactly this TITLE."""
    from overt.protocol.records import Level
    from overt.recorder.person.wishes import Never

    _add(Never(title=title, level=Level(level)), as_json=as_json)


@never.command("list", epilog=_EXITS)
@json_option
def list_wishes(*, as_json: bool) -> None:
    """List your wishes, numbered, and the windows that are open now."""
    from overt.recorder.person.wishes import read_wishes

    _tell(read_wishes(own_home()), as_json=as_json)


@never.command(epilog=_EXITS)
@click.argument("number", type=click.IntRange(min=1))
@json_option
def remove(number: int, *, as_json: bool) -> None:
    """Take a wish back, by its NUMBER; the programme's own rules stay."""
    from overt.recorder.person.wishes import drop_never

    _tell(drop_never(own_home(), number), as_json=as_json)


def _add(wish: Never, *, as_json: bool) -> None:
    from overt.recorder.person.wishes import add_never

    home = own_home()
    home.prepare()
    _tell(add_never(home, wish), as_json=as_json)


def _tell(wishes: Wishes, *, as_json: bool) -> None:
    lines = [f"{place}  {_wish_text(one)}" for place, one in enumerate(wishes.never, 1)]
    open_now = _windows()
    lines = lines or ["You have not excluded anything. For example: overt never app X"]
    lines += [f"Open now: {plain(app)}" for app in open_now]
    facts = {"never": [asdict(one) for one in wishes.never], "open": open_now}
    emit(facts, "\n".join(lines), as_json=as_json)


def _wish_text(wish: Never) -> str:
    what = [
        f"{name} {plain(value)}"
        for name, value in (("app", wish.app), ("site", wish.site))
        if value
    ]
    what += [f"window “{plain(wish.title)}”"] if wish.title else []
    at_most = "never" if wish.level == "off" else f"at most {wish.level}"
    return f"{at_most}: {', '.join(what)}"


def _windows() -> list[str]:
    """Return the classes of the windows at every display that is recorded."""
    from overt.recorder.person.control import ControlClient, recorded_displays

    home, found = own_home(), set[str]()
    for display in recorded_displays(home):
        answer = ControlClient(home, display).call("windows")
        found |= {one["app"] for one in answer["windows"] if one["app"]}
    return sorted(found)


@click.command(epilog=_EXITS)
@click.option("--cpu-percent", type=click.IntRange(min=0), help="Of one core; 0: any.")
@click.option("--disk-mb", type=click.IntRange(min=0), help="Recordings here; 0: any.")
@click.option("--upload-mb-day", type=click.IntRange(min=0), help="Sent a day; 0: any.")
@click.option("--on-battery/--not-on-battery", default=None, help="Record there.")
@click.option("--on-metered/--not-on-metered", default=None, help="Send there.")
@click.option("--expire-days", type=click.IntRange(1, 365), help="Until unseen goes.")
@click.option("--hold-back-h", type=click.IntRange(0, 720), help="Wait before sending.")
@click.option("--daily/--no-daily", "sends_daily", default=None, help="Send by itself.")
@json_option
def limits(*, as_json: bool, **given: int | None) -> None:
    """Show your limits, or set those that you name.

    When one is reached the recorder pauses and says so. With `--daily`, what you
    approved leaves by itself, at a time of the day drawn anew each day, once it has
    waited for the hours of `--hold-back-h`; `overt send` sends at once.
    """
    from overt.recorder.person.wishes import read_wishes, write_wishes

    home = own_home()
    wishes = read_wishes(home)
    named = {name: value for name, value in given.items() if value is not None}
    budgets = asdict(wishes.budgets)
    costs = {name: named.pop(name) for name in list(named) if name in budgets}
    changed = replace(
        wishes,
        budgets=replace(wishes.budgets, **costs),  # type: ignore[arg-type]
        **named,  # type: ignore[arg-type] # Click checked each
    )
    if changed != wishes:
        home.prepare()
        write_wishes(home, changed)
    facts = asdict(changed)
    del facts["never"]
    facts |= facts.pop("budgets")
    emit(facts, as_json=as_json)
