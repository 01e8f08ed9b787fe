"""Forgetting: minutes, gone from this machine; and what a crash left.

Input: the home. Output: a preview of the minutes that go; a spool without them, or
with every segment of a killed recorder ready for review. A minute's key goes first, so
that nothing opens even if the disk keeps old blocks. No key is needed to forget.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from overt.protocol.errors import DataError, SealError
from overt.recorder.person.playback import open_own
from overt.recorder.spool import SpoolState

if TYPE_CHECKING:
    from pathlib import Path

    from overt.protocol.canonical import Json
    from overt.protocol.sealing import SealingKey
    from overt.recorder.person.home import Home
    from overt.recorder.spool import SpoolEntry

_LONGEST_NS = 120 * 10**9  # of a file of any version


@dataclass(frozen=True, slots=True)
class Piece:
    """A minute that is to be forgotten, as far as that can be told without the key.

    Attributes:
        segment: Segment id.
        started_utc_ns: When it began.
        until_utc_ns: Nothing in it is later.
        size_bytes: Size of its file.
        state: What became of it; `damaged` where that is not known.
    """

    segment: str
    started_utc_ns: int
    until_utc_ns: int
    size_bytes: int
    state: str


def pieces(
    home: Home, since_utc_ns: int, until_utc_ns: int | None = None
) -> list[Piece]:
    """Return what holds anything from an interval, oldest first; nothing is destroyed.

    Args:
        home: The participant's home.
        since_utc_ns: Its beginning.
        until_utc_ns: Its end, itself not included; None for all that came after.
    """
    spool = home.spool
    known = [_piece(entry) for entry in spool.entries()]
    damaged = [_damaged(spool.folder / f"{name}.ovsp") for name in spool.damaged()]
    found = [
        one
        for one in [*known, *filter(None, damaged)]
        if one.until_utc_ns > since_utc_ns
        and (until_utc_ns is None or one.started_utc_ns < until_utc_ns)
    ]
    return sorted(found, key=lambda one: one.started_utc_ns)


def told(piece: Piece) -> Json:
    """Return a piece as JSON; nanoseconds are decimal texts."""
    started, until = str(piece.started_utc_ns), str(piece.until_utc_ns)
    return asdict(piece) | {"started_utc_ns": started, "until_utc_ns": until}


def _piece(entry: SpoolEntry) -> Piece:
    return Piece(
        entry.segment,
        entry.started_utc_ns,
        entry.until_utc_ns,
        entry.size_bytes,
        entry.state.value,
    )


def _damaged(path: Path) -> Piece | None:
    """A file whose head is gone is dated by the file system, with all it may span."""
    try:
        facts = path.stat()
    except FileNotFoundError:
        return None
    began_ns = facts.st_mtime_ns - _LONGEST_NS
    return Piece(path.stem, began_ns, facts.st_mtime_ns, facts.st_size, "damaged")


def forget(home: Home, since_utc_ns: int, until_utc_ns: int | None = None) -> list[str]:
    """Destroy every minute on this machine that holds anything from an interval.

    A minute that is still being written loses its key at once: what is added to it
    afterwards never opens.

    Returns:
        The ids of the segments.
    """
    gone = [one.segment for one in pieces(home, since_utc_ns, until_utc_ns)]
    for segment in gone:
        home.forget(segment)
    return gone


def recover(home: Home, own: SealingKey) -> list[str]:
    """Make what a killed recorder left ready for review; call it with no other alive.

    A file that holds no whole commit is removed: nothing was recorded in it. One that
    does not open any more waits as well, so that its owner sees and discards it.

    Returns:
        The ids of the segments that now wait.
    """
    spool, recovered = home.spool, []
    for half in spool.folder.glob("*.part"):
        half.unlink(missing_ok=True)
    clear_states(home)
    for segment in spool.unfinished():
        try:
            open_own(spool, segment, own)
        except DataError:
            home.forget(segment)
            continue
        except SealError:
            pass
        spool.set_state(segment, SpoolState.WAITING)
        recovered.append(segment)
    return recovered


def clear_states(home: Home) -> None:
    """Remove state files whose segment is gone."""
    for path in home.spool.folder.glob("seg_*.state.json"):
        segment = path.name.removesuffix(".state.json")
        if not path.with_name(f"{segment}.ovsp").exists():
            path.unlink(missing_ok=True)
