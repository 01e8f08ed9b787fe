"""The writer of the transparency log: entries in, durable numbers out.

Stage: under the broker, its only writer. In: canonical entry bytes; out: their
numbers, once rows, tiles and a signed checkpoint are on disk. Threads that append at
the same time share one commit. It never answers for an entry that a crash could take
back, and never starts on a folder that is older than what was answered for.

Order of a commit: entries -> tiles -> checkpoint -> head. The checkpoint is the truth:
what lies beyond it after a crash was never answered for and is swept away.
"""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from overt.protocol.errors import OvertError, VaultError
from overt.protocol.tlog import (
    SALT_BYTES,
    Checkpoint,
    consistency_proof,
    inclusion_proof,
    leaf_commitment,
    leaf_hash,
    open_checkpoint,
    root_hash,
    sign_checkpoint,
)
from overt.vault.log.book import EntryBook
from overt.vault.log.folder import LogFolder
from overt.vault.log.frontier import Frontier, Growth

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )
    from sqlalchemy.orm import Session

    from overt.vault.store.database import Database

CHECKPOINT = "checkpoint"
_RESTORE = (
    "Restore the newest copies of the log's folder and of the database together;"
    " reading stays closed until they agree."
)


@dataclass
class _Ticket:
    """Entries of one caller on their way into a commit."""

    entries: Sequence[bytes]
    also: Callable[[Session], None] | None = None
    first: int = -1
    error: Exception | None = None
    done: threading.Event = field(default_factory=threading.Event)


