"""Own reads: a participant's own segments, sealed to their own key, without a grant.

Stage: beside releases, in the same order: policy, durable log entry, unwrap, stream.
In: `own-read.v1`; out: a release sealed to the key that it names. Enrolment vouches for
nothing here: the key that asks is the one that the id of the recording device names,
or one whose recovery has been noticed for seven days; and a segment's key opens only
under the header that it was sealed with, device included. A withdrawn consent takes
nothing away from its person; a halt does, as long as it lasts.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select

from overt.protocol.canonical import canonical_bytes
from overt.protocol.consent import document_digest
from overt.protocol.errors import GovernError, OvertError, SealError
from overt.protocol.ids import new_id
from overt.protocol.ownread import FRESH_S, OwnRead, verify_own_read
from overt.protocol.programme import OWN_PURPOSE
from overt.protocol.release import Released, ReleaseHeader, ReleaseWriter
from overt.protocol.sealing import SealedHeader, open_box
from overt.protocol.signing import device_id
from overt.vault.broker.checked import device_key
from overt.vault.broker.picking import Pick, batches, recorded_by
from overt.vault.broker.recoveries import Recoveries
from overt.vault.govern.callers import Caller, once
from overt.vault.govern.policy import check
from overt.vault.govern.registry import day_of
from overt.vault.store.rows import PersonRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from overt.protocol.canonical import Json
    from overt.protocol.programme import Programme
    from overt.vault.broker.release import Releases

_STATE = select(PersonRow.state).where(PersonRow.person == bindparam("person"))
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Order:
    """An own read on its way."""

    release: str
    read: OwnRead
    digest: str


@dataclass(frozen=True)
class OwnReads:
    """Answers own reads.

    Attributes:
        parts: What releases are made with.
    """

    parts: Releases

    def begin(self, envelope: Json) -> Iterator[bytes]:
        """Check everything that can be checked first; return the stream.

        Raises:
            HaltedError: The programme is halted.
            GovernError: Another device recorded what is asked for, the person is
                erased, a segment is not held, or the read is not fresh.
            ReplayError: It was answered before.
            SealError: It is not signed by the key that it names, or a row names
                another key for the device.
            DataError: It is malformed.
        """
        parts = self.parts
        programme, now_s = parts.running(), int(parts.clock())
        read = verify_own_read(envelope, programme.programme, now_utc_s=now_s)
        self.check(read, programme)
        once(parts.database, f"own:{read.read}", now_s + 2 * FRESH_S, now_s)
        order = _Order(new_id("rel"), read, document_digest(envelope))
        return self._stream(order, self._picks(read))

    def check(self, read: OwnRead, programme: Programme) -> None:
        """Check that who asks may read what was recorded by the device named.

        Raises:
            GovernError: They may not.
        """
        with self.parts.database.look() as connection:
            state = connection.execute(_STATE, {"person": read.person}).scalar()
        role = "participant" if state == "active" else "former"
        caller = Caller(read.device, (role,), read.key)
        check(caller, "read_own", programme.programme, halted=False)
        check_recorder(read, Recoveries(self.parts), programme)

    def _picks(self, read: OwnRead) -> list[Pick]:
        held = recorded_by(self.parts.database, read.person, read.recorded_by)
        wanted = set(read.segments)
        picks = [one for one in held if not wanted or one.segment in wanted]
        for missing in sorted(wanted - {one.segment for one in picks}):
            raise GovernError(f"Segment {missing} is not held of this device.")
        if not held:
            raise GovernError("The vault holds no segment of this device.")
        if not wanted:
            picks = _batch_after(held, read.after)
        for pick in picks:
            if device_id(device_key(pick.device_key)) != read.recorded_by:
                raise SealError(
                    f"The id of device {read.recorded_by} is not that of its key.",
                    remedy="What it recorded can be played on the machine itself.",
                )
        return picks

    def _stream(self, order: _Order, picks: Sequence[Pick]) -> Iterator[bytes]:
        """Yield the release; it ends short, and says so by its count, when refused."""
        read = order.read
        header = ReleaseHeader(
            *(order.release, read.programme, read.read, order.digest, 0, len(picks))
        )
        writer = ReleaseWriter(header, read.sealed_to)
        yield writer.head
        try:
            for batch in batches(picks):
                yield from self._batch(order, writer, batch)
        except OvertError as error:
            _log.warning("Own read %s ended short: %s", order.release, error)

    def _batch(
        self, order: _Order, writer: ReleaseWriter, picks: Sequence[Pick]
    ) -> Iterator[bytes]:
        """Load and check a batch, log its reads, then open key by key."""
        parts, person = self.parts, order.read.person
        loaded = [parts.load(pick) for pick in picks]
        programme = parts.running()
        self.check(order.read, programme)
        numbers = parts.log.append([self._entry(order, pick) for pick in picks])
        parts.witnessed.cover(numbers[-1] + 1, programme.witnesses)
        key = parts.people.open(person, len(picks))
        yield from parts.pieces(
            (
                writer.part(
                    _named(sealed.header),
                    open_box(sealed, key),
                    len(sealed.ciphertext),
                ),
                sealed.ciphertext,
            )
            for sealed in loaded
        )

    def _entry(self, order: _Order, pick: Pick) -> bytes:
        entry: Json = {
            "kind": "read",
            "subject": pick.segment,
            "segment": pick.segment,
            "person": pick.person,
            "day": day_of(self.parts.clock()).isoformat(),
            "purpose": OWN_PURPOSE,
            "requester": order.read.device,
            "request": order.read.read,
            "grant": order.digest,
            "release": order.release,
        }
        return canonical_bytes(entry)


def check_recorder(read: OwnRead, recoveries: Recoveries, programme: Programme) -> None:
    """Check that the device that asks recorded it, or stands in for the one that did.

    Raises:
        GovernError: Another recorded it, and no recovery has come to its end.
    """
    if read.device != read.recorded_by:
        recoveries.check(read, programme)


def _batch_after(held: list[Pick], after: str) -> list[Pick]:
    """Return one batch of what is held, behind a segment; none behind the last.

    Raises:
        GovernError: The segment is not held.
    """
    names = [one.segment for one in held]
    if after and after not in names:
        raise GovernError(f"Segment {after} is not held of this device.")
    return next(batches(held[names.index(after) + 1 if after else 0 :]), [])


def _named(header: SealedHeader) -> Released:
    """Return what the release says of a segment: its person's own names for it."""
    told = (header.segment, header.session, header.sequence)
    return Released(*told, header.person, header.consent)
