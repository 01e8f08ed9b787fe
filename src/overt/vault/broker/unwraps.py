"""The book of unwraps: one record for every read that a key is opened for.

Stage: under the key management backends. In: epoch, context, how many reads; out: a
count. A record is on disk before the key comes out, so that the book never shows fewer
unwraps than there were. It holds no key and no name: contexts are hashed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
import time
from typing import TYPE_CHECKING

from overt.protocol.errors import VaultError
from overt.vault.store.files import append_durably

if TYPE_CHECKING:
    from pathlib import Path

# seconds since 1970, epoch, SHA-256 of the context
_RECORD = struct.Struct(">QQ32s")


class UnwrapBook:
    """A file of records of 48 bytes, mode 0600, only appended to.

    Args:
        path: The file; made with the first record.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with contextlib.suppress(FileNotFoundError):  # a crash may have torn the last
            os.truncate(path, path.stat().st_size // _RECORD.size * _RECORD.size)

    @property
    def count(self) -> int:
        """How many reads are in the book."""
        return count_records(self._path)

    def add(self, epoch: int, context: bytes, reads: int) -> None:
        """Write as many records as a key is opened for reads, durably.

        Raises:
            VaultError: The book cannot be written; no key may come out.
        """
        digest = hashlib.sha256(context).digest()
        records = _RECORD.pack(int(time.time()), epoch, digest) * reads
        try:
            append_durably(self._path, records)
        except OSError as error:
            raise VaultError(
                "The count of unwraps could not be written; no key was given out.",
                remedy="Free space on the key store's disk.",
            ) from error


def count_records(path: Path) -> int:
    """Return how many whole records a book has; 0 where there is none yet."""
    try:
        return path.stat().st_size // _RECORD.size
    except FileNotFoundError:
        return 0
