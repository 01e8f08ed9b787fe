"""`overt programme`: create (the key ceremony), show, invite, halt, resume."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import click

from overt.cli.changing import change
from overt.cli.files import check_output, read_json, read_text, write_json
from overt.cli.members import open_key, read_passphrase
from overt.cli.options import (
    FILE,
    NEW_FILE,
    NEW_FOLDER,
    broker_option,
    check_server_or_file,
    folder_option,
    key_option,
    server_option,
    server_or_file,
)
from overt.cli.output import emit, exit_codes, json_option, plain
from overt.cli.participant import passphrase_option
from overt.protocol.errors import (
    DataError,
    GovernError,
    NetworkError,
    SealError,
    UsageError,
    VaultError,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from overt.cli.calling import Caller
    from overt.protocol.canonical import Json
    from overt.protocol.programme import Anchor, Programme

_CALLS = exit_codes(SealError, DataError, VaultError, GovernError, NetworkError)


@click.group()
def programme() -> None:
    """Set a programme up, invite people, halt it."""


programme.add_command(change)


@programme.command(epilog=exit_codes(DataError))
@click.argument("file", type=FILE)
@click.option(
    "--services",
    type=FILE,
    required=True,
    help="The vault's services.json, from `overt serve --init`.",
)
@click.option(
    "-o",
    "--output",
    type=NEW_FOLDER,
    required=True,
    help="The programme's folder; written whole or not at all.",
)
@click.option(
    "--holder",
    "holders",
    multiple=True,
    required=True,
    help="Who holds a programme key: two stewards and the representative, say.",
)
@passphrase_option
@json_option
def create(
    file: Path,
    services: Path,
    output: Path,
    holders: tuple[str, ...],
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Create and sign a programme from FILE (TOML): the key ceremony.

    Each holder sits down at this machine in turn and sets a passphrase of their own.
    The keys then go where their holders keep them, and not onto the server.
    """
    from overt.cli.founding import check_holders, hold_ceremony

    draft = _draft(file, read_json(services, what="The services file"))
    check_holders(holders, draft, output)
    files = hold_ceremony(draft, holders, output, passphrase_file)
    emit(
        {
            "programme": draft.programme,
            "version": draft.version,
            "configuration_digest": draft.configuration_digest,
            "threshold": draft.threshold,
            "files": files,
        },
        as_json=as_json,
    )


def _draft(file: Path, services: dict[str, str]) -> Programme:
    """Return the programme that a TOML file says.

    Raises:
        UsageError: It is malformed; the message names the file and what is wrong.
    """
    from overt.protocol.ids import new_id
    from overt.protocol.programme import programme_from_toml
    from overt.vault.govern.policy import policies_digest

    text, name = read_text(file), new_id("prog")
    try:
        return programme_from_toml(
            text, programme=name, services=services, policies=policies_digest()
        )
    except UsageError as error:
        said = str(error).removesuffix(error.remedy).rstrip()
        remedy = error.remedy or "Mend the file; nothing was written."
        raise UsageError(f"{file}: {said}", remedy=remedy) from error


@programme.command(epilog=exit_codes(SealError, DataError))
@folder_option
@json_option
def show(folder: Path, as_json: bool) -> None:
    """Show what a programme says, after checking its signatures."""
    from overt.cli.founding import read_programme
    from overt.cli.told import told
    from overt.protocol.programme import programme_json

    _, _, found = read_programme(folder)
    body = programme_json(found) | {"dpia_covers_this": found.dpia_covers_this}
    emit(body, "\n".join(map(plain, told(found))), as_json=as_json)


