"""A release: policy, durable log entry, unwrap, stream; in this order, every time.

Stage: the one way by which a segment's key leaves the vault. In: a researcher's signed
call for a request; out: a stream of sealed segments with keys sealed to the job. The
grant is derived from signatures up to the programme keys; the segments' participants'
consents likewise. No byte of a segment leaves before its read is on the log.
"""

from __future__ import annotations

import logging
import os
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import insert

from overt.protocol.canonical import canonical_bytes, sha256_hex
from overt.protocol.errors import GovernError, OvertError, SealError
from overt.protocol.ids import new_id
from overt.protocol.records import Level
from overt.protocol.release import ReleaseHeader, ReleaseNames, ReleaseWriter
from overt.protocol.sealing import (
    KEY_BYTES,
    SealedSegment,
    SealingPublicKey,
    open_box,
    parse_sealed,
    sealed_digest,
)
from overt.vault.broker.checked import Checked
from overt.vault.broker.picking import Judge, Pick, batches, stored
from overt.vault.govern.halt import current_state
from overt.vault.govern.known import Known
from overt.vault.govern.refusals import HaltedError
from overt.vault.govern.registry import day_of
from overt.vault.govern.requests import grant_for, job_key
from overt.vault.store.rows import ReleaseRow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sqlalchemy.orm import Session

    from overt.protocol.canonical import Json
    from overt.protocol.grants import Grant
    from overt.protocol.programme import Programme
    from overt.vault.broker.denials import Denials
    from overt.vault.broker.people import People
    from overt.vault.govern.callers import Caller
    from overt.vault.govern.policy import Reading, SegmentFacts
    from overt.vault.govern.roster import Roster
    from overt.vault.log.log import Log
    from overt.vault.log.witnessed import Witnessed
    from overt.vault.store.database import Database
    from overt.vault.store.objects import Objects

