"""Files of commands: read with a clear error, written whole or not at all.

Input: paths. Output: JSON objects, bytes on the disk (mode 0600 unless said
otherwise), or a UsageError that names the path. A file appears under its name only
when it is complete; what a failed command leaves is what was there before.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING

from overt.protocol.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from overt.protocol.canonical import Json


def read_text(path: Path) -> str:
    """Return a file's text.

    Raises:
        UsageError: It cannot be read, or is no text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path} is not UTF-8 text.", remedy="Mend the file."
        ) from error


def read_json(path: Path, *, what: str) -> Json:
    """Return the JSON object in a file.

    Raises:
        DataError: It is no JSON object.
        UsageError: The file cannot be read.
    """
    from overt.protocol.canonical import parse_json

    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    return parse_json(data, what=f"{what} ({path.name})")


def write_json(path: Path, body: Json, *, mode: int = 0o600) -> None:
    """Write a JSON file whole or not at all.

    Raises:
        UsageError: It cannot be written.
    """
    with whole_file(path, mode=mode) as file:
        file.write(json.dumps(body, indent=1, ensure_ascii=False).encode())


@contextmanager
def whole_file(path: Path, *, mode: int = 0o600) -> Iterator[IO[bytes]]:
    """Open a file for writing that appears under its name when the block is done.

    Raises:
        UsageError: It cannot be written.
    """
    draft = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.") from error
    finally:
        with suppress(OSError):
            draft.unlink()


def check_output(path: Path) -> None:
    """Check that a file can be written, before something is done that it will hold.

    Raises:
        UsageError: It cannot: a folder has its name, or its folder is not yours.
    """
    if path.is_dir():
        raise UsageError(f"{path} is a folder; a file is to be written.")
    parent = path.parent
    while not parent.exists() and parent != parent.parent:
        parent = parent.parent
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise UsageError(f"{path} cannot be written: {parent} does not let you.")
