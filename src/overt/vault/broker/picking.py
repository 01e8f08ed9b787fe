"""Which segments a release may read: found by their rows, judged by signatures.

Stage: inside the broker, before a release and again before each of its batches. In: a
grant; out: picks, and yes or no for each. The policy is asked once for all segments
that one person's device recorded under one consent record. What does not verify is
denied; nothing is loaded or opened here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date  # noqa: TC003 - NamedTuple reads annotations at run time
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import select

from overt.protocol.errors import GovernError, SealError
from overt.protocol.signing import public_key
from overt.vault.govern.consent import Standing, standing
from overt.vault.govern.policy import Reading, SegmentFacts, may_read
from overt.vault.store.rows import DeviceRow, PersonRow, SegmentRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from overt.protocol.grants import Grant
    from overt.protocol.programme import Programme
    from overt.vault.govern.callers import Caller
    from overt.vault.store.database import Database

BATCH, BATCH_BYTES = 512, 32 << 20  # segments that share one commit of the log


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
    row = SegmentRow
    query = (
        select(
            *(row.segment_id, row.object_name, row.size_bytes, row.sha256, row.person),
            *(row.device_id, row.consent_id, row.day, DeviceRow.public_key),
        )
        .join(DeviceRow, DeviceRow.device_id == row.device_id)
        .where(row.state == "stored", row.day >= oldest)
        .order_by(row.session_id, row.sequence)
    )
    if grant.request.cohort:
        query = query.where(row.person.in_(grant.request.cohort))
    with database.read() as session:
        return [Pick(*found) for found in session.execute(query)]


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
    """

    database: Database
    programme: Programme
    caller: Caller
    grant: Grant
    now_s: int

    def __post_init__(self) -> None:
        self._answers: dict[tuple[str, str, str, str], bool] = {}

    def allows(self, pick: Pick) -> bool:
        """Whether a segment may be read now."""
        known = self._answers.get(pick.source)
        if known is None:
            known = self._answers[pick.source] = self._ask(pick)
        return known

    def _ask(self, pick: Pick) -> bool:
        device = (pick.device, public_key(pick.device_key))
        try:
            with self.database.read() as session:
                agreed = standing(session, pick.consent, pick.person, device)
                person = session.get_one(PersonRow, pick.person)
        except (GovernError, SealError):
            return False
        facts = SegmentFacts(
            pick.segment,
            erased=person.state != "active",
            withdrawn=agreed.withdrawn,
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
        return may_read(self.caller, facts, reading)


def _covered(person: str, agreed: Standing, grant: Grant) -> bool:
    """Whether cohort and fields cover a segment: it may hold no more than asked."""
    request = grant.request
    in_cohort = not request.cohort or person in request.cohort
    return in_cohort and set(agreed.data_types) <= set(request.fields)
