"""The log's folder: tiles, entry bundles and the checkpoint as files.

Stage: inside the log, and the input of verifiers. In and out: bytes by the paths of
C2SP tlog-tiles. Every file is whole or not there. It never holds an entry: bundles
hold salted commitments.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from overt.protocol.errors import DataError, VaultError
from overt.protocol.tlog import (
    TILE_WIDTH,
    NodeReader,
    Tile,
    node_reader,
    split_tile,
    tiles_of,
    unpack_entries,
)
from overt.vault.log.frontier import Frontier
from overt.vault.store.files import make_folder, write_all_durably

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

WITNESSED = "witnessed"  # the head that witnesses cosigned, beside `checkpoint`
# readable for the servers' group: the vault server shows to anybody what lies here
_FOLDER_MODE, _FILE_MODE = 0o750, 0o640


class LogFolder:
    """Tiles and checkpoint of one log.

    Args:
        folder: The log's folder; made on the first write.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._full = lru_cache(maxsize=256)(self._read_tile)

    def write(self, path: str, data: bytes) -> None:
        """Write one file durably.

        Raises:
            OSError: The file cannot be written.
        """
        self.write_all({path: data})

    def write_all(self, files: Mapping[str, bytes]) -> None:
        """Write files durably, in no order.

        Raises:
            OSError: One of them cannot be written; others may be there.
        """
        targets = {self.folder / path: data for path, data in files.items()}
        for folder in dict.fromkeys(target.parent for target in targets):
            make_folder(folder, root=self.folder, mode=_FOLDER_MODE)
        write_all_durably(targets, mode=_FILE_MODE)

    def read(self, path: str) -> bytes | None:
        """Return a file's bytes; nothing where there is no such file.

        Raises:
            VaultError: The file cannot be read.
        """
        try:
            return (self.folder / path).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise VaultError(f"The log's file {path} cannot be read.") from error

    def _read_tile(self, tile: Tile) -> tuple[bytes, ...]:
        data = self.read(tile.path)
        if data is None:
            raise VaultError(f"The log lacks its file {tile.path}.")
        hashes = split_tile(data)
        if len(hashes) != tile.width:
            raise DataError(f"The log's file {tile.path} has another width.")
        return tuple(hashes)

    def tile(self, tile: Tile) -> tuple[bytes, ...]:
        """Return a tile's hashes; full tiles are remembered.

        Raises:
            VaultError: The tile is missing.
            DataError: The tile has another length than its name says.
        """
        full = tile.width == TILE_WIDTH
        return self._full(tile) if full else self._read_tile(tile)

    def leaves(self, tile: Tile) -> list[bytes]:
        """Return the leaf data of a tile of level 0.

        Raises:
            VaultError: The bundle is missing.
            DataError: The bundle does not hold as many entries as its name says.
        """
        data = self.read(tile.entries_path)
        if data is None:
            raise VaultError(f"The log lacks its file {tile.entries_path}.")
        leaves = unpack_entries(data)
        if len(leaves) != tile.width:
            raise DataError(f"The log's file {tile.entries_path} has another width.")
        return leaves

    def nodes(self, size: int) -> NodeReader:
        """Return a reader of stored hashes for the tree of `size` leaves."""
        return node_reader(size, self.tile)

    def frontier(self, size: int) -> Frontier:
        """Return the growing edge of the tree of `size` leaves.

        Raises:
            VaultError: A tile of the edge is missing.
            DataError: A tile of the edge is torn.
        """
        partial = {tile.level: tile for tile in tiles_of(size) if tile.width < 256}
        top = max((tile.level for tile in tiles_of(size)), default=-1)
        levels = tuple(
            self.tile(partial[level]) if level in partial else ()
            for level in range(top + 1)
        )
        leaves = tuple(self.leaves(partial[0])) if 0 in partial else ()
        return Frontier(size, levels, leaves)

    def forget(self, tile: Tile) -> None:
        """Remove the partial files of a tile that is full now."""
        paths = [tile.path] + ([tile.entries_path] if tile.level == 0 else [])
        for path in paths:
            partial = (self.folder / path).with_name(path.rsplit("/", 1)[1] + ".p")
            if partial.is_dir():
                for file in partial.iterdir():
                    file.unlink()
                partial.rmdir()

    def sweep(self, size: int) -> None:
        """Remove what a crash left behind a checkpoint of `size` leaves."""
        self._full.cache_clear()
        full, edge = set(), {}
        for tile in tiles_of(size):
            paths = [tile.path] + ([tile.entries_path] if tile.level == 0 else [])
            for path in paths:
                if tile.width == TILE_WIDTH:
                    full.add(path)
                else:
                    edge[path.rsplit("/", 1)[0]] = tile.width
        for file in (self.folder / "tile").rglob("*"):
            if file.is_file():
                path = file.relative_to(self.folder).as_posix()
                width = edge.get(path.rsplit("/", 1)[0], 0)
                known = file.name.isdigit() and 0 < int(file.name) <= width
                if path not in full and not known:
                    file.unlink()
