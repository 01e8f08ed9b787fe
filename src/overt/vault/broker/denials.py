"""What was ended, as it went on the log: rows that are set back bring nothing back.

Stage: inside the broker, between the vault server's entries and the log. In: entries;
out: which consents and approvals hold no more, which halt order was the last, which
version of the programme the newest. Whoever writes the database can put a withdrawn
consent, an approval that became a refusal, or an older programme back, or take a halt
away; this file lies with the broker's keys, is backed up with them, and only denies.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from overt.protocol.canonical import canonical_bytes, parse_json
from overt.protocol.errors import DataError, VaultError
from overt.vault.govern.halt import Latest
from overt.vault.log.book import EntryBook
from overt.vault.store.files import append_durably

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from overt.protocol.canonical import Json
    from overt.vault.log.log import Log
    from overt.vault.store.database import Database

KINDS = ("consent", "withdrawal", "approval", "halt", "programme")
_KEPT = (
    *("kind", "subject", "person", "consent", "request", "approver", "decision"),
    "version",
)


class Denials:
    """A file of lines, mode 0600, only appended to; what it says is kept in memory.

    Args:
        path: The file; made with the first line.
        log: The log: entries that a crash kept from the file are taken from it.
        database: Where the log's entries lie.

    Attributes:
        ended: Ids of consent records that were withdrawn.
        refused: Requests with approvers whose last decision about them was a refusal.
        latest: The last halt order and the newest version of the programme.

    Raises:
        VaultError: The file cannot be read or written, or an entry that it lacks is
            not what the log's tree commits to.
    """

    def __init__(self, path: Path, log: Log, database: Database) -> None:
        self.ended: set[str] = set()
        self.refused: set[tuple[str, str]] = set()
        self.latest = Latest()
        self._consents: dict[str, set[str]] = {}  # of a person, in force
        self._path, self._log, self._mutex = path, log, threading.Lock()
        self._unwritten = b""
        known = self._read()
        book = EntryBook(database, "")
        missed = sorted(
            (number, salt, entry)
            for kind in KINDS
            for number, salt, entry in book.find(kind)
            if number > known
        )
        if not all(log.holds(*one) for one in missed):
            raise VaultError(
                "An entry on record is not what the log commits to; nothing is served.",
                remedy="Restore the newest copies of database and log; see overt fsck.",
            )
        self._keep(
            [(number, parse_json(e, what="An entry")) for number, _, e in missed]
        )

    def append(self, entries: Sequence[Json]) -> list[int]:
        """Put entries on the log, and keep durably what they end.

        Raises:
            VaultError: Log or file cannot be written. What the log has is kept in
                memory at once, and in the file with the next of its kind or start.
        """
        packed = [canonical_bytes(entry) for entry in entries]
        if not any(entry.get("kind") in KINDS for entry in entries):
            return self._log.append(packed)
        with self._mutex:
            numbers = self._log.append(packed)
            self._keep(list(zip(numbers, entries, strict=True)))
        return numbers

    def _read(self) -> int:
        """Take what the file says; return the highest number of an entry in it."""
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return -1
        except OSError as error:
            raise VaultError(f"{self._path} cannot be read.") from error
        whole, _, torn = data.rpartition(b"\n")
        if torn:  # by a crash: its entry is on the log
            os.truncate(self._path, len(data) - len(torn))
        highest = -1
        for line in whole.split(b"\n") if whole else ():
            try:
                entry = parse_json(line, what=f"A line of {self._path}")
                highest = max(highest, int(entry["number"]))
            except (DataError, KeyError, ValueError, TypeError) as error:
                raise VaultError(
                    f"{self._path} is malformed; nothing is read.",
                    remedy="Bring it back from the newest backup of the keys.",
                ) from error
            self._take(entry)
        return highest

    def _keep(self, entries: list[tuple[int, Json]]) -> None:
        lines = []
        for number, entry in entries:
            if entry.get("kind") not in KINDS:
                continue
            self._take(entry)
            kept = {name: entry[name] for name in _KEPT if name in entry}
            lines.append(canonical_bytes({**kept, "number": number}) + b"\n")
        self._unwritten += b"".join(lines)
        if self._unwritten:
            self._write()

    def _write(self) -> None:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            append_durably(self._path, self._unwritten)
        except OSError as error:
            raise VaultError(
                "What was ended could not be kept beside the keys.",
                remedy="Free space on the broker's disk, then send it again.",
            ) from error
        self._unwritten = b""

    def _take(self, entry: Json) -> None:
        kind, subject = str(entry["kind"]), str(entry.get("subject"))
        person = str(entry.get("person"))
        if kind == "consent":
            self._consents.setdefault(person, set()).add(subject)
        elif kind == "withdrawal":
            named = str(entry.get("consent"))
            self.ended |= self._consents.pop(person, set()) | {named}
        elif kind == "approval":
            decided = str(entry.get("request")), str(entry.get("approver"))
            self.refused.discard(decided)
            if entry.get("decision") != "approve":
                self.refused.add(decided)
        elif kind == "halt":
            self.latest = self.latest._replace(order=subject)
        else:
            newest = max(self.latest.version, int(str(entry.get("version"))))
            self.latest = self.latest._replace(version=newest)
