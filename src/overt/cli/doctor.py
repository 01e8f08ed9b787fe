"""`overt doctor`: what is missing to record here, and how to mend it."""

from __future__ import annotations

import os
import shutil
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

import click

from overt.cli.output import emit, exit_codes, json_option
from overt.cli.participant import display_option, own_home, person
from overt.protocol.errors import CaptureError, OvertError

if TYPE_CHECKING:
    from collections.abc import Iterator

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        what: What was looked at.
        state: `ok`; `warn`: recording works with less; `bad`: it does not.
        text: What is the case, and how to mend it.
    """

    what: str
    state: Literal["ok", "warn", "bad"]
    text: str


@click.command(epilog=exit_codes(CaptureError))
@display_option
@json_option
def doctor(display: str, *, as_json: bool) -> None:
    """Say what is missing to record here, and how to mend it.

    Ends with exit code 4 if recording is not possible.
    """
    found = [*_display(display), *_accessibility(), *_browser(), *_home(), *_papers()]
    lines = [f"{one.state:4} {one.what}: {one.text}" for one in found]
    emit(
        {"findings": [asdict(one) for one in found]}, "\n".join(lines), as_json=as_json
    )
    if any(one.state == "bad" for one in found):
        raise click.exceptions.Exit(CaptureError.exit_code)


def _display(display: str) -> Iterator[Finding]:
    from overt.desktop.x11.probe import missing

    problems = missing(display or None)
    for problem in problems:
        yield Finding("display", "bad", problem)
    if not problems:
        yield Finding("display", "ok", f"{display} has all that recording needs.")


def _accessibility() -> Iterator[Finding]:
    from overt.desktop.a11y.accessibility import Accessibility

    lost = "no roles, no URLs, and no key contents are recorded."
    remedy = "Install at-spi2-core and dbus, and log in to a desktop session."
    if not os.environ.get("DBUS_SESSION_BUS_ADDRESS"):
        yield Finding("accessibility", "warn", f"No session bus: {lost} {remedy}")
        return
    try:
        Accessibility().close()
    except OvertError as error:
        yield Finding("accessibility", "warn", f"{error} So {lost}")
    else:
        yield Finding("accessibility", "ok", "The accessibility bus answers.")


def _browser() -> Iterator[Finding]:
    paths = [path for name in BROWSERS if (path := shutil.which(name))]
    if not paths:
        text = "No Chromium found; on Debian: apt install chromium"
        yield Finding("browser", "warn", text)
    elif os.path.realpath(paths[0]).endswith("/snap"):
        text = "Chromium is a snap, which hides its windows' facts; use a package."
        yield Finding("browser", "warn", text)
    else:
        yield Finding("browser", "ok", "Chromium is there.")


def _home() -> Iterator[Finding]:
    home = own_home()
    problems = home.problems()
    for problem in problems:
        yield Finding("home", "bad", problem)
    if not problems:
        yield Finding("home", "ok", "Your folder is yours alone.")
    yield Finding(
        "keys",
        "ok",
        "They are locked by your passphrase; who knows it and has this disk opens all.",
    )


def _papers() -> Iterator[Finding]:
    from overt.recorder.person.consenting import standing
    from overt.recorder.person.identity import public_halves
    from overt.recorder.person.vault_client import VaultClient

    try:
        here = person()
        now = standing(here.home, public_halves(here.home).device)
    except OvertError as error:
        yield Finding("enrolment", "bad", str(error))
        return
    yield Finding("enrolment", "ok", f"Enrolled in “{here.programme.title}”.")
    if now.consent is None or now.withdrawn:
        text = "No consent stands. To consent: overt consent give"
        yield Finding("consent", "bad", text)
    else:
        yield Finding("consent", "ok", f"Given on {now.consent.given_utc}.")
    if not here.programme.dpia_covers_this:
        yield Finding("dpia", "bad", "No signed DPIA covers the programme.")
    try:
        with VaultClient(here.enrolment.server) as client:
            client.health()
    except OvertError as error:
        yield Finding("server", "bad", str(error))
    else:
        yield Finding("server", "ok", f"{here.enrolment.server} answers.")
