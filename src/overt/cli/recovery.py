"""`overt recovery`: read with a new key what a lost device recorded.

Input: the new device's keys and what was noted of the lost one; the representative's
key; an objecting device's keys. Output: a document that both sign, its notice on the
vault's log, or an end to it. Nothing opens before seven days after the notice.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from overt.cli.options import (
    FILE,
    NEW_FILE,
    folder_option,
    key_option,
    open_caller,
    server_option,
)
from overt.cli.output import emit, exit_codes, json_option, plain
from overt.cli.participant import passphrase_option, person
from overt.protocol.errors import (
    ConsentError,
    DataError,
    GovernError,
    NetworkError,
    SealError,
    VaultError,
)

if TYPE_CHECKING:
    from pathlib import Path


@click.group()
def recovery() -> None:
    """Read with a new key what a lost device of yours sent; stop who tries it."""


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


@recovery.command(epilog=exit_codes(ConsentError, SealError, DataError))
@click.option(
    "--person", "pseudonym", required=True, help="Your pseudonym on the lost device."
)
@click.option("--recorded-by", required=True, help="Id of the lost device.")
@click.option("-o", "--output", type=NEW_FILE, required=True, help="File to write.")
@passphrase_option
@json_option
def ask(
    pseudonym: str,
    recorded_by: str,
    output: Path,
    passphrase_file: Path | None,
    *,
    as_json: bool,
) -> None:
    """Write a request that the representative signs beside this device.

    Hand it over in person: that it is you is what they vouch for. Pseudonym and
    device id are what `overt enrol` printed on the lost device.
    """
    from overt.cli.files import check_output, write_json
    from overt.protocol.canonical import b64
    from overt.protocol.ids import check_id, new_id
    from overt.protocol.recovery import Recovery, sign_recovery
    from overt.protocol.signing import public_text

    check_id(pseudonym, "part")
    check_id(recorded_by, "dev")
    check_output(output)
    here = person()
    identity = here.unlock(passphrase_file)
    asked = Recovery(
        new_id("rcv"),
        here.programme.programme,
        pseudonym,
        recorded_by,
        public_text(identity.device.public_key()),
        b64(identity.own.public.raw),
        _now(),
    )
    write_json(output, sign_recovery(asked, identity.device))
    facts = {"recovery": asked.recovery, "file": str(output)}
    text = f"{output} asks for it. Hand it to your representative in person."
    emit(facts, text, as_json=as_json)


@recovery.command(
    epilog=exit_codes(SealError, VaultError, GovernError, DataError, NetworkError)
)
@click.argument("file", type=FILE)
@server_option
@key_option
@folder_option
@passphrase_option
@click.option("--yes", is_flag=True, help="You know the person; do not ask.")
@json_option
def cosign(
    file: Path,
    server: str,
    key_file: Path,
    folder: Path,
    passphrase_file: Path | None,
    *,
    yes: bool,
    as_json: bool,
) -> None:
    """Sign FILE, a recovery, as the representative, and have its notice given.

    You vouch that whoever handed it to you is the person to whom you gave the
    invitation with that pseudonym. From the notice on, every device of theirs has
    seven days to object.
    """
    from overt.cli.files import read_json
    from overt.cli.founding import read_programme
    from overt.protocol import routes
    from overt.protocol.recovery import (
        asked_recovery,
        cosign_recovery,
        verify_recovery,
    )

    _, _, programme = read_programme(folder)
    document = read_json(file, what="The recovery")
    asked = asked_recovery(document)
    click.echo(
        f"The new device {asked.device} asks to read what {asked.recorded_by}"
        f" recorded of {asked.person}.",
        err=True,
    )
    if not yes:
        click.confirm("Are you sure that it is them?", abort=True, err=True)
    caller, key = open_caller(server, key_file, passphrase_file)
    signed = cosign_recovery(document, key)
    verify_recovery(signed, programme)
    answer = caller.send("POST", routes.RECOVERIES, signed)
    opens = plain(str(answer["opens_utc"]))
    emit(answer, f"Notice is given; it opens at {opens}.", as_json=as_json)


@recovery.command("object", epilog=exit_codes(ConsentError, SealError, NetworkError))
@click.argument("name", metavar="ID")
@passphrase_option
@json_option
def object_(name: str, passphrase_file: Path | None, *, as_json: bool) -> None:
    """Stop recovery ID: it is not you who asks. `overt who-read` names it.

    It is stopped for good once this command says so. If the vault does not answer, tell
    the representative.
    """
    from overt.protocol.recovery import Objection, sign_objection
    from overt.protocol.signing import public_text

    here = person()
    identity = here.unlock(passphrase_file)
    key = public_text(identity.device.public_key())
    objection = Objection(name, here.programme.programme, key, _now())
    document = sign_objection(objection, identity.device)
    with here.client(identity) as client:
        answer = client.object_recovery(document)
    emit(answer, f"Recovery {plain(name)} is stopped.", as_json=as_json)