class Log:
    """The log of one vault; exactly one object in one process may write it.

    Args:
        folder: The log's folder; made when missing.
        key: The log's signing key.
        origin: The log's name, as in its checkpoints.
        database: Where entries and the last head lie.

    Raises:
        VaultError: The folder is rolled back, forked, torn beyond its checkpoint, or
            disagrees with the database.
        SealError: The checkpoint is not signed by this key.
    """

    def __init__(
        self, folder: Path, key: Ed25519PrivateKey, origin: str, database: Database
    ) -> None:
        self.origin = origin
        self._key = key
        self._folder = LogFolder(folder)
        self._book = EntryBook(database, origin)
        self._waiting: list[_Ticket] = []
        self._queue, self._commits = threading.Lock(), threading.Lock()
        self._torn = False
        self._frontier = self._recover()

    @property
    def size(self) -> int:
        """How many entries the signed checkpoint covers."""
        return self._frontier.size

    def append(
        self,
        entries: Sequence[bytes],
        also: Callable[[Session], None] | None = None,
    ) -> list[int]:
        """Append entries and return their numbers, once all is durable and signed.

        Args:
            entries: Canonical bytes.
            also: Changes rows in the transaction that holds the entries, so that they
                need no commit of their own.

        Raises:
            VaultError: They could not be made durable; none of them is in the log.
        """
        if not entries:
            return []
        ticket = _Ticket(entries, also)
        with self._queue:
            self._waiting.append(ticket)
        with self._commits:
            if not ticket.done.is_set():
                self._commit_waiting()
        if ticket.error is not None:
            raise VaultError(
                "The log could not be written; nothing was read or admitted.",
                remedy="Free space on the log's disk and check its permissions.",
            ) from ticket.error
        return list(range(ticket.first, ticket.first + len(entries)))

    @property
    def folder(self) -> LogFolder:
        """The log's files, for reading."""
        return self._folder

    @property
    def public(self) -> Ed25519PublicKey:
        """The key that its checkpoints are signed by."""
        return self._key.public_key()

    def checkpoint(self) -> bytes:
        """Return the newest checkpoint as a signed note."""
        return self._folder.read(CHECKPOINT) or b""

    def entry(self, number: int) -> bytes | None:
        """Return an entry's bytes; nothing where it was erased."""
        found = self._book.entry(number)
        return found[2] if found else None

    def holds(self, number: int, salt: bytes, entry: bytes) -> bool:
        """Whether the signed tree has this entry at that number, whatever rows say."""
        size = self.size
        if not 0 <= number < size:
            return False
        leaf = leaf_hash(leaf_commitment(salt, entry))
        return self._folder.nodes(size)(0, number) == leaf

    def inclusion(self, number: int) -> tuple[int, list[bytes]]:
        """Return the tree's size and the audit path of an entry.

        Raises:
            DataError: There is no such entry.
        """
        size = self.size
        return size, inclusion_proof(number, size, self._folder.nodes(size))

    def consistency(self, first: int) -> tuple[int, list[bytes]]:
        """Return the tree's size and the proof that it extends an older one.

        Raises:
            DataError: There was no such older tree.
        """
        size = self.size
        return size, consistency_proof(first, size, self._folder.nodes(size))

    def _commit_waiting(self) -> None:
        with self._queue:
            tickets, self._waiting = self._waiting, []
        try:
            if self._torn:
                self._frontier = self._recover()
                self._torn = False
            first = self._commit(
                [each for one in tickets for each in one.entries],
                [one.also for one in tickets if one.also is not None],
            )
        except (OvertError, OSError) as error:
            self._torn = True
            for ticket in tickets:
                ticket.error = error
                ticket.done.set()
            return
        for ticket in tickets:
            ticket.first = first
            first += len(ticket.entries)
            ticket.done.set()

    def _commit(
        self, entries: list[bytes], also: Sequence[Callable[[Session], None]]
    ) -> int:
        first = self._frontier.size
        salted = [(secrets.token_bytes(SALT_BYTES), entry) for entry in entries]
        growth = Growth(self._frontier)
        for salt, entry in salted:
            growth.add(leaf_commitment(salt, entry))
        frontier = growth.finish()
        self._book.add(first, salted, also)
        self._folder.write_all(growth.files)
        self._sign(frontier)
        self._frontier = frontier
        for tile in growth.filled:
            self._folder.forget(tile)
        return first

    def _sign(self, frontier: Frontier) -> None:
        checkpoint = Checkpoint(self.origin, frontier.size, frontier.root())
        self._folder.write(CHECKPOINT, sign_checkpoint(checkpoint, self._key))
        self._book.set_head(checkpoint.size, checkpoint.root)

    def _recover(self) -> Frontier:
        """Return the frontier of the folder after sweeping what a crash left."""
        head = self._book.head() or (0, b"")
        note = self._folder.read(CHECKPOINT)
        if note is None:
            return self._begin(head)
        checkpoint = open_checkpoint(note, self.origin, self._key.public_key())
        frontier = self._agreed(checkpoint, head)
        self._folder.sweep(checkpoint.size)
        self._book.cut(checkpoint.size)
        self._book.set_head(checkpoint.size, checkpoint.root)
        return frontier

    def _begin(self, head: tuple[int, bytes]) -> Frontier:
        if head[0]:
            raise VaultError(
                f"The log's checkpoint is gone; {head[0]} entries were answered for.",
                remedy=_RESTORE,
            )
        self._folder.sweep(0)
        self._book.cut(0)
        try:
            self._sign(Frontier())
        except OSError as error:
            raise VaultError("The log's folder cannot be written.") from error
        return Frontier()

    def _agreed(self, checkpoint: Checkpoint, head: tuple[int, bytes]) -> Frontier:
        """Check folder, checkpoint and rows against one another.

        Raises:
            VaultError: They disagree.
        """
        size, root = head
        if checkpoint.size < size:
            raise VaultError(
                f"The log was rolled back: {checkpoint.size} entries where {size} were"
                " answered for.",
                remedy=_RESTORE,
            )
        frontier = self._folder.frontier(checkpoint.size)
        if frontier.root() != checkpoint.root:
            raise VaultError(
                f"The log's tiles do not lead to its checkpoint of {checkpoint.size}.",
                remedy=_RESTORE,
            )
        if size and root_hash(size, self._folder.nodes(checkpoint.size)) != root:
            raise VaultError(
                f"The log was forked: its first {size} entries are others than those"
                " that were answered for.",
                remedy=_RESTORE,
            )
        if self._book.count() < checkpoint.size:
            raise VaultError(
                f"The database lacks entries of the log's {checkpoint.size}.",
                remedy=_RESTORE,
            )
        return frontier
