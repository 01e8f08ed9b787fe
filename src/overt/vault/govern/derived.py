"""What was made of recordings: registered, found again by person, revoked, exported.

Stage: after a release. In: signed registrations, wishes to export, decisions; out: the
way from a person to every dataset and model that held their data, and its state. Who
contributed follows from the segments on record, never from what a researcher says. It
holds no derived byte, and never claims that revoking reaches a copy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from overt.protocol.canonical import canonical_bytes, parse_json
from overt.protocol.consent import document_digest
from overt.protocol.derived import (
    check_export,
    verify_decision,
    verify_derived,
    verify_export,
)
from overt.protocol.errors import GovernError
from overt.protocol.release import ReleaseNames
from overt.vault.govern.refusals import ConflictError, NotFoundError
from overt.vault.govern.requests import grant_for
from overt.vault.log.book import EntryBook
from overt.vault.store.rows import (
    DerivedPersonRow,
    DerivedRow,
    PersonRow,
    ReleaseRow,
    SegmentRow,
)

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from overt.protocol.canonical import Json
    from overt.protocol.derived import Derived
    from overt.vault.govern.callers import Caller
    from overt.vault.govern.registry import Registry
    from overt.vault.store.database import Database

USABLE = frozenset({"held", "kept"})


def register(registry: Registry, caller: Caller, envelope: Json) -> Json:
    """Put something derived on record; the same one again changes nothing.

    Raises:
        GovernError: Not the caller's, no grant, or a segment that this grant has not
            read; or made of something that may not be used, or of fewer people than
            the programme's `min_cohort`.
        ConflictError: Another one has its id.
        NotFoundError: It is made of something that is not on record.
        SealError: The researcher has not signed it.
        DataError: It is malformed.
    """
    programme = registry.roster.programme()
    derived = verify_derived(envelope, programme)
    _check_caller(caller, derived.researcher)
    with registry.database.read() as session:
        known = session.get(DerivedRow, derived.derived)
    if known is not None:
        return _same(known, envelope)
    grant = grant_for(registry.database, derived.request, programme, registry.now_s)
    if (grant.digest, grant.request.requester) != (derived.grant, caller.name):
        raise GovernError("The registration names another grant than its request's.")
    people = _contributors(registry.database, derived)
    if len(people) < programme.min_cohort:
        raise GovernError(
            f"{derived.derived} holds data of fewer than {programme.min_cohort} people,"
            " the programme's least.",
            remedy="Make it of more people's segments; this one opens for nobody.",
        )
    _check_fresh(registry.database, derived.key)
    digest = document_digest(envelope)
    registry.record("derived", derived.derived, request=derived.request, digest=digest)
    with registry.database.write() as session:
        session.add(
            DerivedRow(
                derived_id=derived.derived,
                kind=derived.kind,
                request_id=derived.request,
                researcher=derived.researcher,
                purpose=grant.request.purpose,
                day=registry.today,
                key_id=derived.key,
                document=canonical_bytes(envelope),
            )
        )
        session.flush()
        for person in sorted(people):
            session.add(DerivedPersonRow(derived_id=derived.derived, person=person))
            gone = session.get_one(PersonRow, person).state != "active"
            if gone:
                session.get_one(DerivedRow, derived.derived).state = _fallen(derived)
    return {"derived": derived.derived, "state": state_of(registry, derived.derived)}


def _check_fresh(database: Database, key: str) -> None:
    """Check that nothing else is sealed to a key: it opens for one thing's people."""
    with database.read() as session:
        other = session.scalar(select(DerivedRow).where(DerivedRow.key_id == key))
    if other is not None:
        raise ConflictError(f"{other.derived_id} is sealed to {key:.40} already.")


def _fallen(derived: Derived) -> str:
    return "revoked" if derived.kind == "dataset" else "tainted"


def _check_caller(caller: Caller, name: str) -> None:
    if caller.name != name:
        raise GovernError("The document is signed by somebody else than its sender.")


def _same(known: DerivedRow, envelope: Json) -> Json:
    if known.document != canonical_bytes(envelope):
        raise ConflictError(f"{known.derived_id} is on record as something else.")
    return {"derived": known.derived_id, "state": known.state}


def _contributors(database: Database, derived: Derived) -> set[str]:
    """Return whose data is in it, by segments that were read or by its sources."""
    with database.read() as session:
        if derived.kind == "dataset":
            return _of_segments(session, database, derived)
        people: set[str] = set()
        for source in derived.made_of:
            row = session.get(DerivedRow, source)
            if row is None:
                raise NotFoundError(f"{source!r:.60} is not on record.")
            if row.state not in USABLE:
                raise GovernError(f"{source} is {row.state}; nothing is made of it.")
            people |= set(
                session.scalars(
                    select(DerivedPersonRow.person).where(
                        DerivedPersonRow.derived_id == source
                    )
                )
            )
        return people


