"""The participant's keys: the device's signing key and their own sealing key.

Input: a passphrase. Output: `keys.json`, a key file (`protocol.keyfile`) in which both
private halves lie encrypted, with both public halves in clear; and, unlocked again,
an `Identity`. The private halves are never written in clear.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from overt.protocol.canonical import Json, b64, unb64
from overt.protocol.errors import ConsentError, DataError, UsageError
from overt.protocol.keyfile import lock_secret, unlock_secret
from overt.protocol.sealing import SealingKey, SealingPublicKey
from overt.protocol.signing import public_key, public_text
from overt.recorder.person.home import Home, read_paper

if TYPE_CHECKING:
    from pathlib import Path

_SEED_BYTES = 32
MIN_PASSPHRASE = 8


@dataclass(frozen=True, slots=True)
class Identity:
    """The unlocked keys; they live in memory alone.

    Attributes:
        device: Signs consent, calls, marks and segments.
        own: Opens this person's spool.
    """

    device: Ed25519PrivateKey
    own: SealingKey


@dataclass(frozen=True, slots=True)
class PublicHalves:
    """What may be known of the keys without the passphrase."""

    device: Ed25519PublicKey
    own: SealingPublicKey


def new_identity() -> Identity:
    """Make fresh keys."""
    return Identity(Ed25519PrivateKey.generate(), SealingKey.generate())


def lock(identity: Identity, passphrase: str) -> Json:
    """Return the key file's body for an identity.

    Args:
        identity: The keys.
        passphrase: At least `MIN_PASSPHRASE` characters.

    Raises:
        UsageError: The passphrase is too short.
    """
    if len(passphrase) < MIN_PASSPHRASE:
        raise UsageError(f"A passphrase has at least {MIN_PASSPHRASE} characters.")
    about = {
        "kind": "participant",
        "device": public_text(identity.device.public_key()),
        "own": b64(identity.own.public.raw),
    }
    secret = identity.device.private_bytes_raw() + identity.own.raw
    return lock_secret(secret, passphrase, about)


def unlock(home: Home, passphrase: str) -> Identity:
    """Open the keys of a home.

    Raises:
        ConsentError: There are no keys: the device is not enrolled.
        SealError: The passphrase is wrong, or the file was altered.
        DataError: The file is malformed.
    """
    secret = unlock_secret(_keys_body(home), passphrase)
    device = Ed25519PrivateKey.from_private_bytes(secret[:_SEED_BYTES])
    return Identity(device, SealingKey(secret[_SEED_BYTES:]))


def public_halves(home: Home) -> PublicHalves:
    """Return the public halves of a home's keys.

    Raises:
        ConsentError: There are no keys.
        DataError: The file is malformed.
    """
    try:
        about = _keys_body(home)["about"]
        own = unb64(about["own"], what="a public key")
        return PublicHalves(public_key(about["device"]), SealingPublicKey(own))
    except (KeyError, TypeError) as error:
        raise DataError("The key file is malformed.") from error


def read_passphrase(path: Path) -> str:
    """Return a passphrase file's first line.

    Raises:
        UsageError: The file cannot be read, is empty or is open to others.
    """
    try:
        is_open = path.stat().st_mode & 0o077
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The passphrase file {path} cannot be read.") from error
    if is_open:
        raise UsageError(f"{path} is open to others.", remedy=f"Run: chmod 600 {path}")
    if not lines or not lines[0]:
        raise UsageError(f"The passphrase file {path} is empty.")
    return lines[0]


def _keys_body(home: Home) -> Json:
    body = read_paper(home.keys)
    if body is None:
        raise ConsentError(
            "This device is not enrolled.", remedy="Run: overt enrol INVITATION"
        )
    return body
