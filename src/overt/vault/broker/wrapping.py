"""Wrapping a short secret under an epoch root, and the lock on a key store's folder.

Stage: under the key management backends. Pure but for the lock.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from overt.protocol.errors import SealError, VaultError

if TYPE_CHECKING:
    from pathlib import Path

KEY_BYTES = 32
NONCE_BYTES = 12


def wrap(root: bytes, secret: bytes, context: bytes) -> bytes:
    """Return nonce and AES-256-GCM of a secret, the context as added data."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(root).encrypt(nonce, secret, context)


def unwrap(root: bytes, epoch: int, wrapped: bytes, context: bytes) -> bytes:
    """Return a wrapped secret.

    Args:
        root: The epoch's root.
        epoch: Its number; stands in the message.
        wrapped: What `wrap` made.
        context: The same as then.

    Raises:
        SealError: The bytes were not wrapped under this root for this context.
    """
    nonce, sealed = wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:]
    try:
        return AESGCM(root).decrypt(nonce, sealed, context)
    except (InvalidTag, ValueError) as error:
        raise SealError(f"A wrapped key does not open in epoch {epoch}.") from error


def hold(path: Path) -> int:
    """Lock a key store's folder against every other process; return the handle.

    Raises:
        VaultError: Another process holds it.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise VaultError(
            f"Keyring {path.parent} is in use.",
            remedy="Only one key broker may run; stop the other one.",
        ) from error
    return handle
