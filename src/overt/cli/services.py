"""The service keys of a vault: made once, read by the server that needs them.

Input: a data folder. Output: `services.json` (public halves, for the programme), keys
and the service token (mode 0600), each in the folder of the process that reads it.
Made all or none; never overwritten.
"""

from __future__ import annotations

import os
import secrets
import shutil
from typing import TYPE_CHECKING, Final

from overt.cli.files import read_json, write_json
from overt.protocol.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SERVICES: Final = "services.json"
_FOLDERS: Final = {"receipt": "vault", "lease": "vault", "log": "broker"}
_TOKEN: Final = "service-token"  # noqa: S105 - a file's name


def make_services(data: Path) -> dict[str, str]:
    """Make the service keys and the service token; return the public halves.

    Raises:
        UsageError: They are there already, or cannot be written.
    """
    if (data / SERVICES).exists():
        raise UsageError(f"{data} has service keys already; they are kept.")
    made = [data / folder for folder in sorted({*_FOLDERS.values()})]
    if any(folder.exists() for folder in made):
        raise UsageError(
            f"{data} holds servers' folders without {SERVICES}.",
            remedy="Name a new folder, or bring that file back.",
        )
    try:
        return _make(data)
    except BaseException as error:
        for folder in made:
            shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, OSError):
            raise UsageError(f"{data} cannot be written: {error.strerror}.") from error
        raise


def _make(data: Path) -> dict[str, str]:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from overt.protocol.signing import public_text

    publics, token = {}, secrets.token_urlsafe(32)
    for name, folder in _FOLDERS.items():
        key = Ed25519PrivateKey.generate()
        publics[name] = public_text(key.public_key())
        _write(data / folder / f"{name}.key", key.private_bytes_raw().hex())
    for folder in {*_FOLDERS.values()}:
        _write(data / folder / _TOKEN, token)
    write_json(data / SERVICES, publics, mode=0o644)
    return publics


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def check_services(data: Path, programme: Path) -> None:
    """Check that a data folder's keys are those that a programme names.

    Raises:
        UsageError: There are none, or the programme names others.
        SealError: The programme is not signed by its keys.
        DataError: A file is malformed.
    """
    from overt.cli.founding import read_programme

    if not (data / SERVICES).exists():
        raise UsageError(
            f"{data} has no service keys.", remedy=f"overt serve --data {data} --init"
        )
    _, _, found = read_programme(programme)
    if read_json(data / SERVICES, what="The services file") != found.services:
        raise UsageError(
            f"The programme in {programme} names other service keys than {data} has.",
            remedy="Serve it from the folder whose services.json it was made with.",
        )


def read_service_key(data: Path, name: str) -> Ed25519PrivateKey:
    """Return a service's signing key.

    Raises:
        UsageError: It cannot be read.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    path = data / _FOLDERS[name] / f"{name}.key"
    try:
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(path.read_text()))
    except (OSError, ValueError) as error:
        raise UsageError(f"The service key {path} cannot be read.") from error


def read_token(folder: Path) -> str:
    """Return the token that the vault server shows to the broker.

    Raises:
        UsageError: It cannot be read.
    """
    try:
        return (folder / _TOKEN).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The service token in {folder} cannot be read.") from error
