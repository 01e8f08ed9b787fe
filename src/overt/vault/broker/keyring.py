"""A keyring in a file: the key management for a single server.

Stage: a backend of `kms.Kms`. In: secrets with their context; out: wrapped secrets
and back. It writes its own book of unwraps and never gives a root out.
"""

from __future__ import annotations

import base64
import os
import secrets
import stat
import threading
from typing import TYPE_CHECKING, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from overt.protocol.canonical import Json, canonical_bytes, parse_json
from overt.protocol.errors import DataError, SealError, UsageError, VaultError
from overt.vault.broker.unwraps import UnwrapBook, count_records
from overt.vault.broker.wrapping import KEY_BYTES, NONCE_BYTES, hold, unwrap, wrap
from overt.vault.store.files import write_durably

if TYPE_CHECKING:
    from pathlib import Path

_SCRYPT = {"n": 1 << 15, "r": 8, "p": 1}


class KeyringFile:
    """Epoch roots in a file, sealed by a passphrase or a raw key file.

    The folder has mode 0700, its files 0600. `keyring.json` holds the roots under
    AES-256-GCM; `unwraps` is the book of unwraps. One process at a time holds the
    folder's lock.

    Args:
        folder: Where the keyring lies; made when missing.
        passphrase: Opens the keyring through scrypt (n = 2**15, r = 8, p = 1).
        key_file: Instead of a passphrase, a file of mode 0600 with 32 random bytes.

    Raises:
        UsageError: Neither or both of passphrase and key file were given, or the
            key file is open to others or of another length.
        SealError: The passphrase or key file does not open this keyring.
        VaultError: Another process holds the keyring, or it cannot be read.
    """

    destruction = (
        "Final when the keyring file is overwritten on its disk; copies of that file"
        " in backups have to be destroyed by whoever keeps them."
    )
    counting = (
        "The keyring's own book has one record a read, on disk before the key comes"
        " out. It is written by the process that holds the keyring."
    )

    def __init__(
        self,
        folder: Path,
        *,
        passphrase: str | None = None,
        key_file: Path | None = None,
    ) -> None:
        if (passphrase is None) == (key_file is None):
            raise UsageError("A keyring opens by a passphrase or by a key file.")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(stat.S_IRWXU)
        self._path = folder / "keyring.json"
        self._mutex = threading.Lock()
        self._lock = hold(folder / "lock")
        try:
            self._salt = self._read_salt()
            self._sealer = AESGCM(_unlock_key(passphrase, key_file, self._salt))
            self._state = self._load()
            self._book = UnwrapBook(folder / "unwraps")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the folder's lock and of the roots in memory."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
        self._state = {"current": 0, "epochs": {}}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def current_epoch(self) -> int:
        """The newest epoch, 1 or higher; 0 where there is none yet."""
        return int(self._state["current"])

    @property
    def epochs(self) -> tuple[int, ...]:
        """The epochs whose roots stand."""
        return tuple(sorted(int(epoch) for epoch in self._state["epochs"]))

    @property
    def unwraps(self) -> int:
        """How many reads secrets were unwrapped for, by this keyring's own book."""
        return self._book.count

    def new_epoch(self) -> int:
        """Make a root for the next epoch and return its number.

        Raises:
            VaultError: The keyring cannot be written; it stays as it was.
        """
        with self._mutex:
            epoch = self.current_epoch + 1
            root = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
            epochs = {**self._state["epochs"], str(epoch): root}
            self._save({"current": epoch, "epochs": epochs})
        return epoch

    def wrap(self, epoch: int, secret: bytes, context: bytes) -> bytes:
        """Return nonce and AES-256-GCM of the secret, the context as added data.

        Raises:
            VaultError: The epoch is destroyed or never was.
        """
        return wrap(self._root(epoch), secret, context)

    def unwrap(
        self, epoch: int, wrapped: bytes, context: bytes, reads: int = 1
    ) -> bytes:
        """Count the reads that it is for durably, then return the secret.

        An unwrap that fails is not counted: no secret came out.

        Raises:
            SealError: The bytes were not wrapped in this epoch for this context.
            VaultError: The epoch is destroyed, or the book cannot be written.
        """
        with self._mutex:
            secret = self._open(epoch, wrapped, context)
            self._book.add(epoch, context, reads)
        return secret

    def rewrap(self, old: int, new: int, wrapped: bytes, context: bytes) -> bytes:
        """Move a secret to another epoch; not an unwrap.

        Raises:
            SealError: The bytes were not wrapped in the old epoch for this context.
            VaultError: One of the epochs is destroyed.
        """
        return self.wrap(new, self._open(old, wrapped, context), context)

    def destroy_epoch(self, epoch: int) -> None:
        """Destroy an epoch's root; one destroyed already is left so.

        Raises:
            VaultError: The keyring cannot be written; the root still stands.
        """
        with self._mutex:
            epochs = dict(self._state["epochs"])
            if epochs.pop(str(epoch), None) is not None:
                self._save({"current": self.current_epoch, "epochs": epochs})

    def _root(self, epoch: int) -> bytes:
        root = self._state["epochs"].get(str(epoch))
        if root is None:
            raise VaultError(f"Key epoch {epoch} is destroyed or never was.")
        return base64.b64decode(root)

    def _open(self, epoch: int, wrapped: bytes, context: bytes) -> bytes:
        return unwrap(self._root(epoch), epoch, wrapped, context)

    def _read_salt(self) -> bytes:
        if not self._path.exists():
            return secrets.token_bytes(16)
        return base64.b64decode(self._document()["salt"])

    def _document(self) -> Json:
        document = parse_json(self._path.read_bytes(), what=f"Keyring {self._path}")
        if document.get("format") != "overt-keyring-1":
            raise DataError(f"{self._path} is no keyring of this version.")
        return document

    def _load(self) -> Json:
        if not self._path.exists():
            return {"current": 0, "epochs": {}}
        blob = base64.b64decode(self._document()["sealed"])
        try:
            clear = self._sealer.decrypt(
                blob[:NONCE_BYTES], blob[NONCE_BYTES:], self._salt
            )
        except InvalidTag as error:
            raise SealError(
                f"Keyring {self._path} does not open.",
                remedy="Give the passphrase or key file that it was made with.",
            ) from error
        return parse_json(clear, what="The sealed keyring")

    def _save(self, state: Json) -> None:
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = self._sealer.encrypt(nonce, canonical_bytes(state), self._salt)
        document = {
            "format": "overt-keyring-1",
            "salt": base64.b64encode(self._salt).decode(),
            "sealed": base64.b64encode(nonce + sealed).decode(),
        }
        try:
            _overwrite(self._path, canonical_bytes(document))
        except OSError as error:
            raise VaultError(f"Keyring {self._path} cannot be written.") from error
        self._state = state


