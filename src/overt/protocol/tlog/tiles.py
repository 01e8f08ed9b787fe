"""Tiles: the stored hashes and entry bundles of the log, and where they lie.

In: a tree's size, a tile's bytes; out: paths, hashes, readers of stored hashes. No I/O.
Source: C2SP tlog-tiles (https://c2sp.org/tlog-tiles).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from overt.protocol.errors import DataError
from overt.protocol.tlog.tree import HASH_BYTES, NodeReader, subtree_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT


@dataclass(frozen=True, slots=True)
class Tile:
    """A tile's place in the tree (C2SP tlog-tiles).

    Attributes:
        level: Tile level: its hashes stand at tree level 8 * `level`.
        index: Number of the tile on its level.
        width: Hashes in it, 1 to 256.
    """

    level: int
    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """Path of the tile below the log's folder."""
        return f"tile/{self.level}/{_numbered(self.index, self.width)}"

    @property
    def entries_path(self) -> str:
        """Path of the entry bundle that belongs to a tile of level 0."""
        return f"tile/entries/{_numbered(self.index, self.width)}"


def _numbered(index: int, width: int) -> str:
    digits = str(index)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    parts = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    path = "/".join([*(f"x{part}" for part in parts[:-1]), parts[-1]])
    return path if width == TILE_WIDTH else f"{path}.p/{width}"


def tiles_of(size: int) -> Iterator[Tile]:
    """Yield every tile of a tree of `size` leaves, level by level."""
    level, count = 0, size
    while count:
        full, rest = divmod(count, TILE_WIDTH)
        yield from (Tile(level, index) for index in range(full))
        if rest:
            yield Tile(level, full, rest)
        level, count = level + 1, full


def split_tile(data: bytes) -> list[bytes]:
    """Return the hashes of a tile's bytes.

    Raises:
        DataError: The length is no multiple of 32 or names more than 256 hashes.
    """
    if len(data) % HASH_BYTES or not 0 < len(data) <= HASH_BYTES * TILE_WIDTH:
        raise DataError(f"A tile has {len(data)} bytes, which are no whole hashes.")
    return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]


def node_reader(size: int, read: Callable[[Tile], Sequence[bytes]]) -> NodeReader:
    """Return a reader of stored hashes over the tiles of a tree of `size` leaves.

    Args:
        size: Leaves of the tree.
        read: Returns the hashes of a tile.
    """

    def node(level: int, index: int) -> bytes:
        tile_level, inner = divmod(level, TILE_HEIGHT)
        first = index << inner
        number, offset = divmod(first, TILE_WIDTH)
        count = size >> (TILE_HEIGHT * tile_level)
        width = min(TILE_WIDTH, count - number * TILE_WIDTH)
        hashes = read(Tile(tile_level, number, width))
        return subtree_hash(hashes[offset : offset + (1 << inner)])

    return node


def pack_entries(leaves: Sequence[bytes]) -> bytes:
    """Return an entry bundle: each leaf's data behind its big-endian 16-bit length."""
    return b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in leaves)


def unpack_entries(data: bytes) -> list[bytes]:
    """Return the leaf data of an entry bundle.

    Raises:
        DataError: The bundle ends within an entry.
    """
    leaves, at = [], 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if at + 2 > len(data) or end > len(data):
            raise DataError("An entry bundle of the log ends within an entry.")
        leaves.append(data[at + 2 : end])
        at = end
    return leaves