def _of_segments(session: Session, database: Database, derived: Derived) -> set[str]:
    release = session.get(ReleaseRow, derived.release)
    if release is None or release.names_key is None:
        raise GovernError(f"There is no release {derived.release!r:.60} with names.")
    names = ReleaseNames(release.names_key)
    people, book = set(), EntryBook(database, "")
    under = (derived.request, derived.release)
    for name in derived.segments:
        segment = names.resolve(name)
        row = session.get(SegmentRow, segment)
        reads = [
            parse_json(entry, what="A log entry")
            for _, _, entry in book.find("read", subject=segment)
        ]
        mine = any((one.get("request"), one.get("release")) == under for one in reads)
        if row is None or not mine:
            raise GovernError(f"Segment {name!r:.60} was not read under this grant.")
        people.add(row.person)
    return people


def state_of(registry: Registry, derived: str) -> str:
    """Return the state of something derived.

    Raises:
        NotFoundError: There is no such thing.
    """
    with registry.database.read() as session:
        row = session.get(DerivedRow, derived)
    if row is None:
        raise NotFoundError(f"{derived!r:.60} is not on record.")
    return row.state


def revoke(registry: Registry, person: str) -> list[str]:
    """Revoke every dataset that held a person's data and taint what was made of them.

    Returns:
        Their ids. Bytes that a researcher has stay where they are.

    Raises:
        VaultError: The log refuses; withdraw again.
    """
    with registry.database.read() as session:
        rows = list(
            session.scalars(
                select(DerivedRow)
                .join(DerivedPersonRow)
                .where(DerivedPersonRow.person == person)
                .where(DerivedRow.state.in_(USABLE))
            )
        )
    for row in rows:
        state = "revoked" if row.kind == "dataset" else "tainted"
        registry.record(state, row.derived_id, person=person)
        with registry.database.write() as session:
            session.get_one(DerivedRow, row.derived_id).state = state
    return [row.derived_id for row in rows]


def decide(registry: Registry, envelope: Json) -> Json:
    """Put on record what two people decide on something tainted.

    Raises:
        GovernError: It is not tainted, or the two are one person.
        NotFoundError: There is no such thing.
        SealError: A steward or the representative has not signed it.
        DataError: It is malformed.
    """
    decision = verify_decision(envelope, registry.roster.programme())
    if state_of(registry, decision.derived) not in {"tainted", decision.decision}:
        raise GovernError(f"{decision.derived} is not tainted; nothing is to decide.")
    digest = document_digest(envelope)
    registry.record(
        "derived-decision", decision.derived, digest=digest, decision=decision.decision
    )
    with registry.database.write() as session:
        row = session.get_one(DerivedRow, decision.derived)
        row.state, row.decision = decision.decision, canonical_bytes(envelope)
    return {"derived": decision.derived, "state": decision.decision}


def export(registry: Registry, caller: Caller, envelope: Json) -> Json:
    """Log an export in clear; return its number on the log.

    Raises:
        GovernError: No grant that names it and this recipient, not the caller's, for
            another purpose than it was made for, or it may not be used.
        NotFoundError: It is not on record.
        SealError: The researcher has not signed it.
        DataError: It is malformed.
        VaultError: The log refuses; nothing may be written then.
    """
    programme = registry.roster.programme()
    wish = verify_export(envelope, programme)
    _check_caller(caller, wish.researcher)
    grant = grant_for(registry.database, wish.request, programme, registry.now_s)
    check_export(wish, grant)
    if (state := state_of(registry, wish.derived)) not in USABLE:
        raise GovernError(f"{wish.derived} is {state}; it is not exported.")
    with registry.database.read() as session:
        made = session.get_one(DerivedRow, wish.derived)
    if (made.purpose, made.researcher) != (grant.request.purpose, caller.name):
        raise GovernError(f"{wish.derived} was made for another purpose or person.")
    facts = {"request": wish.request, "requester": caller.name}
    facts["digest"] = document_digest(envelope)
    number = 0
    for person in people_in(registry.database, wish.derived):
        number = registry.record(
            "export",
            wish.derived,
            person=person,
            purpose=grant.request.purpose,
            recipient=wish.recipient,
            **facts,
        )
    return {"log_index": number, "recipient": wish.recipient}


def people_in(database: Database, derived: str) -> list[str]:
    """Return whose data is in something derived, by its rows."""
    query = select(DerivedPersonRow.person).where(
        DerivedPersonRow.derived_id == derived
    )
    with database.read() as session:
        return sorted(session.scalars(query))


def of_person(database: Database, person: str) -> list[Json]:
    """Return everything that a person's data went into."""
    query = (
        select(DerivedRow)
        .join(DerivedPersonRow)
        .where(DerivedPersonRow.person == person)
        .order_by(DerivedRow.day, DerivedRow.derived_id)
    )
    with database.read() as session:
        return [_facts(row) for row in session.scalars(query)]


def seen_by(registry: Registry, caller: Caller) -> list[Json]:
    """Return everything on record; to a researcher, their own."""
    query = select(DerivedRow).order_by(DerivedRow.day, DerivedRow.derived_id)
    if not set(caller.roles) & {"steward", "representative", "auditor", "approver"}:
        query = query.where(DerivedRow.researcher == caller.name)
    with registry.database.read() as session:
        return [_facts(row) for row in session.scalars(query)]


def _facts(row: DerivedRow) -> Json:
    return {
        "derived": row.derived_id,
        "kind": row.kind,
        "request": row.request_id,
        "researcher": row.researcher,
        "purpose": row.purpose,
        "day": row.day.isoformat(),
        "state": row.state,
    }
