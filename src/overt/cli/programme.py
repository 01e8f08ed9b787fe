"""`overt programme`: create (the key ceremony), show, invite, halt, resume."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from overt.cli.members import (
    make_key,
    open_key,
    passphrase_option,
    read_json,
    read_passphrase,
    write_json,
)
from overt.cli.output import emit, exit_codes, json_option
from overt.protocol.errors import GovernError, NetworkError, SealError, UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from overt.protocol.canonical import Json
    from overt.protocol.programme import Anchor, Programme

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_AS = click.option("--as", "key_file", type=FILE, required=True, help="Your key file.")
_SERVER = click.option(
    "--server", envvar="OVERT_SERVER", required=True, help="Base URL of the vault."
)
_HOLDERS = click.option(
    "--programme-key",
    "holders",
    type=FILE,
    multiple=True,
    required=True,
    help="Key file of a programme key holder; as many as the threshold.",
)


@click.group()
def programme() -> None:
    """Set a programme up, invite people, halt it."""


@programme.command(epilog=exit_codes())
@click.argument("file", type=FILE)
@click.option(
    "--services", type=FILE, required=True, help="services.json of the vault."
)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
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
    from dataclasses import asdict

    from overt.protocol.ids import new_id
    from overt.protocol.programme import Anchor, programme_from_toml, sign_programme

    text, keys_of_services = _read_toml(file), read_json(services, what="The services")
    try:
        draft = programme_from_toml(
            text, programme=new_id("prog"), services=keys_of_services
        )
    except UsageError as error:
        said = Exception.__str__(error)  # without the remedy
        raise UsageError(f"{file}: {said}", remedy=error.remedy) from error
    if len(set(holders)) < draft.threshold:
        raise UsageError(
            f"{draft.threshold} holders must sign; {len(set(holders))} are named."
        )
    keys = _ceremony(output, holders, passphrase_file)
    signers = [open_key(path, phrase) for path, phrase, _ in keys][: draft.threshold]
    anchor = Anchor(
        draft.programme, tuple(public for *_, public in keys), draft.threshold
    )
    write_json(output / "programme.json", sign_programme(draft, signers), mode=0o644)
    write_json(output / "anchor.json", asdict(anchor), mode=0o644)
    emit(
        {
            "programme": draft.programme,
            "version": draft.version,
            "configuration_digest": draft.configuration_digest,
            "threshold": draft.threshold,
            "files": [str(output / name) for name in ("programme.json", "anchor.json")],
        },
        as_json=as_json,
    )


def _read_toml(file: Path) -> str:
    """Return a programme file's text.

    Raises:
        UsageError: It is not TOML; the message names the file and the line.
    """
    import tomllib

    remedy = "Mend the file; nothing was written."
    try:
        text = file.read_text(encoding="utf-8")
        tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is not UTF-8 text.", remedy=remedy) from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{file} is not TOML: {error}.", remedy=remedy) from error
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from error
    return text


def _ceremony(
    output: Path, holders: tuple[str, ...], passphrase_file: Path | None
) -> list[tuple[Path, str, str]]:
    """Make each holder's key; return file, passphrase and public half."""
    keys = []
    for number, holder in enumerate(dict.fromkeys(holders), 1):
        click.echo(f"Key {number} of {len(holders)}: {holder}.", err=True)
        phrase = read_passphrase(
            passphrase_file, what=f"{holder}'s programme key", confirm=True
        )
        path = output / "keys" / f"programme-{holder}.key"
        keys.append((path, phrase, str(make_key(holder, path, phrase)["public"])))
    return keys


def read_programme(folder: Path) -> tuple[Anchor, Json, Programme]:
    """Return anchor, signed document and verified programme of a folder.

    Raises:
        UsageError: A file is missing.
        SealError: The document is not signed by the anchor's keys.
        DataError: A file is malformed.
    """
    from overt.protocol.programme import Anchor

    body = read_json(folder / "anchor.json", what="The anchor")
    try:
        anchor = Anchor(body["programme"], tuple(body["keys"]), body["threshold"])
    except (KeyError, TypeError) as error:
        raise UsageError(f"{folder / 'anchor.json'} is malformed.") from error
    document = read_json(folder / "programme.json", what="The programme")
    return anchor, document, anchor.programme_of(document)


_FOLDER = click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="The folder that `programme create` wrote.",
)


