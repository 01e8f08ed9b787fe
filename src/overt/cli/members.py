"""Members' keys as files: made, kept under a passphrase, opened for one command.

Input: a key file and where its passphrase is. Output: an Ed25519 key. A passphrase
comes from `--passphrase-file`, from OVERT_PASSPHRASE_FILE, or from a prompt.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from overt.cli.files import check_output, read_json, write_json
from overt.protocol.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from overt.protocol.canonical import Json

MIN_PASSPHRASE = 8


def read_passphrase(file: Path | None, *, what: str, confirm: bool = False) -> str:
    """Return a passphrase from a file or a prompt.

    Raises:
        UsageError: It is too short, its file cannot be read or is open to others, or
            there is nobody to ask.
    """
    from overt.recorder.person.identity import read_passphrase as first_line

    if file is not None:
        passphrase = first_line(file)
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


def check_new(path: Path) -> None:
    """Check that a key file can be made, before a passphrase is asked for.

    Raises:
        UsageError: The file is there already or cannot be written.
    """
    if path.exists():
        raise UsageError(f"{path} is there already; a key is never overwritten.")
    check_output(path)


def make_key(name: str, path: Path, passphrase: str) -> Json:
    """Make an Ed25519 key under a passphrase; return its public description.

    Raises:
        UsageError: The file is there already or cannot be written.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from overt.protocol.keyfile import lock_secret
    from overt.protocol.signing import public_text

    check_new(path)
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
