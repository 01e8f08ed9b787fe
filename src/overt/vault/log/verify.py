"""Offline verification of a log from its folder and its public key alone.

Stage: what an auditor runs. In: the folder, the key and, where they may be seen, the
entries; heads that others saw, which the log has to continue. Out: a report. It
recomputes every leaf, tile and root, changes nothing and needs no database.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from overt.protocol.errors import DataError, OvertError, VaultError
from overt.protocol.tlog import (
    Checkpoint,
    Tile,
    check_extends,
    cosigned_at,
    leaf_commitment,
    leaf_hash,
    open_checkpoint,
    subtree_hash,
    tiles_of,
    witness_key,
)
from overt.vault.log.folder import WITNESSED, LogFolder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from overt.protocol.programme import Witness
    from overt.vault.log.book import Numbered


@dataclass(frozen=True, slots=True)
class LogReport:
    """What verification found.

    Attributes:
        origin: The log's name.
        size: Entries that the checkpoint covers.
        root: Its root hash, hexadecimal.
        entries_checked: Entries whose bytes were compared with their leaf.
        witnessed: Entries that every named witness has cosigned; 0 where none is named
            or nothing was released yet.
        problems: What does not hold, a sentence each; empty when all holds.
    """

    origin: str
    size: int
    root: str
    entries_checked: int
    witnessed: int
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether everything holds."""
        return not self.problems


def verify(
    folder: Path,
    public: Ed25519PublicKey,
    entries: Iterable[Numbered] | None = None,
    *,
    origin: str = "",
    witnesses: Sequence[Witness] = (),
    seen: Mapping[str, bytes] | None = None,
) -> LogReport:
    """Verify a log's folder; with entries, each of them against its leaf as well.

    Args:
        folder: The log's folder.
        public: The key that signs its checkpoints.
        entries: Number, salt and bytes of entries; erased ones are left out.
        origin: The log's name; the checkpoint's own name where empty.
        witnesses: Who has to have cosigned the head that reads waited for.
        seen: Checkpoints that were seen elsewhere or earlier, by what to call them.

    Raises:
        VaultError: There is no checkpoint, or a file cannot be read.
    """
    files = LogFolder(folder)
    note = files.read("checkpoint")
    if note is None:
        raise VaultError(f"{folder} holds no log: its checkpoint is missing.")
    name = origin or note.split(b"\n", 1)[0].decode(errors="replace")
    try:
        checkpoint = open_checkpoint(note, name, public)
    except OvertError as error:
        return LogReport(name, 0, "", 0, 0, (str(error),))
    problems = [*_tree_problems(files, checkpoint)]
    heads, witnessed = dict(seen or {}), 0
    cosigned = files.read(WITNESSED) if witnesses else None
    if cosigned is not None:
        heads["The head that its witnesses cosigned"] = cosigned
    for which, head in heads.items():
        try:
            older = open_checkpoint(head, name, public)
            check_extends(checkpoint, older, files.nodes(checkpoint.size))
            if head is cosigned:
                for one in witnesses:
                    cosigned_at(head, witness_key(one.key))
                witnessed = older.size
        except OvertError as error:
            problems.append(f"{which}: {error}")
    checked, wrong = _check_entries(files, checkpoint.size, entries or ())
    problems += wrong
    root = checkpoint.root.hex()
    return LogReport(name, checkpoint.size, root, checked, witnessed, tuple(problems))


def _tree_problems(files: LogFolder, checkpoint: Checkpoint) -> Iterator[str]:
    """Yield what does not hold between bundles, tiles and root."""
    below: list[bytes] = []  # roots of the full tiles of the level below
    for tile in tiles_of(checkpoint.size):
        if tile.index == 0:
            roots, below = below, []
        try:
            hashes = files.tile(tile)
            expected = _expected(files, tile, roots)
        except (VaultError, DataError) as error:
            yield str(error)
            return
        if list(hashes) != expected:
            yield f"The log's file {tile.path} does not follow from what is below it."
        if tile.width == 256:
            below.append(subtree_hash(hashes))
    if files.frontier(checkpoint.size).root() != checkpoint.root:
        yield "The log's tiles do not lead to the root of its checkpoint."


def _expected(files: LogFolder, tile: Tile, roots: list[bytes]) -> list[bytes]:
    if tile.level == 0:
        return [leaf_hash(leaf) for leaf in files.leaves(tile)]
    start = tile.index * 256
    return roots[start : start + tile.width]


def _check_entries(
    files: LogFolder, size: int, entries: Iterable[Numbered]
) -> tuple[int, list[str]]:
    """Compare entries with their leaves; return how many and what is wrong."""
    checked, problems = 0, []
    cached: tuple[Tile | None, list[bytes]] = (None, [])
    for number, salt, entry in entries:
        if not 0 <= number < size:
            problems.append(f"Entry {number} is not covered by the checkpoint.")
            continue
        index = number // 256
        tile = Tile(0, index, min(256, size - index * 256))
        try:
            if cached[0] != tile:
                cached = (tile, files.leaves(tile))
            same = leaf_commitment(salt, entry) == cached[1][number % 256]
        except (VaultError, DataError) as error:
            problems.append(str(error))
            break
        checked += 1
        if not same:
            problems.append(f"Entry {number} is not what its leaf commits to.")
    return checked, problems
