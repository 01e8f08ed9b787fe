"""The participant's own watch over the vault's log: no roll-back, no fork, no gap.

Input: the log's public files and entries about this person. Output: what is proved to
be in it. The machine keeps the last head that it saw; a head that does not extend it,
or that a named witness has not cosigned, is refused, kept as evidence, and told. It
trusts the server with nothing: proofs are made from its tiles and checked.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from overt.protocol.canonical import Json, parse_json, unb64
from overt.protocol.errors import DataError, SealError, VaultError
from overt.protocol.tlog import (
    TILE_WIDTH,
    Checkpoint,
    Tile,
    check_extends,
    cosigned_at,
    inclusion_proof,
    leaf_commitment,
    leaf_hash,
    node_reader,
    open_checkpoint,
    split_tile,
    verify_inclusion,
    witness_key,
)
from overt.recorder.spool import write_private

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from overt.protocol.programme import Programme

_TELL = (
    "Tell your representative, and keep the file {file}: with the head kept before it,"
    " it proves what the server did."
)


@dataclass(frozen=True, slots=True)
class Watched:
    """A head that extends all that this machine has seen.

    Attributes:
        head: The log's newest head.
        witnessed: How many entries every named witness has cosigned; the head's size
            where the programme names none.
        cosigned_s: When, by witness, Unix seconds.
    """

    head: Checkpoint
    witnessed: int
    cosigned_s: dict[str, int]


class LogWatch:
    """Watches one log from one machine.

    Args:
        folder: The participant's home, where the last head is kept.
        programme: The programme, verified: it names the log's key and witnesses.
        fetch: Returns a file of the log by its path (C2SP tlog-tiles).
    """

    def __init__(
        self, folder: Path, programme: Programme, fetch: Callable[[str], bytes]
    ) -> None:
        self._kept, self._refused = folder / "log-head", folder / "log-head-refused"
        self._programme, self._fetch = programme, fetch
        self._origin = f"overt/{programme.programme}"
        self._tile = lru_cache(maxsize=64)(self._read_tile)

    def look(self) -> Watched:
        """Fetch the newest head, check it against the one seen before, and keep it.

        Raises:
            SealError: Rolled back, forked, forged, or not cosigned as it has to be.
            DataError: A file of the log is malformed.
            NetworkError: The server is away.
        """
        with _alone(self._kept.parent):
            note = self._fetch("checkpoint")
            try:
                head = self._open(note)
                self._extends(head)
                watched = self._witnessed(head)
            except SealError as error:
                write_private(self._refused, note)
                told = _TELL.format(file=self._refused)
                raise SealError(str(error), remedy=told) from error
            write_private(self._kept, note)
        return watched

    def proved(self, watched: Watched, found: Json) -> Json:
        """Return an entry's body after proving that it stands in the log.

        Args:
            watched: The head to prove it by.
            found: `number`, `salt` (base64url) and `entry` (canonical JSON as text).

        Raises:
            SealError: The entry is not what the log holds at its number.
            DataError: It is malformed.
        """
        try:
            number, salt, text = int(found["number"]), found["salt"], found["entry"]
            entry = str(text).encode()
        except (KeyError, TypeError, ValueError) as error:
            raise DataError("An entry of the log has another form.") from error
        size = watched.head.size
        leaf = leaf_hash(leaf_commitment(unb64(salt, what="A salt"), entry))
        proof = inclusion_proof(number, size, node_reader(size, self._tile))
        verify_inclusion(leaf, number, size, proof, watched.head.root)
        return parse_json(entry, what="A log entry")

    def _open(self, note: bytes) -> Checkpoint:
        return open_checkpoint(note, self._origin, self._programme.service_key("log"))

    def _extends(self, head: Checkpoint) -> None:
        try:
            kept = self._open(self._kept.read_bytes())
        except FileNotFoundError:
            return
        if head.size < kept.size:
            raise SealError(
                f"The log was rolled back: the server shows {head.size} entries, and"
                f" this machine has seen {kept.size}."
            )
        self._prefix(kept, head, "that this machine has seen")

    def _prefix(self, older: Checkpoint, newer: Checkpoint, which: str) -> None:
        """Check that one head extends another, by a proof from the server's tiles."""
        try:
            check_extends(newer, older, node_reader(newer.size, self._tile))
        except SealError as error:
            raise SealError(
                f"The log was forked: its {newer.size} entries do not begin with the"
                f" {older.size} {which}."
            ) from error

    def _witnessed(self, head: Checkpoint) -> Watched:
        witnesses = [witness_key(one.key) for one in self._programme.witnesses]
        if not witnesses:
            return Watched(head, head.size, {})
        try:
            note = self._fetch("witnessed")
        except VaultError:
            return Watched(head, 0, {})  # nothing was released yet
        cosigned = self._open(note)
        times = {key.name: cosigned_at(note, key) for key in witnesses}
        if cosigned.size > head.size:
            raise SealError("The log's head is older than the one that is cosigned.")
        self._prefix(cosigned, head, "that its witnesses have cosigned")
        return Watched(head, cosigned.size, times)

    def _read_tile(self, tile: Tile) -> list[bytes]:
        try:
            hashes = split_tile(self._fetch(tile.path))
        except VaultError:  # a partial tile goes once the full one is there
            if tile.width == TILE_WIDTH:
                raise
            whole = split_tile(self._fetch(Tile(tile.level, tile.index).path))
            hashes = whole[: tile.width]
        if len(hashes) != tile.width:
            raise DataError(f"The log's file {tile.path} has another width.")
        return hashes


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one at a time look: a head that another keeps is no roll-back."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
