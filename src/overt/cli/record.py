"""`overt record`: record a display, visibly, until you end it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from overt.cli.output import emit, exit_codes, json_option
from overt.cli.participant import display_option, passphrase_option, person, warn
from overt.protocol.errors import CaptureError, ConsentError, DataError, SealError

if TYPE_CHECKING:
    from pathlib import Path

    from overt.cli.participant import Person
    from overt.recorder.person.identity import Identity


@click.command(epilog=exit_codes(ConsentError, CaptureError, SealError, DataError))
@click.option("--window", is_flag=True, help="Ask you in a window, as at log-in.")
@display_option
@passphrase_option
@json_option
def record(
    display: str, passphrase_file: Path | None, *, window: bool, as_json: bool
) -> None:
    """Record this display: unlock your keys, and an indicator says what goes on.

    Only what the programme allows and you agreed to is recorded, sealed to your own
    key. It ends with Ctrl+C or `overt stop`, and by itself when your consent, the
    server's word or the indicator is gone (exit codes 3 and 4).
    """
    from overt.recorder.person.run import Participant
    from overt.recorder.person.run import record as record_display

    here = person()
    identity = _asked(here, display) if window else here.unlock(passphrase_file)

    def tell(session: str) -> None:
        emit(
            {"session": session, "display": display, "state": "recording"},
            f"Recording {display} as {session}. End it with Ctrl+C or: overt stop",
            as_json=as_json,
        )

    with here.client(identity) as client:
        who = Participant(here.home, here.enrolment, identity, client)
        warn(here, client)
        session = record_display(who, display, ready=tell)
    facts = {"session": session, "display": display, "state": "ended"}
    emit(facts, "Recording has ended. See what waits: overt review", as_json=as_json)


def _asked(here: Person, display: str) -> Identity:
    """Return the keys once their owner has unlocked them in a window.

    Raises:
        CaptureError: There is no way to show a window.
        ConsentError: They did not.
    """
    from overt.recorder.person.hardening import harden
    from overt.recorder.person.identity import unlock
    from overt.recorder.person.keychain import kept_passphrase

    harden()
    try:
        from overt.recorder.person.unlockwindow import ask
    except ImportError as error:
        raise CaptureError(
            "Windows need Tk, which is not installed.",
            remedy="On Debian: apt install python3-tk. Or run: overt record",
        ) from error
    title, kept = here.programme.title, kept_passphrase(here.enrolment.device)
    passphrase = ask(display, title, kept)
    if passphrase is None:
        raise ConsentError("You did not unlock your keys, so nothing is recorded.")
    return unlock(here.home, passphrase)