@programme.command(epilog=exit_codes(SealError))
@_FOLDER
@json_option
def show(folder: Path, as_json: bool) -> None:
    """Show what a programme says, after checking its signatures."""
    from overt.protocol.programme import programme_json

    _, _, found = read_programme(folder)
    body = programme_json(found) | {"dpia_covers_this": found.dpia_covers_this}
    lines = [
        f"{found.title} ({found.programme}, version {found.version})",
        f"controller: {found.controller}",
        *(f"purpose {item.id}: {item.title}" for item in found.purposes),
        f"notice {found.notice.version}: {found.notice.digest[:16]}",
        f"DPIA {found.dpia.reference}: covers this configuration: "
        + ("yes" if found.dpia_covers_this else "NO"),
        *(
            f"recorded: {rule.app} {rule.url or ''} at {rule.level}"
            for rule in found.allow
        ),
        "everything else: not recorded",
        *(f"{item.name}: {', '.join(item.roles)}" for item in found.roster),
    ]
    emit(body, "\n".join(lines), as_json=as_json)


@programme.command(epilog=exit_codes(GovernError, NetworkError))
@_FOLDER
@_SERVER
@click.option(
    "--broker", envvar="OVERT_BROKER", required=True, help="URL of the broker."
)
@_AS
@_HOLDERS
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
@click.option("--days", default=14, show_default=True, help="For how long it admits.")
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
    from overt.protocol import routes
    from overt.protocol.canonical import unb64
    from overt.protocol.programme import (
        Invitation,
        invitation_json,
        sign_person_key,
    )
    from overt.protocol.sealing import SealingPublicKey

    anchor, _, found = read_programme(folder)
    phrase = read_passphrase(passphrase_file, what=key_file.name)
    member = open_key(key_file, phrase)
    pair = Caller(broker, member).send("POST", routes.PERSON_KEYS, {})
    public = SealingPublicKey(unb64(str(pair["public"]), what="a vault key"))
    person_key = sign_person_key(
        found.programme, str(pair["person"]), public, _open_all(holders, phrase)
    )
    code = base64.b32encode(secrets.token_bytes(20)).decode()
    expires = int(time.time()) + days * 86400
    Caller(server, member).send(
        "POST",
        routes.INVITATIONS,
        {
            "person": pair["person"],
            "code_sha256": hashlib.sha256(code.encode()).hexdigest(),
            "person_key": person_key,
            "expires_utc_s": expires,
        },
    )
    invitation = Invitation(
        anchor, server, str(pair["person"]), code, person_key, expires
    )
    write_json(output, invitation_json(invitation))
    emit(
        {"invitation": str(output), "person": pair["person"], "expires_utc_s": expires},
        as_json=as_json,
    )


def _open_all(holders: tuple[Path, ...], phrase: str) -> list[Ed25519PrivateKey]:
    return [open_key(path, phrase) for path in holders]


@programme.command(epilog=exit_codes(GovernError, NetworkError))
@_FOLDER
@_SERVER
@_AS
@click.option("--why", required=True, help="Participants read it.")
@passphrase_option
@json_option
def halt(
    folder: Path,
    server: str,
    key_file: Path,
    why: str,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Halt recording and reading at once. One steward or representative suffices."""
    emit(
        _order(folder, server, "halted", why, (key_file,), passphrase_file),
        as_json=as_json,
    )


@programme.command(epilog=exit_codes(GovernError, NetworkError))
@_FOLDER
@_SERVER
@click.option(
    "--as", "key_files", type=FILE, multiple=True, required=True, help="Two key files."
)
@click.option("--why", required=True, help="Participants read it.")
@passphrase_option
@json_option
def resume(
    folder: Path,
    server: str,
    key_files: tuple[Path, ...],
    why: str,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Lift a halt. It takes two people and a written reason."""
    emit(
        _order(folder, server, "running", why, key_files, passphrase_file),
        as_json=as_json,
    )


def _order(
    folder: Path,
    server: str,
    state: Literal["halted", "running"],
    why: str,
    key_files: tuple[Path, ...],
    passphrase_file: Path | None,
) -> Json:
    from overt.cli.calling import Caller
    from overt.protocol import routes
    from overt.protocol.halt import HaltOrder, sign_halt, verify_halt

    _, _, found = read_programme(folder)
    keys = [
        open_key(path, read_passphrase(passphrase_file, what=path.name))
        for path in key_files
    ]
    given = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    order = sign_halt(HaltOrder(found.programme, state, why, given), keys)
    verify_halt(order, found)
    return Caller(server, keys[0]).send("POST", routes.HALTS, order)
