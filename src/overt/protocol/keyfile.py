"""A secret kept under a passphrase: scrypt (RFC 7914) and AES-256-GCM.

The form of every key file that overt writes for a person. Input: secret bytes, a
passphrase, and what the key is; output: a JSON object. It does no I/O.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from overt.protocol.canonical import b64, canonical_bytes, unb64
from overt.protocol.errors import DataError, SealError

if TYPE_CHECKING:
    from overt.protocol.canonical import Json

SCRYPT_N, SCRYPT_R, SCRYPT_P = 1 << 15, 8, 1  # 32 MiB; OWASP's least for scrypt
MAX_SCRYPT_N = 1 << 20


def lock_secret(secret: bytes, passphrase: str, about: Json) -> Json:
    """Return a key file.

    Args:
        secret: What to keep.
        passphrase: What opens it.
        about: What it is (kind, name, public halves); stands in clear, authenticated.
    """
    salt, nonce = os.urandom(16), os.urandom(12)
    sealed = AESGCM(_derive(passphrase, salt, SCRYPT_N)).encrypt(
        nonce, secret, canonical_bytes(about)
    )
    return {
        "overt": "key.v1",
        "about": about,
        "kdf": {"name": "scrypt", "n": SCRYPT_N, "salt": b64(salt)},
        "sealed": b64(nonce + sealed),
    }


def read_key_file(file: Json) -> Json:
    """Return what a key file says that it is, without opening it.

    Raises:
        DataError: It is no key file.
    """
    return _parts_of(file)[1]


def unlock_secret(file: Json, passphrase: str) -> bytes:
    """Open a key file.

    Raises:
        SealError: Another passphrase, or the file was altered.
        DataError: It is no key file.
    """
    cost, about, salt, sealed = _parts_of(file)
    try:
        return AESGCM(_derive(passphrase, salt, cost)).decrypt(
            sealed[:12], sealed[12:], canonical_bytes(about)
        )
    except (InvalidTag, ValueError) as error:
        raise SealError("The passphrase is wrong, or the key file altered.") from error


def _parts_of(file: Json) -> tuple[int, Json, bytes, bytes]:
    """Return cost, what the key is, salt and sealed bytes of a key file."""
    try:
        if file["overt"] != "key.v1" or file["kdf"]["name"] != "scrypt":
            raise DataError("The file is not an overt key file.")
        cost, about = file["kdf"]["n"], file["about"]
        salt = unb64(file["kdf"]["salt"], what="a key file's salt")
        sealed = unb64(file["sealed"], what="a key file's content")
    except (KeyError, TypeError, ValueError) as error:
        raise DataError("The file is not an overt key file.") from error
    if type(cost) is not int or not isinstance(about, dict):
        raise DataError("The file is not an overt key file.")
    if not 2 <= cost <= MAX_SCRYPT_N or cost & (cost - 1):
        raise DataError("A key file asks for a key derivation that is out of bounds.")
    return cost, about, salt, sealed


def _derive(passphrase: str, salt: bytes, cost: int) -> bytes:
    kdf = Scrypt(salt=salt, length=32, n=cost, r=SCRYPT_R, p=SCRYPT_P)
    return kdf.derive(passphrase.encode())