PIECE_BYTES = 1 << 18
HALT_LOOK_S = 0.2  # how long a stream may run on without a look at the halt
_NOTE = insert(ReleaseRow)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Order:
    """A release on its way: who reads, under which grant, to which job; answers."""

    release: str
    names_key: bytes
    caller: Caller
    grant: Grant
    job: SealingPublicKey
    asked: dict[tuple[SegmentFacts, Reading], bool]


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
        denials: What was ended, whatever the rows say.
        clock: Unix seconds now.
        checked: Segments whose device's signature was verified before.
        grants: Grants whose signatures were verified before.
    """

    database: Database
    objects: Objects
    roster: Roster
    people: People
    log: Log
    witnessed: Witnessed
    denials: Denials
    clock: Callable[[], float] = time.time
    checked: Checked = field(default_factory=Checked)
    grants: Known[Grant] = field(default_factory=Known)

    def begin(self, caller: Caller, request_id: str) -> Iterator[bytes]:
        """Check everything that can be checked first; return the stream.

        Raises:
            HaltedError: The programme is halted.
            GovernError: No grant, another's grant, a level or fields beyond what was
                asked for, too small a cohort, or nothing that may be read.
            SealError: A signature does not hold.
            NotFoundError: There is no such request.
        """
        programme, grant = self.granted(caller, request_id)
        if grant.request.derived:
            raise GovernError(
                f"Request {request_id} is for an export; it reads no segment."
            )
        now_s = int(self.clock())
        _check_level(grant, programme)
        job = job_key(grant.request)
        order = _Order(new_id("rel"), os.urandom(KEY_BYTES), caller, grant, job, {})
        oldest = day_of(now_s) - timedelta(days=programme.retention_days)
        judge = self._judge(order, programme)
        picks = [
            one for one in stored(self.database, grant, oldest) if judge.allows(one)
        ]
        people = {one.person for one in picks}
        if not picks:
            raise GovernError(
                f"Request {request_id} covers no segment that may be read.",
                remedy="Segments are read under consent to the purpose and the fields.",
            )
        if len(people) < programme.min_cohort:
            raise GovernError(
                f"Request {request_id} covers fewer than {programme.min_cohort} people."
            )
        return self._stream(order, picks)

    def granted(self, caller: Caller, request_id: str) -> tuple[Programme, Grant]:
        """Return the programme, which runs, and the caller's grant, which holds.

        Raises:
            HaltedError: The programme is halted.
            GovernError: No grant, or another's.
            SealError: A signature does not hold.
            NotFoundError: There is no such request.
        """
        programme, now_s = self.running(), int(self.clock())
        grant = grant_for(self.database, request_id, programme, now_s, self.grants)
        if {(grant.request.request, one) for one in grant.approvers} & (
            self.denials.refused
        ):
            raise GovernError(
                f"Who approved request {request_id} refused it later.",
                remedy="Have it decided afresh.",
            )
        if grant.request.requester != caller.name:
            raise GovernError(f"Request {request_id} is somebody else's.")
        return programme, grant

    def running(self) -> Programme:
        """Return the programme in force, if it runs.

        Raises:
            HaltedError: It is halted.
        """
        programme = self.roster.programme()
        state = current_state(self.database, programme, self.denials.latest)
        if state.halted:
            raise HaltedError(f"The programme is halted: {state.reason}")
        return programme

    def _judge(self, order: _Order, programme: Programme) -> Judge:
        now_s = int(self.clock())
        return Judge(
            *(self.database, programme, order.caller, order.grant, now_s, order.asked),
            self.denials.ended,
        )

    def _note(self, order: _Order, segments: int) -> Callable[[Session], None]:
        """Return what puts the release on record, together with its first entries."""
        request = order.grant.request
        row = {
            "release_id": order.release,
            "request_id": request.request,
            "job_key_sha256": sha256_hex(request.job.encode()),
            "at_s": int(self.clock()),
            "segments": segments,
            "names_key": order.names_key,
        }

        def note(session: Session) -> None:
            session.connection().execute(_NOTE, row)

        return note

    def _stream(self, order: _Order, picks: Sequence[Pick]) -> Iterator[bytes]:
        """Yield the release; it ends short, and says so by its count, when refused."""
        request = order.grant.request
        header = ReleaseHeader(
            order.release,
            request.programme,
            request.request,
            order.grant.digest,
            request.expires_utc_s,
            len(picks),
        )
        writer = ReleaseWriter(header, order.job)
        yield writer.head
        try:
            note: Callable[[Session], None] | None = self._note(order, len(picks))
            for batch in batches(picks):
                yield from self._read(order, writer, batch, note)
                note = None
        except OvertError as error:
            _log.warning("Release %s ended short: %s", order.release, error)

    def _read(
        self,
        order: _Order,
        writer: ReleaseWriter,
        picks: Sequence[Pick],
        note: Callable[[Session], None] | None,
    ) -> Iterator[bytes]:
        """Load and check a batch, log its reads, then open key by key."""
        loaded = [(pick, self.load(pick)) for pick in picks]
        judge = self._judge(order, self.running())
        for pick in picks:
            if not judge.allows(pick):
                raise GovernError(f"Segment {pick.segment} may not be read.")
        numbers = self.log.append([self._entry(order, pick) for pick in picks], note)
        self.witnessed.cover(numbers[-1] + 1, judge.programme.witnesses)
        reads = Counter(pick.person for pick in picks)
        keys = {who: self.people.open(who, reads[who]) for who in reads}
        names = ReleaseNames(order.names_key)
        yield from self.pieces(
            (
                writer.part(
                    names.of(sealed.header),
                    open_box(sealed, keys[pick.person]),
                    len(sealed.ciphertext),
                ),
                sealed.ciphertext,
            )
            for pick, sealed in loaded
        )

    def pieces(self, parts: Iterable[tuple[bytes, bytes]]) -> Iterator[bytes]:
        """Yield parts in pieces of one size; a halt ends the stream between them."""
        asked, room = time.monotonic(), bytearray()
        for before, data in parts:
            room += before
            whole = memoryview(data)
            for start in range(0, len(data), PIECE_BYTES):
                asked = self._look(asked)
                room += whole[start : start + PIECE_BYTES]
                if len(room) >= PIECE_BYTES:
                    yield bytes(room[:PIECE_BYTES])
                    del room[:PIECE_BYTES]
        self._look(asked)
        if room:
            yield bytes(room)

    def _look(self, asked: float) -> float:
        """Look at the halt where the last look is too long ago; return when it was."""
        if time.monotonic() - asked < HALT_LOOK_S:
            return asked
        self.running()
        return time.monotonic()

    def load(self, pick: Pick) -> SealedSegment:
        """Return a segment whose bytes, signature and header agree with its row.

        Raises:
            SealError: They do not.
            DataError: The bytes are no sealed segment.
            VaultError: The object is missing.
        """
        data = self.objects.get(pick.object_name)
        sealed, digest = parse_sealed(data), sealed_digest(data)
        self.checked.verify(sealed, digest, pick.device_key)
        header = sealed.header
        told = (header.segment, header.person, header.device, header.consent)
        noted = (pick.segment, pick.person, pick.device, pick.consent)
        dated = header.day == pick.day.isoformat()
        if told != noted or not dated or digest != pick.sha256:
            raise SealError(f"Segment {pick.segment} is not what its row says.")
        if header.programme != self.roster.anchor.programme:
            raise SealError(f"Segment {pick.segment} is another programme's.")
        return sealed

    def _entry(self, order: _Order, pick: Pick) -> bytes:
        request = order.grant.request
        entry: Json = {
            "kind": "read",
            "subject": pick.segment,
            "segment": pick.segment,
            "person": pick.person,
            "day": day_of(self.clock()).isoformat(),
            "purpose": request.purpose,
            "requester": request.requester,
            "request": request.request,
            "grant": order.grant.digest,
            "release": order.release,
        }
        return canonical_bytes(entry)


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
