"""Durable local files of mode 0600: whole or not there, on disk before return.

Stage: under the log, the local objects and the keyring. In: a path and bytes; out: a
file. It never leaves a half-written file under its final name.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def write_durably(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Write a file under a temporary name, sync it, rename it, sync its folder."""
    write_all_durably({path: data}, mode=mode)


def write_all_durably(files: Mapping[Path, bytes], *, mode: int = 0o600) -> None:
    """Write files, each whole or not there; a folder that holds several syncs once.

    After a crash some may be there and others not.
    """
    fresh = {path: _write_fresh(path, data, mode) for path, data in files.items()}
    for path, written in fresh.items():
        _put(written, path)
    for folder in dict.fromkeys(path.parent for path in files):
        sync(folder)


def _write_fresh(path: Path, data: bytes, mode: int) -> Path:
    """Write a file under a temporary name, synced."""
    fresh = path.with_name(f".{path.name}.new")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return fresh


def _put(fresh: Path, path: Path) -> None:
    fresh.replace(path)


def append_durably(path: Path, data: bytes) -> None:
    """Add bytes at the end of a file of mode 0600, whole or not at all, synced.

    Raises:
        OSError: They could not be; the file is as it was, but for what a crash tore.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        before = os.fstat(handle).st_size
        if os.write(handle, data) != len(data):
            os.ftruncate(handle, before)
            raise OSError(errno.ENOSPC, "the disk took a part alone")
        os.fsync(handle)
    finally:
        os.close(handle)


def sync(path: Path) -> None:
    """Bring a file or folder that exists onto the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(path: Path, *, root: Path, mode: int = 0o700) -> None:
    """Make a folder below `root` with its parents, each on disk."""
    if path.is_dir():
        return
    if path != root:
        make_folder(path.parent, root=root, mode=mode)
    path.mkdir(mode=mode, parents=path == root, exist_ok=True)
    sync(path.parent)
