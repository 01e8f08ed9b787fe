"""Consents on record, their withdrawal, and what they allow to be read.

Stage: between devices' signed decisions and every read. In: signed consent and
withdrawal documents; out: receipts, and per segment what its participant agrees to
now. It trusts a signature of the device that signed the segment, never a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select

from overt.protocol.canonical import canonical_bytes, parse_json
from overt.protocol.consent import (
    ConsentRecord,
    Withdrawal,
    consent_problems,
    document_digest,
    verify_consent,
    verify_withdrawal,
)
from overt.protocol.errors import ConsentError, DataError, GovernError
from overt.protocol.ids import check_id
from overt.protocol.signing import public_key
from overt.vault.store.rows import ConsentRow

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from overt.protocol.canonical import Json
    from overt.vault.govern.callers import Caller
    from overt.vault.govern.registry import Registry


_OF_DEVICE = select(
    ConsentRow.consent_id, ConsentRow.person, ConsentRow.state, ConsentRow.document
).where(ConsentRow.device_id == bindparam("device"))


def give(registry: Registry, caller: Caller, envelope: Json) -> bytes:
    """Put a consent record on record and return its receipt; again, the same one.

    Raises:
        ConsentError: It does not fit the programme in force, is another device's, or
            was withdrawn.
        SealError: The device has not signed it.
        DataError: It is malformed.
        VaultError: The log refuses.
    """
    record = verify_consent(envelope, public_key(caller.key))
    check_id(record.record, "cons")
    _given_s(record.given_utc)
    document = canonical_bytes(envelope)
    with registry.database.read() as session:
        row = session.get(ConsentRow, record.record)
    if row is not None:
        if row.document != document or row.state != "given":
            raise ConsentError(
                f"Consent record {record.record} exists and is withdrawn or another.",
                remedy="Consent afresh: overt consent give.",
            )
        return row.receipt
    _check_fits(registry, caller, record)
    digest = document_digest(envelope)
    index = registry.record(
        "consent", record.record, person=caller.person, digest=digest
    )
    receipt = registry.receipt("consent", record.record, digest, index)
    with registry.database.write() as session:
        session.merge(
            ConsentRow(
                consent_id=record.record,
                person=caller.person,
                device_id=caller.device,
                document=document,
                receipt=receipt,
            )
        )
    return receipt


def _check_fits(registry: Registry, caller: Caller, record: ConsentRecord) -> None:
    if (record.person, record.device) != (caller.person, caller.device):
        raise ConsentError("The consent record is another person's or device's.")
    for problem in consent_problems(record, registry.roster.programme()):
        raise ConsentError(problem, remedy="Read the notice: overt consent show.")


def _given_s(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError as error:
        raise DataError("A consent record's time is not ISO 8601.") from error


def withdraw(registry: Registry, caller: Caller, envelope: Json) -> Withdrawal:
    """End every consent of a person at once, in the rows; nothing is read from now on.

    The log entry and the receipt follow by `withdrawal_receipt`, so that a log that is
    away delays no withdrawal.

    Raises:
        ConsentError: There is no such consent of this person.
        SealError: The device has not signed it.
        DataError: It is malformed.
    """
    withdrawal = verify_withdrawal(envelope, public_key(caller.key))
    if (withdrawal.person, withdrawal.device) != (caller.person, caller.device):
        raise ConsentError("The withdrawal is another person's or device's.")
    with registry.database.write() as session:
        named = session.get(ConsentRow, withdrawal.record)
        if named is None or named.person != caller.person:
            raise ConsentError(f"There is no consent {withdrawal.record!r:.60} here.")
        rows = session.scalars(
            select(ConsentRow).where(ConsentRow.person == caller.person)
        )
        for row in rows:
            row.state = "withdrawn"
        document = canonical_bytes(envelope)
        if named.withdrawal != document and (
            named.withdrawal is None or withdrawal.erase
        ):
            named.withdrawal, named.withdrawal_receipt = document, None
    return withdrawal


def withdrawal_receipt(
    registry: Registry, caller: Caller, envelope: Json, *, final: str = ""
) -> bytes:
    """Log a withdrawal that is in force and return its receipt; again, the same one.

    Args:
        registry: The vault's parts.
        caller: Who withdrew.
        envelope: The withdrawal.
        final: Where it erased: when the key's destruction is final.

    Raises:
        VaultError: The log refuses; the withdrawal is in force all the same.
    """
    withdrawal = verify_withdrawal(envelope, public_key(caller.key))
    digest = document_digest(envelope)
    index = registry.record(
        "withdrawal", digest, person=caller.person, consent=withdrawal.record
    )
    with registry.database.write() as session:
        row = session.get_one(ConsentRow, withdrawal.record)
        if row.withdrawal != canonical_bytes(envelope):
            return registry.receipt(
                "withdrawal", withdrawal.record, digest, index, final=final
            )
        row.withdrawal_receipt = row.withdrawal_receipt or registry.receipt(
            "withdrawal", withdrawal.record, digest, index, final=final
        )
        return row.withdrawal_receipt


@dataclass(frozen=True, slots=True)
class Standing:
    """What a segment's participant agrees to now.

    Attributes:
        withdrawn: Whether the consent that it was recorded under has ended.
        purposes: Purposes agreed to, then and now.
        data_types: Data types that the segment may hold.
    """

    withdrawn: bool
    purposes: tuple[str, ...]
    data_types: tuple[str, ...]


def standing(
    connection: Connection, consent: str, person: str, device: tuple[str, str]
) -> Standing:
    """Return what holds for segments recorded under a consent record.

    A purpose counts only if the newest consent of the same device agrees to it too: a
    person who narrows their consent narrows it for what was sent as well.

    Args:
        connection: A connection to the database.
        consent: Id of the consent record that the segment names.
        person: The segment's pseudonym.
        device: Id and key (base64url) of the device that signed the segment.

    Raises:
        GovernError: There is no such consent, or it is another person's or device's.
        SealError: The device that signed the segment has not signed the consent.
    """
    rows = connection.execute(_OF_DEVICE, {"device": device[0]}).all()
    row = next((one for one in rows if one.consent_id == consent), None)
    if row is None or row.person != person:
        raise GovernError(f"No consent {consent!r:.60} of this person is on record.")
    record = _verified(row.document, device[1])
    if (record.record, record.person, record.device) != (consent, person, device[0]):
        raise GovernError(f"Consent {consent} is another's than its row says.")
    given = [_verified(one.document, device[1]) for one in rows if one.state == "given"]
    newest = max(given, key=lambda one: _given_s(one.given_utc), default=record)
    purposes = set(record.agreed_purposes) & set(newest.agreed_purposes)
    return Standing(
        row.state != "given", tuple(sorted(purposes)), record.agreed_data_types
    )


@lru_cache(maxsize=4096)  # by the very bytes and the key: no row can say that it holds
def _verified(document: bytes, key: str) -> ConsentRecord:
    record = parse_json(document, what="A consent record")
    return verify_consent(record, public_key(key))
