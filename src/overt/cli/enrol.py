"""`overt enrol`: from an invitation file to a device that knows whom to trust."""

from __future__ import annotations

from pathlib import Path

import click

from overt.cli.output import emit, exit_codes, json_option
from overt.cli.participant import ask_passphrase, own_home, passphrase_option
from overt.protocol.errors import (
    DataError,
    GovernError,
    NetworkError,
    SealError,
    VaultError,
)


@click.command(
    epilog=exit_codes(SealError, VaultError, GovernError, DataError, NetworkError)
)
@click.argument("invitation", type=click.Path(path_type=Path, dir_okay=False))
@passphrase_option
@json_option
def enrol(invitation: Path, passphrase_file: Path | None, *, as_json: bool) -> None:
    """Enrol this device from the INVITATION file that you were handed.

    Your keys are made here and stay here, locked by your passphrase. Nothing is
    recorded by this: you consent later, or not at all.
    """
    import time

    from overt.protocol.canonical import parse_json
    from overt.protocol.errors import UsageError
    from overt.recorder.person.enrol import enrol as enrol_here
    from overt.recorder.person.enrol import load_programme, read_invitation
    from overt.recorder.person.vault_client import VaultClient

    try:
        raw = invitation.read_bytes()
    except OSError as error:
        raise UsageError(f"{invitation} cannot be read: {error.strerror}.") from error
    body = parse_json(raw, what="The invitation")
    admitted = read_invitation(body, now_utc_s=int(time.time()))
    passphrase = ask_passphrase(passphrase_file, new=True)
    home = own_home()
    with VaultClient(admitted.server) as client:
        enrolment = enrol_here(home, admitted, passphrase, client)
    programme = load_programme(home, enrolment)
    facts = {
        "person": enrolment.person,
        "device": enrolment.device,
        "programme": programme.programme,
        "title": programme.title,
        "server": enrolment.server,
    }
    text = (
        f"Enrolled in “{programme.title}” of {programme.controller}.\n"
        f"Your pseudonym: {enrolment.person}\n"
        f"This device: {enrolment.device}\n"
        "Note both: with them you get back what you sent, should you lose the device.\n"
        "Read the notice and decide: overt consent show"
    )
    emit(facts, text, as_json=as_json)
