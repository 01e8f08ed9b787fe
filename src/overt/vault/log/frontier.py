"""The growing edge of the tree: what a writer needs to append, and nothing more.

Stage: inside the log. In: the edge and new leaf data; out: the new edge and the tiles
that changed. Pure: it reads and writes no file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from overt.protocol.tlog import (
    EMPTY_ROOT,
    TILE_WIDTH,
    Tile,
    leaf_hash,
    node_hash,
    pack_entries,
    subtree_hash,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Frontier:
    """The partial tiles on the right edge.

    Attributes:
        size: Leaves of the tree.
        levels: Hashes of the partial tile of each tile level, fewer than 256 each.
        leaves: Leaf data of the partial entry bundle.
    """

    size: int = 0
    levels: tuple[tuple[bytes, ...], ...] = ()
    leaves: tuple[bytes, ...] = ()

    def root(self) -> bytes:
        """Return the tree's root hash."""
        result = b""
        for hashes in self.levels:
            for subtree in reversed(_powers(hashes)):
                result = node_hash(subtree, result) if result else subtree
        return result or EMPTY_ROOT


def _powers(hashes: Sequence[bytes]) -> list[bytes]:
    """Return the roots of the largest complete subtrees, from left to right."""
    roots, at = [], 0
    while at < len(hashes):
        width = 1 << ((len(hashes) - at).bit_length() - 1)
        roots.append(subtree_hash(hashes[at : at + width]))
        at += width
    return roots


@dataclass
class Growth:
    """A frontier while leaves are added, with the files that it changes.

    Attributes:
        start: The frontier to begin with.
        files: Bytes of changed tiles and bundles, by path.
        filled: Tiles that became full, whose partial files are done with.
    """

    start: Frontier
    files: dict[str, bytes] = field(default_factory=dict)
    filled: list[Tile] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._size = self.start.size
        self._levels = [list(hashes) for hashes in self.start.levels]
        self._leaves = list(self.start.leaves)
        self._changed: set[int] = set()

    def add(self, leaf: bytes) -> None:
        """Append one leaf's data."""
        self._size += 1
        self._leaves.append(leaf)
        if len(self._leaves) == TILE_WIDTH:
            tile = Tile(0, self._size // TILE_WIDTH - 1)
            self.files[tile.entries_path] = pack_entries(self._leaves)
            self._leaves = []
        self._push(0, leaf_hash(leaf))

    def _push(self, level: int, value: bytes) -> None:
        if level == len(self._levels):
            self._levels.append([])
        hashes = self._levels[level]
        hashes.append(value)
        self._changed.add(level)
        if len(hashes) == TILE_WIDTH:
            tile = Tile(level, (self._size >> (8 * (level + 1))) - 1)
            self.files[tile.path] = b"".join(hashes)
            self.filled.append(tile)
            self._levels[level] = []
            self._push(level + 1, subtree_hash(hashes))

    def finish(self) -> Frontier:
        """Add the partial tiles to `files` and return the new frontier."""
        for level in self._changed:
            hashes = self._levels[level]
            if hashes:
                number = (self._size >> (8 * level)) // TILE_WIDTH
                tile = Tile(level, number, len(hashes))
                self.files[tile.path] = b"".join(hashes)
                if level == 0:
                    self.files[tile.entries_path] = pack_entries(self._leaves)
        levels = tuple(tuple(hashes) for hashes in self._levels)
        return Frontier(self._size, levels, tuple(self._leaves))
