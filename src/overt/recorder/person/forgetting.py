"""Forgetting: the last minutes, gone from this machine; and what a crash left.

Input: the home. Output: a spool without the segments that reach into the minutes to
forget, or with every segment of a killed recorder ready for review. A segment's key
goes first, so that nothing opens even if the disk keeps old blocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from overt.protocol.errors import DataError, SealError
from overt.recorder.person.playback import open_own
from overt.recorder.spool import SpoolState

if TYPE_CHECKING:
    from overt.protocol.sealing import SealingKey
    from overt.recorder.person.home import Home


def forget_since(home: Home, since_utc_ns: int) -> list[str]:
    """Destroy every segment on this machine that holds anything from after an instant.

    A segment that is still being written loses its key at once: what is added to it
    afterwards never opens.

    Returns:
        The ids of the segments.
    """
    spool = home.spool
    reached = [
        path.stem
        for path in spool.folder.glob("seg_*.ovsp")
        if path.stat().st_mtime_ns >= since_utc_ns
    ]
    for segment in reached:
        home.forget(segment)
    return reached


def recover(home: Home, own: SealingKey) -> list[str]:
    """Make what a killed recorder left ready for review; call it with no other alive.

    A file that holds no whole commit is removed: nothing was recorded in it. One that
    does not open any more waits as well, so that its owner sees and discards it.

    Returns:
        The ids of the segments that now wait.
    """
    spool, recovered = home.spool, []
    for half in spool.folder.glob("*.part"):
        if not half.with_suffix("").exists():
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