@programme.command(epilog=_CALLS)
@folder_option
@server_option
@broker_option
@key_option
@click.option(
    "--programme-key",
    "holders",
    type=FILE,
    multiple=True,
    required=True,
    help="Key file of a programme key holder; as many as the threshold.",
)
@click.option(
    "-o",
    "--output",
    type=NEW_FILE,
    required=True,
    help="The invitation to write; the representative hands it out.",
)
@click.option(
    "--days",
    type=click.IntRange(min=0, max=365),
    default=14,
    show_default=True,
    help="For how long it admits.",
)
@passphrase_option
@json_option
def invite(
    folder: Path,
    server: str,
    broker: str,
    key_file: Path,
    holders: tuple[Path, ...],
    output: Path,
    days: int,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Write an invitation file, for the representative to hand out.

    overt keeps no list of who was invited: the file names a pseudonym only.
    """
    from overt.cli.calling import Caller
    from overt.cli.founding import read_programme
    from overt.protocol.canonical import unb64
    from overt.protocol.invitation import Invitation, invitation_json, sign_person_key
    from overt.protocol.sealing import SealingPublicKey

    anchor, _, found = read_programme(folder)
    check_output(output)
    # each has a passphrase of their own: steward and holders are asked in turn
    member, *signers = [
        open_key(path, read_passphrase(passphrase_file, what=path.name))
        for path in (key_file, *holders)
    ]
    _check_signers(anchor, len(signers))
    person, public = _person(Caller(broker, member))
    key = SealingPublicKey(unb64(public, what="a vault key"))
    person_key = sign_person_key(found.programme, person, key, signers)
    anchor.verify(person_key, "person-key.v1")
    expires = int(time.time()) + days * 86400
    code = _admit(Caller(server, member), person, person_key, expires)
    invitation = Invitation(anchor, server, person, code, person_key, expires)
    write_json(output, invitation_json(invitation))
    emit(
        {"invitation": str(output), "person": person, "expires_utc_s": expires},
        as_json=as_json,
    )


def _check_signers(anchor: Anchor, count: int) -> None:
    if count < anchor.threshold:
        raise GovernError(
            f"{anchor.threshold} programme keys must sign; {count} are named.",
            remedy="Give --programme-key once for each of them.",
        )


def _person(broker: Caller) -> tuple[str, str]:
    """Have a pseudonym made; return it and the public half of its vault key."""
    from overt.protocol import routes
    from overt.protocol.ids import check_id

    pair = broker.send("POST", routes.PERSON_KEYS, {})
    return check_id(str(pair.get("person")), "part"), str(pair.get("public"))


def _admit(vault: Caller, person: str, person_key: Json, expires_utc_s: int) -> str:
    """Let the vault admit whoever has the code; it learns the code's hash only."""
    from overt.protocol import routes

    code = base64.b32encode(secrets.token_bytes(20)).decode()
    body = {
        "person": person,
        "code_sha256": hashlib.sha256(code.encode()).hexdigest(),
        "person_key": person_key,
        "expires_utc_s": expires_utc_s,
    }
    vault.send("POST", routes.INVITATIONS, body)
    return code


def _order_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        json_option,
        passphrase_option,
        click.option(
            "-o",
            "--output",
            type=NEW_FILE,
            help="Write the signed order for the server's pages; send nothing.",
        ),
        click.option("--why", required=True, help="The reason; participants read it."),
        server_or_file,
        folder_option,
    ):
        command = option(command)
    return command


@programme.command(epilog=_CALLS)
@_order_options
@click.option(
    "--could-read",
    default="",
    help="After an exposure: who could read what. Consent is then asked afresh.",
)
@click.option(
    "--next-word", default="", help="When participants hear more: 2026-11-24T10:00:00Z."
)
@key_option
def halt(
    folder: Path,
    server: str,
    key_file: Path,
    why: str,
    could_read: str,
    next_word: str,
    output: Path | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Halt recording and reading at once. One steward or representative suffices."""
    check_server_or_file(server, output)
    told = (could_read, next_word)
    order, key = _order(folder, "halted", why, (key_file,), passphrase_file, told)
    _hand_in(order, key, server, output, as_json=as_json)


@programme.command(epilog=_CALLS)
@_order_options
@click.option(
    "--as",
    "key_files",
    type=FILE,
    multiple=True,
    required=True,
    help="Key file of a steward or representative; two people's.",
)
def resume(
    folder: Path,
    server: str,
    key_files: tuple[Path, ...],
    why: str,
    output: Path | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Lift a halt. It takes two people and a written reason."""
    check_server_or_file(server, output)
    order, key = _order(folder, "running", why, key_files, passphrase_file)
    _hand_in(order, key, server, output, as_json=as_json)


def _order(
    folder: Path,
    state: Literal["halted", "running"],
    why: str,
    key_files: tuple[Path, ...],
    passphrase_file: Path | None,
    told: tuple[str, str] = ("", ""),
) -> tuple[Json, Ed25519PrivateKey]:
    """Return a signed order that holds, and the key of who sends it."""
    from overt.cli.founding import read_programme
    from overt.protocol.halt import HaltOrder, sign_halt, verify_halt

    _, _, found = read_programme(folder)
    keys = [
        open_key(path, read_passphrase(passphrase_file, what=path.name))
        for path in key_files
    ]
    given = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    order = HaltOrder(found.programme, state, why, given, next_word_utc=told[1])
    if told[0]:
        notice = found.notice.version
        order = replace(order, cause="exposure", could_read=told[0], notice=notice)
    signed = sign_halt(order, keys)
    verify_halt(signed, found)
    return signed, keys[0]


def _hand_in(
    order: Json,
    key: Ed25519PrivateKey,
    server: str,
    output: Path | None,
    *,
    as_json: bool,
) -> None:
    from overt.cli.calling import Caller
    from overt.protocol import routes

    if output is None:
        answer = Caller(server, key).send("POST", routes.HALTS, order)
        state = plain(str(answer.get("state")))
        emit(answer, f"The programme is {state}.", as_json=as_json)
        return
    write_json(output, order)
    text = f"{output} holds the signed order; hand it in within 24 hours."
    emit({"file": str(output)}, text, as_json=as_json)
