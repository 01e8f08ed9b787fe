"""Epoch roots wrapped by somebody else's key store: PKCS#11, OpenBao, AWS KMS.

Stage: a backend of `kms.Kms`. In: secrets with their context; out: wrapped secrets and
back. The key store wraps one root an epoch; what the root wraps is wrapped here, so
that a rotation of thousands of keys asks the store three times and not thousands. A
root stands in clear in this process's memory alone. `roots.json` holds wrapped roots.
"""

from __future__ import annotations

import base64
import os
import secrets
import stat
import threading
from typing import TYPE_CHECKING, Self

from overt.protocol.canonical import Json, canonical_bytes, parse_json
from overt.protocol.errors import DataError, VaultError
from overt.vault.broker.unwraps import UnwrapBook
from overt.vault.broker.wrapping import KEY_BYTES, hold, unwrap, wrap
from overt.vault.store.files import write_durably

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from overt.vault.broker.kms import KeyStore

_FORMAT = "overt-roots-1"
_CONTEXT = b"overt epoch root v1"


class EpochRoots:
    """A `Kms` over a key store.

    Args:
        folder: Holds `roots.json`, the book of unwraps and a lock; made when missing.
        open_store: Opens what wraps the roots, once the folder is held.

    Raises:
        VaultError: Another process holds the folder, or it cannot be read.
        UsageError: The store cannot be opened.
    """

    def __init__(self, folder: Path, open_store: Callable[[], KeyStore]) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(stat.S_IRWXU)
        self._path = folder / "roots.json"
        self._mutex = threading.Lock()
        self._lock = hold(folder / "lock")
        self._clear: dict[int, bytes] = {}
        self._store: KeyStore | None = None
        try:
            self._store = store = open_store()
            self._book = UnwrapBook(folder / "unwraps")
            self._state = self._load()
        except BaseException:
            self.close()
            raise
        self.destruction, self.counting = store.destruction, store.counting

    def close(self) -> None:
        """Let go of roots, store and lock."""
        self._clear = {}
        if self._store is not None:
            self._store.close()
            self._store = None
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

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
        """How many reads secrets were unwrapped for, by this broker's own book."""
        return self._book.count

    def new_epoch(self) -> int:
        """Make a key in the store and a root under it; return the epoch's number.

        Raises:
            VaultError: The store refuses, or the folder cannot be written.
        """
        with self._mutex:
            epoch = self.current_epoch + 1
            key = self._open.make_key(f"overt-{epoch}-{secrets.token_hex(8)}")
            root = secrets.token_bytes(KEY_BYTES)
            wrapped = base64.b64encode(self._open.wrap(key, root, _CONTEXT)).decode()
            made = {str(epoch): {"key": key, "wrapped": wrapped}}
            self._save({"current": epoch, "epochs": {**self._state["epochs"], **made}})
            self._clear[epoch] = root
        return epoch

    def wrap(self, epoch: int, secret: bytes, context: bytes) -> bytes:
        """Return nonce and AES-256-GCM of the secret, the context as added data.

        Raises:
            VaultError: The epoch is destroyed or never was, or the store refuses.
        """
        return wrap(self._root(epoch), secret, context)

    def unwrap(
        self, epoch: int, wrapped: bytes, context: bytes, reads: int = 1
    ) -> bytes:
        """Count the reads durably, then return the secret.

        Raises:
            SealError: The bytes were not wrapped in this epoch for this context.
            VaultError: The epoch is destroyed, the store refuses, or the book cannot
                be written.
        """
        secret = unwrap(self._root(epoch), epoch, wrapped, context)
        with self._mutex:
            self._book.add(epoch, context, reads)
        return secret

    def rewrap(self, old: int, new: int, wrapped: bytes, context: bytes) -> bytes:
        """Move a secret to another epoch; the store is not asked, no unwrap is counted.

        Raises:
            SealError: The bytes were not wrapped in the old epoch for this context.
            VaultError: One of the epochs is destroyed.
        """
        return self.wrap(new, unwrap(self._root(old), old, wrapped, context), context)

    def destroy_epoch(self, epoch: int) -> None:
        """Destroy an epoch's key in the store, then forget its root.

        Raises:
            VaultError: The store refuses; the root still stands. Try again.
        """
        with self._mutex:
            known = self._state["epochs"].get(str(epoch))
            if known is None:
                return
            self._open.destroy(str(known["key"]))
            left = dict(self._state["epochs"])
            left.pop(str(epoch))
            self._save({"current": self.current_epoch, "epochs": left})
            self._clear.pop(epoch, None)

    @property
    def _open(self) -> KeyStore:
        if self._store is None:
            raise VaultError("The key store is closed.")
        return self._store

    def _root(self, epoch: int) -> bytes:
        root = self._clear.get(epoch)
        known = self._state["epochs"].get(str(epoch))
        if known is None:
            raise VaultError(f"Key epoch {epoch} is destroyed or never was.")
        if root is None:
            wrapped = base64.b64decode(str(known["wrapped"]))
            root = self._open.unwrap(str(known["key"]), wrapped, _CONTEXT)
            self._clear[epoch] = root
        return root

    def _load(self) -> Json:
        if not self._path.exists():
            return {"current": 0, "epochs": {}}
        document = parse_json(self._path.read_bytes(), what=f"{self._path}")
        if document.get("format") != _FORMAT:
            raise DataError(f"{self._path} holds no roots of this version.")
        return document

    def _save(self, state: Json) -> None:
        try:
            write_durably(self._path, canonical_bytes({"format": _FORMAT, **state}))
        except OSError as error:
            raise VaultError(f"{self._path} cannot be written.") from error
        self._state = state
