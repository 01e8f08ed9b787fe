"""Which segments a release may read: found by their rows, judged by signatures.

Stage: inside the broker, before a release and again before each of its batches. In: a
grant; out: picks, and yes or no for each. The policy is asked once for all segments
that one person's device recorded under one consent record. What does not verify is
denied; nothing is loaded or opened here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import bindparam, select

from overt.protocol.errors import GovernError, SealError
from overt.vault.govern.consent import Standing, standing
from overt.vault.govern.policy import Reading, SegmentFacts, may_read
from overt.vault.store.rows import DeviceRow, PersonRow, SegmentRow

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from overt.protocol.grants import Grant
    from overt.protocol.programme import Programme
    from overt.vault.govern.callers import Caller
    from overt.vault.store.database import Database

BATCH, BATCH_BYTES = 512, 32 << 20  # segments that share one commit of the log


_S = SegmentRow
_FACTS = (
    select(
        *(_S.segment_id, _S.object_name, _S.size_bytes, _S.sha256, _S.person),
        *(_S.device_id, _S.consent_id, _S.day, DeviceRow.public_key),
    )
    .join(DeviceRow, DeviceRow.device_id == _S.device_id)
    .where(_S.state == "stored")
)
_STORED = _FACTS.where(_S.day >= bindparam("oldest")).order_by(
    _S.session_id, _S.sequence
)
_STORED_BY = (
    _FACTS.where(_S.person == bindparam("person"))
    .where(_S.device_id == bindparam("device"))
    .order_by(_S.session_id, _S.sequence)
)
_NAMED = _STORED.where(_S.segment_id.in_(bindparam("segments", expanding=True)))
_STORED_OF = _STORED.where(_S.person.in_(bindparam("cohort", expanding=True)))
_STATE = select(PersonRow.state).where(PersonRow.person == bindparam("person"))


class Pick(NamedTuple):
    """A segment by facts of its row; not yet loaded."""

    segment: str
    object_name: str
    size_bytes: int
    sha256: str
    person: str
    device: str
    consent: str
    day: date
    device_key: str

    @property
    def source(self) -> tuple[str, str, str, str]:
        """What the policy's answer depends on, beside the grant."""
        return self.person, self.consent, self.device, self.device_key


def stored(database: Database, grant: Grant, oldest: date) -> list[Pick]:
    """Return the cohort's segments of a date or later, in the order recorded."""
    query, values = _STORED, {"oldest": oldest, "cohort": grant.request.cohort}
    if grant.request.cohort:
        query = _STORED_OF
    with database.look() as connection:
        return [Pick(*found) for found in connection.execute(query, values)]


def named(database: Database, segments: Sequence[str]) -> list[Pick]:
    """Return segments by their ids, those that the vault still holds."""
    found = []
    with database.look() as connection:
        for at in range(0, len(segments), BATCH):
            values = {"oldest": date.min, "segments": segments[at : at + BATCH]}
            found += [Pick(*row) for row in connection.execute(_NAMED, values)]
    return found


def recorded_by(database: Database, person: str, device: str) -> list[Pick]:
    """Return all that is stored of a person's device, however old, in its order."""
    with database.look() as connection:
        found = connection.execute(_STORED_BY, {"person": person, "device": device})
        return [Pick(*one) for one in found]


def batches(picks: Sequence[Pick]) -> Iterator[list[Pick]]:
    """Yield picks in their order, so many at a time as fit the batch's limits."""
    batch: list[Pick] = []
    size = 0
    for pick in picks:
        if batch and (len(batch) == BATCH or size + pick.size_bytes > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(pick)
        size += pick.size_bytes
    if batch:
        yield batch


@dataclass
class Judge:
    """Asks the policy about segments, at one moment.

    Attributes:
        database: Rows.
        programme: The programme in force.
        caller: Who reads.
        grant: Under which grant.
        now_s: Unix seconds.
        asked: The policy's answers to this caller, by all that it was asked; where
            nothing has changed since, it is not asked again.
        ended: Ids of consent records that were withdrawn, whatever their rows say.
    """

    database: Database
    programme: Programme
    caller: Caller
    grant: Grant
    now_s: int
    asked: dict[tuple[SegmentFacts, Reading], bool]
    ended: Collection[str]

    def __post_init__(self) -> None:
        self._answers: dict[tuple[str, str, str, str], bool] = {}

    def allows(self, pick: Pick) -> bool:
        """Whether a segment may be read now."""
        known = self._answers.get(pick.source)
        if known is None:
            known = self._answers[pick.source] = self._ask(pick)
        return known

    def _ask(self, pick: Pick) -> bool:
        device = (pick.device, pick.device_key)
        try:
            with self.database.look() as connection:
                agreed = standing(connection, pick.consent, pick.person, device)
                state = connection.execute(_STATE, {"person": pick.person}).scalar_one()
        except (GovernError, SealError):
            return False
        facts = SegmentFacts(
            pick.segment,
            erased=state != "active",
            withdrawn=agreed.withdrawn or pick.consent in self.ended,
            purposes=agreed.purposes,
            covered=_covered(pick.person, agreed, self.grant),
        )
        request = self.grant.request
        members = [self.programme.member(name) for name in self.grant.approvers]
        reading = Reading(
            halted=False,
            purpose=request.purpose,
            approvers=len({member.human for member in members}),
            expires_s=request.expires_utc_s,
            now_s=self.now_s,
        )
        asked = (facts, reading)
        if asked not in self.asked:
            self.asked[asked] = may_read(self.caller, facts, reading)
        return self.asked[asked]


def _covered(person: str, agreed: Standing, grant: Grant) -> bool:
    """Whether cohort and fields cover a segment: it may hold no more than asked."""
    request = grant.request
    in_cohort = not request.cohort or person in request.cohort
    return in_cohort and set(agreed.data_types) <= set(request.fields)
