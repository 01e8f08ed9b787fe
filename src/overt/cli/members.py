"""Members' keys as files: made, kept under a passphrase, opened for one command.

Input: a key file and where its passphrase is. Output: an Ed25519 key. A passphrase
comes from `--passphrase-file`, from OVERT_PASSPHRASE_FILE, or from a prompt.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from overt.protocol.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from overt.protocol.canonical import Json

MIN_PASSPHRASE = 8


def passphrase_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--passphrase-file`."""
    return click.option(
        "--passphrase-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        envvar="OVERT_PASSPHRASE_FILE",
        help="File whose first line is the passphrase; else it is asked for.",
    )(command)


def read_passphrase(file: Path | None, *, what: str, confirm: bool = False) -> str:
    """Return a passphrase from a file or a prompt.

    Raises:
        UsageError: It is too short, or there is nobody to ask.
    """
    if file is not None:
        passphrase = (file.read_text(encoding="utf-8").splitlines() or [""])[0]
    elif not os.isatty(0):
        raise UsageError(
            f"The passphrase of {what} is needed and nobody can be asked.",
            remedy="Use --passphrase-file.",
        )
    else:
        passphrase = click.prompt(
            f"Passphrase of {what}",
            hide_input=True,
            confirmation_prompt=confirm,
            err=True,
        )
    if len(passphrase) < MIN_PASSPHRASE:
        raise UsageError(f"A passphrase needs at least {MIN_PASSPHRASE} characters.")
    return passphrase


def read_json(path: Path, *, what: str) -> Json:
    """Return the JSON object in a file.

    Raises:
        DataError: It is no JSON object.
        UsageError: The file cannot be read.
    """
    from overt.protocol.canonical import parse_json

    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    return parse_json(data, what=f"{what} ({path.name})")


def write_json(path: Path, body: Json, *, mode: int = 0o600) -> None:
    """Write a JSON file whole or not at all.

    Raises:
        UsageError: It cannot be written.
    """
    import json

    temporary = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(body, file, indent=1, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise UsageError(f"{path} cannot be written: {error.strerror}.") from error


def make_key(name: str, path: Path, passphrase: str) -> Json:
    """Make an Ed25519 key under a passphrase; return its public description.

    Raises:
        UsageError: The file is there already or cannot be written.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from overt.protocol.keyfile import lock_secret
    from overt.protocol.signing import public_text

    if path.exists():
        raise UsageError(f"{path} is there already; a key is never overwritten.")
    key = Ed25519PrivateKey.generate()
    about = {"kind": "ed25519", "name": name, "public": public_text(key.public_key())}
    write_json(path, lock_secret(key.private_bytes_raw(), passphrase, about))
    return about


def open_key(path: Path, passphrase: str) -> Ed25519PrivateKey:
    """Open an Ed25519 key file.

    Raises:
        SealError: The passphrase is wrong.
        DataError: It is no such key file.
        UsageError: It cannot be read.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from overt.protocol.keyfile import unlock_secret

    secret = unlock_secret(read_json(path, what="The key file"), passphrase)
    return Ed25519PrivateKey.from_private_bytes(secret)


def key_public(path: Path) -> str:
    """Return the public half that a key file states, base64url.

    Raises:
        DataError: It is no key file.
        UsageError: It cannot be read.
    """
    body = read_json(path, what="The key file")
    try:
        return str(body["about"]["public"])
    except (KeyError, TypeError) as error:
        raise UsageError(f"{path} is not an overt key file.") from error
