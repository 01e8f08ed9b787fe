"""Recoveries: noticed on the log, waited for, stopped by an objection.

Stage: beside own reads. In: `own-recovery.v1` and `own-objection.v1`; out: entries on
the log that every device of the person sees, and yes or no to an own read by a new key.
What was noticed, when, and what was objected to lies in the log's folder, which the
broker alone writes: no row in the database starts, hastens or revives a recovery.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select

from overt.protocol.canonical import canonical_bytes, parse_json
from overt.protocol.consent import document_digest
from overt.protocol.errors import GovernError, OvertError, VaultError
from overt.protocol.ownread import FRESH_S, utc_s
from overt.protocol.recovery import (
    NOTICE_S,
    Recovery,
    asked_recovery,
    verify_objection,
    verify_recovery,
)
from overt.vault.govern.refusals import NotFoundError
from overt.vault.govern.registry import day_of
from overt.vault.store.rows import DeviceRow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from overt.protocol.canonical import Json
    from overt.protocol.ownread import OwnRead
    from overt.protocol.programme import Programme
    from overt.vault.broker.release import Releases

FOLDER = "recoveries"
_DEVICE = select(DeviceRow.person, DeviceRow.public_key).where(
    DeviceRow.device_id == bindparam("device")
)


@dataclass(frozen=True, slots=True)
class _Noticed:
    """A recovery whose notice is on the log.

    Attributes:
        document: The document with both signatures.
        entry: The notice, as it stands on the log.
        number: The entry's number.
        at_s: When the broker put it there, Unix seconds.
    """

    document: Json
    entry: Json
    number: int
    at_s: int


@dataclass(frozen=True)
class Recoveries:
    """Takes recoveries and objections in, and says what they open.

    Attributes:
        parts: What releases are made with.
    """

    parts: Releases

    def notice(self, envelope: Json) -> Json:
        """Put a recovery's notice on the log; again, it changes nothing.

        Returns:
            `recovery`, `opens_utc`, `log_index`.

        Raises:
            HaltedError: The programme is halted.
            SealError: New device or representative has not signed it.
            GovernError: It is too old or from the future, another one has its id, or
                it was objected to.
            DataError: It is malformed.
            VaultError: It could not be made durable; send it again.
        """
        programme, at_s = self.parts.running(), int(self.parts.clock())
        recovery, member = verify_recovery(envelope, programme)
        known = self._find(recovery.recovery)
        if known is None:
            if not at_s - NOTICE_S <= utc_s(recovery.given_utc) <= at_s + FRESH_S:
                raise GovernError("The recovery's time is off; ask afresh.")
            known = self._put(envelope, recovery, member.name, at_s)
        if canonical_bytes(known.document) != canonical_bytes(envelope):
            raise GovernError(f"Another recovery has the id {recovery.recovery}.")
        if self._objected(recovery.recovery):
            raise GovernError("A device of this person objected to the recovery.")
        return {
            "recovery": recovery.recovery,
            "opens_utc": known.entry["opens_utc"],
            "log_index": known.number,
        }

    def _put(
        self, envelope: Json, recovery: Recovery, representative: str, at_s: int
    ) -> _Noticed:
        entry: Json = {
            "kind": "own-recovery",
            "subject": recovery.recovery,
            "person": recovery.person,
            "day": day_of(at_s).isoformat(),
            "digest": document_digest(envelope),
            "recorded_by": recovery.recorded_by,
            "device": recovery.device,
            "representative": representative,
            "opens_utc": _utc(at_s + NOTICE_S),
        }
        number = self.parts.log.append([canonical_bytes(entry)])[0]
        noticed = _Noticed(envelope, entry, number, at_s)
        body = {
            "document": envelope, "entry": entry, "number": number, "at_s": at_s
        }  # fmt: skip
        self._write(f"{recovery.recovery}.json", canonical_bytes(body))
        return noticed

    def object(self, envelope: Json) -> Json:
        """Stop a recovery for good, before the answer; also while halted.

        Raises:
            NotFoundError: There is no such recovery.
            GovernError: The device is none of that person's.
            SealError: It has not signed the objection.
            DataError: It is malformed.
            VaultError: It could not be made durable; send it again.
        """
        programme = self.parts.roster.programme()
        objection = verify_objection(envelope, programme.programme)
        known = self._find(objection.recovery)
        if known is None:
            raise NotFoundError(f"There is no recovery {objection.recovery}.")
        person = str(known.entry["person"])
        self._check_theirs(objection.device, objection.key, known)
        self._write(f"{objection.recovery}.objected", canonical_bytes(envelope))
        entry: Json = {
            "kind": "own-objection",
            "subject": objection.recovery,
            "person": person,
            "day": day_of(self.parts.clock()).isoformat(),
            "digest": document_digest(envelope),
            "device": objection.device,
        }
        return {"log_index": self.parts.log.append([canonical_bytes(entry)])[0]}

    def _check_theirs(self, device: str, key: str, known: _Noticed) -> None:
        """Check that a device is the lost one or another of its person's."""
        if device == known.entry["recorded_by"]:
            return
        with self.parts.database.look() as connection:
            row = connection.execute(_DEVICE, {"device": device}).first()
        new = device == known.entry["device"]
        if row is None or new or tuple(row) != (known.entry["person"], key):
            raise GovernError("The device is none of the person's older ones.")

    def check(self, read: OwnRead, programme: Programme) -> None:
        """Check that a recovery lets a new key read what a lost device recorded.

        Raises:
            GovernError: None does, or not yet, or one was objected to, or who
                co-signed it is no representative any more.
        """
        why = "Another device recorded this."
        remedy = "With a lost device: overt recovery ask, and the representative."
        for one in self._all():
            recovery = asked_recovery(one.document)
            told = (recovery.person, recovery.recorded_by, recovery.key, recovery.own)
            if told != (read.person, read.recorded_by, read.key, read.own):
                continue
            why = self._closed(recovery.recovery, one, programme)
            if not why:
                return
        raise GovernError(why, remedy=remedy)

    def _closed(self, recovery: str, noticed: _Noticed, programme: Programme) -> str:
        """Return why a recovery opens nothing now; empty if it does."""
        try:
            verify_recovery(noticed.document, programme)
        except OvertError as error:  # another recovery may open it all the same
            return str(error)
        if self._objected(recovery):
            return "A device of this person objected to the recovery."
        if self.parts.clock() < noticed.at_s + NOTICE_S:
            return f"The recovery opens at {noticed.entry['opens_utc']}, after notice."
        if self.parts.log.entry(noticed.number) != canonical_bytes(noticed.entry):
            return "The recovery's notice does not stand on the log."
        return ""

    def _objected(self, recovery: str) -> bool:
        return self.parts.log.folder.read(f"{FOLDER}/{recovery}.objected") is not None

    def _find(self, recovery: str) -> _Noticed | None:
        data = self.parts.log.folder.read(f"{FOLDER}/{recovery}.json")
        if data is None:
            return None
        body = parse_json(data, what=f"Recovery {recovery}")
        names = ("document", "entry", "number", "at_s")
        return _Noticed(*(body[name] for name in names))

    def _all(self) -> Iterator[_Noticed]:
        folder = self.parts.log.folder.folder / FOLDER
        for path in sorted(folder.glob("*.json")):
            found = self._find(path.stem)
            if found is not None:
                yield found

    def _write(self, name: str, data: bytes) -> None:
        try:
            self.parts.log.folder.write(f"{FOLDER}/{name}", data)
        except OSError as error:
            raise VaultError("The recovery could not be written; try again.") from error


def _utc(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat().replace("+00:00", "Z")
