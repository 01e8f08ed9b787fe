"""Signed calls: how devices and members prove who they are to the vault's API.

A call carries one header, `Authorization: Overt <key id>,<unix seconds>,<nonce>,<sig>`.
The Ed25519 signature covers method, path with query, time, nonce and the SHA-256 of
the body, so that a call can be neither altered nor used for another route; the server
refuses a nonce that it has seen and a time that is more than `MAX_SKEW_S` off.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature

from overt.protocol.canonical import b64, sha256_hex, unb64
from overt.protocol.errors import DataError, GovernError
from overt.protocol.signing import key_id

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

SCHEME = "Overt"
MAX_SKEW_S = 120
_UTC_S = re.compile(r"[1-9][0-9]{0,11}")
_NONCE = re.compile(r"[A-Za-z0-9_-]{8,128}")


@dataclass(frozen=True, slots=True)
class CallProof:
    """The parsed header of a signed call; not yet verified."""

    key_id: str
    utc_s: int
    nonce: str
    signature: bytes


def _message(method: str, target: str, utc_s: int, nonce: str, digest: str) -> bytes:
    parts = (method.upper(), target, str(utc_s), nonce, digest)
    return b"overt call v1\0" + "\n".join(parts).encode()


def sign_call(
    key: Ed25519PrivateKey,
    *,
    method: str,
    target: str,
    body: bytes,
    utc_s: int,
    nonce: str,
) -> str:
    """Return the value of the Authorization header.

    Args:
        key: The caller's key.
        method: HTTP method.
        target: Path with query, as sent.
        body: The body's bytes.
        utc_s: Unix seconds now.
        nonce: Random, fresh for each call.
    """
    signature = key.sign(_message(method, target, utc_s, nonce, sha256_hex(body)))
    return f"{SCHEME} {key_id(key.public_key())},{utc_s},{nonce},{b64(signature)}"


def parse_call(header: str) -> CallProof:
    """Read an Authorization header.

    Raises:
        DataError: It is not of this scheme or is malformed.
    """
    scheme, _, rest = header.partition(" ")
    parts = rest.split(",")
    if scheme != SCHEME or len(parts) != 4 or not _UTC_S.fullmatch(parts[1]):
        raise DataError("The call carries no overt signature.")
    if not _NONCE.fullmatch(parts[2]):
        raise DataError("The call's nonce is not 8 to 128 letters, digits, - or _.")
    return CallProof(
        parts[0], int(parts[1]), parts[2], unb64(parts[3], what="a call's signature")
    )


def verify_call(
    proof: CallProof,
    key: Ed25519PublicKey,
    *,
    method: str,
    target: str,
    body: bytes,
    now_utc_s: int,
) -> str:
    """Check a call's signature and time. The caller checks that the nonce is fresh.

    Returns:
        SHA-256 of the body, as hex.

    Raises:
        GovernError: The signature does not hold or the time is off.
    """
    if abs(now_utc_s - proof.utc_s) > MAX_SKEW_S:
        raise GovernError("A call's time is off; set the clock of the caller.")
    digest = sha256_hex(body)
    message = _message(method, target, proof.utc_s, proof.nonce, digest)
    try:
        key.verify(proof.signature, message)
    except InvalidSignature as error:
        raise GovernError("A call's signature does not hold.") from error
    return digest