def _unlock_key(passphrase: str | None, key_file: Path | None, salt: bytes) -> bytes:
    if key_file is None:
        kdf = Scrypt(salt=salt, length=KEY_BYTES, **_SCRYPT)
        return kdf.derive((passphrase or "").encode())
    try:
        mode, key = key_file.stat().st_mode, key_file.read_bytes()
    except OSError as error:
        raise UsageError(f"Key file {key_file} cannot be read.") from error
    if stat.S_IMODE(mode) & 0o077:
        raise UsageError(
            f"Key file {key_file} is open to others.", remedy="Set its mode to 0600."
        )
    if len(key) != KEY_BYTES:
        raise UsageError(f"Key file {key_file} does not have {KEY_BYTES} bytes.")
    return key


def _overwrite(path: Path, data: bytes) -> None:
    """Replace a file durably, then overwrite the blocks that it held before."""
    old = os.open(path, os.O_WRONLY) if path.exists() else -1
    write_durably(path, data)
    if old >= 0:
        os.pwrite(old, bytes(os.fstat(old).st_size), 0)
        os.fsync(old)
        os.close(old)


def count_unwraps(folder: Path) -> int:
    """Return the count in a keyring's books, also while a broker holds it.

    Raises:
        VaultError: There is no keyring in the folder.
    """
    if not any((folder / name).exists() for name in ("keyring.json", "roots.json")):
        raise VaultError(f"{folder} holds no keyring.")
    return count_records(folder / "unwraps")
