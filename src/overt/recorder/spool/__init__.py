"""Recordings at rest on the participant's machine, sealed to their own key."""

from overt.recorder.spool.store import (
    Spool,
    SpoolEntry,
    SpoolHead,
    SpoolState,
    SpoolWriter,
    read_head,
    sync_folder,
    write_private,
)

__all__ = [
    "Spool",
    "SpoolEntry",
    "SpoolHead",
    "SpoolState",
    "SpoolWriter",
    "read_head",
    "sync_folder",
    "write_private",
]
