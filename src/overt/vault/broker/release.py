"""A release: policy, durable log entry, unwrap, stream; in this order, every time.

Stage: the one way by which a segment's key leaves the vault. In: a researcher's signed
call for a request; out: a stream of sealed segments with keys sealed to the job. The
grant is derived from signatures up to the programme keys; the segments' participants'
consents likewise. No byte of a segment leaves before its read is on the log.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from overt.protocol.canonical import canonical_bytes, sha256_hex
from overt.protocol.errors import GovernError, OvertError, SealError
from overt.protocol.ids import new_id
from overt.protocol.records import Level
from overt.protocol.release import ReleaseHeader, begin_release, release_part
from overt.protocol.sealing import (
    SealedSegment,
    SealingPublicKey,
    parse_sealed,
    rewrap,
    sealed_digest,
    verify_sealed,
)
from overt.protocol.signing import public_key
from overt.vault.govern.consent import Standing, standing
from overt.vault.govern.halt import current_state
from overt.vault.govern.policy import Reading, SegmentFacts, may_read
from overt.vault.govern.refusals import HaltedError
from overt.vault.govern.registry import day_of
from overt.vault.govern.requests import grant_for, job_key
from overt.vault.store.rows import DeviceRow, PersonRow, ReleaseRow, SegmentRow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from overt.protocol.canonical import Json
    from overt.protocol.grants import Grant
    from overt.protocol.programme import Programme
    from overt.vault.broker.people import People
    from overt.vault.govern.callers import Caller
    from overt.vault.govern.roster import Roster
    from overt.vault.log.log import Log
    from overt.vault.log.witnessed import Witnessed
    from overt.vault.store.database import Database
    from overt.vault.store.objects import Objects

BATCH = 8  # segments whose reads share one commit of the log
PIECE_BYTES = 1 << 18
HALT_LOOK_S = 0.2  # how long a stream may run on without a look at the halt
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Pick:
    """A segment that a release may read, by facts of its row; not yet loaded."""

    row: SegmentRow
    device_key: str


@dataclass(frozen=True, slots=True)
class _Order:
    """A release on its way: who reads, under which grant, to which job."""

    release: str
    caller: Caller
    grant: Grant
    job: SealingPublicKey


@dataclass(frozen=True)
class Releases:
    """Answers releases.

    Attributes:
        database: Rows.
        objects: Sealed segments.
        roster: The signed programme.
        people: Vault keys.
        log: The log, of which this process is the only writer.
        witnessed: Heads that the programme's witnesses have cosigned.
        clock: Unix seconds now.
    """

    database: Database
    objects: Objects
    roster: Roster
    people: People
    log: Log
    witnessed: Witnessed
    clock: Callable[[], float] = time.time

    def begin(self, caller: Caller, request_id: str) -> Iterator[bytes]:
        """Check everything that can be checked first; return the stream.

        Raises:
            HaltedError: The programme is halted.
            GovernError: No grant, another's grant, a level or fields beyond what was
                asked for, too small a cohort, or nothing that may be read.
            SealError: A signature does not hold.
            NotFoundError: There is no such request.
        """
        programme = self._running()
        now_s = int(self.clock())
        grant = grant_for(self.database, request_id, programme, now_s)
        if grant.request.requester != caller.name:
            raise GovernError(f"Request {request_id} is somebody else's.")
        _check_level(grant, programme)
        job = job_key(grant.request)
        order = _Order(new_id("rel"), caller, grant, job)
        picks = [one for one in self._stored(grant) if self._allowed(one, order)]
        people = {one.row.person for one in picks}
        if not picks:
            raise GovernError(
                f"Request {request_id} covers no segment that may be read.",
                remedy="Segments are read under consent to the purpose and the fields.",
            )
        if len(people) < programme.min_cohort:
            raise GovernError(
                f"Request {request_id} covers fewer than {programme.min_cohort} people."
            )
        self._note(order, len(picks), now_s)
        return self._stream(order, picks)

    def _running(self) -> Programme:
        programme = self.roster.programme()
        state = current_state(self.database, programme)
        if state.halted:
            raise HaltedError(f"The programme is halted: {state.reason}")
        return programme

    def _stored(self, grant: Grant) -> list[_Pick]:
        """Return the cohort's segments within retention, in the order recorded."""
        programme = self.roster.programme()
        oldest = day_of(self.clock()) - timedelta(days=programme.retention_days)
        query = (
            select(SegmentRow, DeviceRow.public_key)
            .join(DeviceRow, DeviceRow.device_id == SegmentRow.device_id)
            .where(SegmentRow.state == "stored", SegmentRow.day >= oldest)
            .order_by(SegmentRow.session_id, SegmentRow.sequence)
        )
        if grant.request.cohort:
            query = query.where(SegmentRow.person.in_(grant.request.cohort))
        with self.database.read() as session:
            return [_Pick(row, key) for row, key in session.execute(query)]

    def _allowed(self, pick: _Pick, order: _Order) -> bool:
        """Ask the policy about one segment; whatever does not verify is denied."""
        programme = self._running()
        request, row = order.grant.request, pick.row
        device = (row.device_id, public_key(pick.device_key))
        try:
            with self.database.read() as session:
                agreed = standing(session, row.consent_id, row.person, device)
                person = session.get_one(PersonRow, row.person)
        except (GovernError, SealError):
            return False
        facts = SegmentFacts(
            row.segment_id,
            erased=person.state != "active",
            withdrawn=agreed.withdrawn,
            purposes=agreed.purposes,
            covered=_covered(row.person, agreed, order.grant),
        )
        humans = {programme.member(name).human for name in order.grant.approvers}
        reading = Reading(
            halted=False,
            purpose=request.purpose,
            approvers=len(humans),
            expires_s=request.expires_utc_s,
            now_s=int(self.clock()),
        )
        return may_read(order.caller, facts, reading)

    def _note(self, order: _Order, segments: int, now_s: int) -> None:
        request = order.grant.request
        with self.database.write() as session:
            session.add(
                ReleaseRow(
                    release_id=order.release,
                    request_id=request.request,
                    job_key_sha256=sha256_hex(request.job.encode()),
                    at_s=now_s,
                    segments=segments,
                )
            )

    def _stream(self, order: _Order, picks: Sequence[_Pick]) -> Iterator[bytes]:
        """Yield the release; it ends short, and says so by its count, when refused."""
        request = order.grant.request
        yield begin_release(
            ReleaseHeader(
                order.release,
                request.programme,
                request.request,
                order.grant.digest,
                request.expires_utc_s,
                len(picks),
                {pick.row.device_id: pick.device_key for pick in picks},
            )
        )
        try:
            for start in range(0, len(picks), BATCH):
                yield from self._read(order, picks[start : start + BATCH])
        except OvertError as error:
            _log.warning("Release %s ended short: %s", order.release, error)

    def _read(self, order: _Order, picks: Sequence[_Pick]) -> Iterator[bytes]:
        """Load and check a batch, log its reads, then open key by key."""
        loaded = [(pick.row, *self._load(pick)) for pick in picks]
        for pick in picks:
            if not self._allowed(pick, order):
                raise GovernError(f"Segment {pick.row.segment_id} may not be read.")
        numbers = self.log.append([self._entry(order, pick.row) for pick in picks])
        self.witnessed.cover(numbers[-1] + 1, self.roster.programme().witnesses)
        for row, data, sealed in loaded:
            self._running()
            key = self.people.open(row.person)
            yield from self._pieces(release_part(rewrap(sealed, key, order.job), data))

    def _pieces(self, part: bytes) -> Iterator[bytes]:
        """Yield a segment in pieces; a halt ends it between two of them."""
        asked = time.monotonic()
        for start in range(0, len(part), PIECE_BYTES):
            if time.monotonic() - asked >= HALT_LOOK_S:
                self._running()
                asked = time.monotonic()
            yield part[start : start + PIECE_BYTES]

    def _load(self, pick: _Pick) -> tuple[bytes, SealedSegment]:
        """Return a segment whose bytes, signature and header agree with its row."""
        row = pick.row
        data = self.objects.get(row.object_name)
        sealed = parse_sealed(data)
        verify_sealed(sealed, public_key(pick.device_key))
        header = sealed.header
        told = (header.segment, header.person, header.device, header.consent)
        noted = (row.segment_id, row.person, row.device_id, row.consent_id)
        dated = header.day == row.day.isoformat()
        if told != noted or not dated or sealed_digest(data) != row.sha256:
            raise SealError(f"Segment {row.segment_id} is not what its row says.")
        if header.programme != self.roster.anchor.programme:
            raise SealError(f"Segment {row.segment_id} is another programme's.")
        return data, sealed

    def _entry(self, order: _Order, row: SegmentRow) -> bytes:
        request = order.grant.request
        entry: Json = {
            "kind": "read",
            "subject": row.segment_id,
            "segment": row.segment_id,
            "person": row.person,
            "day": day_of(self.clock()).isoformat(),
            "purpose": request.purpose,
            "requester": request.requester,
            "request": request.request,
            "grant": order.grant.digest,
            "release": order.release,
        }
        return canonical_bytes(entry)


def _covered(person: str, agreed: Standing, grant: Grant) -> bool:
    """Whether cohort and fields cover a segment: it may hold no more than asked."""
    request = grant.request
    in_cohort = not request.cohort or person in request.cohort
    return in_cohort and set(agreed.data_types) <= set(request.fields)


def _check_level(grant: Grant, programme: Programme) -> None:
    order = list(Level)
    levels = [rule.level for rule in programme.allow]
    highest = max(levels, key=order.index, default=Level.OFF)
    asked = grant.request.level
    if asked not in order or order.index(highest) > order.index(Level(asked)):
        raise GovernError(
            f"Segments may hold level {highest}, more than the request asks for.",
            remedy="Ask for that level, or wait for masked recordings.",
        )
