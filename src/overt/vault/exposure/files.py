"""Files: who can read them by mode, owner, group and access list, proved by trying.

Stage: an adapter of the exposure audit. In: folders and what they hold; out: reaches
and trials. A file counts as reachable only where every folder above it lets the reader
through. It reads one byte of a file, as another account, to prove that it opens, and
keeps no byte.
"""

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat
import struct
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from overt.vault.exposure.findings import Exposure, Reach, Trial, place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_ACL = "system.posix_acl_access"
_ACL_ENTRY = struct.Struct("<HHI")  # tag, permissions, id (acl(5), version 2)
_ACL_USER, _ACL_GROUP, _ACL_MASK = 0x02, 0x08, 0x10
NOBODY = 65534
MOST_TRIED = 200
_TRY = f"""
import os, sys
os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
for path in sys.stdin.buffer.read().split(b"\\0")[:-1]:
    try:
        with open(path, "rb") as file:
            file.read(1)
    except OSError:
        continue
    sys.stdout.buffer.write(path + b"\\0")
"""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder to look at.

    Attributes:
        path: Where it is.
        holds: What it holds: segments, rows, keys, derived, backups.
        owners: Account names that may own and read it, besides root.
    """

    path: Path
    holds: str
    owners: tuple[str, ...] = ()


def look(folders: Iterable[Folder], canary: str = "") -> Exposure:
    """Return who can read what lies in folders, and what opened to a stranger.

    Args:
        folders: The folders.
        canary: Name of a planted object, which is always tried.
    """
    reaches: set[Reach] = set()
    loose: list[tuple[Path, str]] = []
    unknown, logs = [], {}
    for folder in folders:
        logs[str(folder.path)] = "unknown: a file system keeps no record of reads"
        if not folder.path.exists():
            unknown.append(f"{folder.path} is not there.")
            continue
        for path in _files(folder.path):
            found = _reaches(path, folder)
            reaches.update(found)
            planted = canary and str(path).endswith(canary)
            if planted or any(not one.expected for one in found):
                loose.append((path, folder.holds))
    return place(
        reaches=reaches,
        trials=_tried(loose[:MOST_TRIED]),
        unknown=unknown,
        access_logs=logs,
    )


def _files(root: Path) -> Iterator[Path]:
    if root.is_file():
        yield root
        return
    for folder, _, names in os.walk(root):
        yield from (Path(folder) / name for name in names)


def _reaches(path: Path, folder: Folder) -> list[Reach]:
    """Return who can read one file; the place is the folder that it lies in."""
    try:
        facts = path.lstat()
        entries = _acl(path)
    except OSError:
        return []
    if not stat.S_ISREG(facts.st_mode):
        return []
    above = str(path.parent)
    owner = _user(facts.st_uid)
    own = owner == _user(os.getuid()) if not folder.owners else owner in folder.owners
    found = [
        Reach(owner, folder.holds, above, "owner", expected=own or facts.st_uid == 0)
    ]
    mode = oct(stat.S_IMODE(facts.st_mode))
    group = _group(facts.st_gid)
    if facts.st_mode & stat.S_IRGRP and _passes(path, facts.st_gid) and not entries:
        how = f"mode {mode}"
        alone = set(_members(facts.st_gid)) <= {owner, "root"}
        found.append(Reach(f"group {group}", folder.holds, above, how, expected=alone))
    if facts.st_mode & stat.S_IROTH and _passes(path, None):
        found.append(Reach("anyone here", folder.holds, above, f"mode {mode}"))
    found += [Reach(who, folder.holds, above, "access list") for who in entries]
    return found


def _passes(path: Path, group: int | None) -> bool:
    """Whether each folder above lets a group, or everybody, through."""
    for folder in path.resolve().parents:
        facts = folder.stat()
        by_group = group is not None and facts.st_gid == group
        if by_group and facts.st_mode & stat.S_IXGRP:
            continue
        if not facts.st_mode & stat.S_IXOTH:
            return False
    return True


def _acl(path: Path) -> list[str]:
    """Return accounts and groups that an access list lets read, by name."""
    try:
        data = os.getxattr(path, _ACL, follow_symlinks=False)
    except OSError as error:
        if error.errno in {errno.ENODATA, errno.ENOTSUP}:
            return []
        raise
    entries = list(_ACL_ENTRY.iter_unpack(data[4:]))
    mask = next((perm for tag, perm, _ in entries if tag == _ACL_MASK), 7)
    found = []
    for tag, perm, number in entries:
        if perm & mask & 4 and tag == _ACL_USER:
            found.append(_user(number))
        if perm & mask & 4 and tag == _ACL_GROUP:
            found.append(f"group {_group(number)}")
    return found


def _tried(paths: list[tuple[Path, str]]) -> list[Trial]:
    """Try to open files as an account that nothing was given to."""
    if not paths:
        return []
    if os.getuid() != 0:
        why = "not tried: only root can try as another account"
        return [
            Trial("anyone here", holds, str(path), None, why=why)
            for path, holds in paths
        ]
    opened = _open_as_nobody([path for path, _ in paths])
    return [
        Trial(
            "anyone here",
            holds,
            str(path),
            path in opened,
            why="it opened" if path in opened else "refused",
        )
        for path, holds in paths
    ]


def _open_as_nobody(paths: list[Path]) -> set[Path]:
    names = b"".join(os.fsencode(path.absolute()) + b"\0" for path in paths)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _TRY],
        input=names,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
        cwd="/",
    )
    told = {os.fsdecode(name) for name in done.stdout.split(b"\0")[:-1]}
    return {path for path in paths if str(path.absolute()) in told}


@cache
def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"account {number}"


@cache
def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


@cache
def _members(number: int) -> tuple[str, ...]:
    """Return the accounts of a group, those whose first group it is included."""
    first = [one.pw_name for one in pwd.getpwall() if one.pw_gid == number]
    try:
        return (*first, *grp.getgrgid(number).gr_mem)
    except KeyError:
        return tuple(first)
