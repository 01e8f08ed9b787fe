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

# 32 MiB, three times; OWASP's least for scrypt at this n: N=2^17 p=1, N=2^16 p=2,
# N=2^15 p=3, each with r=8 (Password Storage Cheat Sheet)
SCRYPT_N, SCRYPT_R, SCRYPT_P = 1 << 15, 8, 3
MAX_SCRYPT_N, MAX_SCRYPT_P = 1 << 20, 16
MAX_SCRYPT_WORK = 1 << 20  # n times p: seconds at most, also for a stranger's file


def lock_secret(secret: bytes, passphrase: str, about: Json) -> Json:
    """Return a key file.

    Args:
        secret: What to keep.
        passphrase: What opens it.
        about: What it is (kind, name, public halves); stands in clear, authenticated.
    """
    salt, nonce = os.urandom(16), os.urandom(12)
    key = _derive(passphrase, salt, (SCRYPT_N, SCRYPT_P))
    sealed = AESGCM(key).encrypt(nonce, secret, canonical_bytes(about))
    return {
        "overt": "key.v1",
        "about": about,
        "kdf": {"name": "scrypt", "n": SCRYPT_N, "p": SCRYPT_P, "salt": b64(salt)},
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


def _parts_of(file: Json) -> tuple[tuple[int, int], Json, bytes, bytes]:
    """Return cost, what the key is, salt and sealed bytes of a key file."""
    try:
        if file["overt"] != "key.v1" or file["kdf"]["name"] != "scrypt":
            raise DataError("The file is not an overt key file.")
        cost, about = (file["kdf"]["n"], file["kdf"]["p"]), file["about"]
        salt = unb64(file["kdf"]["salt"], what="a key file's salt")
        sealed = unb64(file["sealed"], what="a key file's content")
    except (KeyError, TypeError, ValueError) as error:
        raise DataError("The file is not an overt key file.") from error
    if any(type(one) is not int for one in cost) or not isinstance(about, dict):
        raise DataError("The file is not an overt key file.")
    if not _bearable(*cost):
        raise DataError("A key file asks for a key derivation that is out of bounds.")
    return cost, about, salt, sealed


def _bearable(n: int, p: int) -> bool:
    """Whether a cost is one of scrypt's and within this reader's bounds."""
    power = 2 <= n <= MAX_SCRYPT_N and not n & (n - 1)
    return power and 1 <= p <= MAX_SCRYPT_P and n * p <= MAX_SCRYPT_WORK


def _derive(passphrase: str, salt: bytes, cost: tuple[int, int]) -> bytes:
    kdf = Scrypt(salt=salt, length=32, n=cost[0], r=SCRYPT_R, p=cost[1])
    return kdf.derive(passphrase.encode())
