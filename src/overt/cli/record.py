"""`overt record`: record a display, visibly, until you end it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from overt.cli.output import emit, exit_codes, json_option
from overt.cli.participant import display_option, passphrase_option, person
from overt.protocol.errors import CaptureError, ConsentError, DataError, SealError

if TYPE_CHECKING:
    from pathlib import Path


@click.command(epilog=exit_codes(ConsentError, CaptureError, SealError, DataError))
@display_option
@passphrase_option
@json_option
def record(display: str, passphrase_file: Path | None, *, as_json: bool) -> None:
    """Record this display: unlock your keys, and an indicator says what goes on.

    Only what the programme allows and you agreed to is recorded, sealed to your own
    key. It ends with Ctrl+C or `overt stop`, and by itself when your consent, the
    server's word or the indicator is gone (exit codes 3 and 4).
    """
    from overt.recorder.person.run import Participant
    from overt.recorder.person.run import record as record_display

    here = person()
    identity = here.unlock(passphrase_file)

    def tell(session: str) -> None:
        emit(
            {"session": session, "display": display, "state": "recording"},
            f"Recording {display} as {session}. End it with Ctrl+C or: overt stop",
            as_json=as_json,
        )

    with here.client(identity) as client:
        who = Participant(here.home, here.enrolment, identity, client)
        session = record_display(who, display, ready=tell)
    facts = {"session": session, "display": display, "state": "ended"}
    emit(facts, "Recording has ended. See what waits: overt review", as_json=as_json)
