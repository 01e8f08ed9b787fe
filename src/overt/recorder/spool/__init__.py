"""Recordings at rest on the participant's machine, sealed to their own key."""

from overt.recorder.spool.form import MINUTE_NS, SpoolHead, minute_end_ns, read_head
from overt.recorder.spool.store import Spool, SpoolEntry, SpoolState
from overt.recorder.spool.writer import SpoolWriter, sync_folder, write_private

__all__ = [
    "MINUTE_NS",
    "Spool",
    "SpoolEntry",
    "SpoolHead",
    "SpoolState",
    "SpoolWriter",
    "minute_end_ns",
    "read_head",
    "sync_folder",
    "write_private",
]
