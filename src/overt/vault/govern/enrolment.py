"""Invitations and enrolment: how a device comes to belong to a pseudonym.

Stage: a participant's first contact. In: a steward's invitation (the hash of a code,
the programme-signed vault key), then a device's signed request with the code; out: a
device on record and a receipt. It never learns whom a code was handed to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from overt.protocol.canonical import canonical_bytes, parse_json, sha256_hex, unb64
from overt.protocol.consent import document_digest
from overt.protocol.errors import GovernError
from overt.protocol.forms import read_form
from overt.protocol.ids import check_id
from overt.protocol.invitation import verify_person_key
from overt.protocol.signing import (
    device_id,
    key_id,
    public_key,
    trusted_keys,
    verify_document,
)
from overt.vault.store.rows import DeviceRow, InvitationRow, PersonKeyRow

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from overt.protocol.canonical import Json
    from overt.vault.govern.registry import Registry


@dataclass(frozen=True, slots=True)
class InvitationBody:
    """What a steward tells the vault of an invitation: never the code itself."""

    person: str
    code_sha256: str
    person_key: dict[str, Any]
    expires_utc_s: int


@dataclass(frozen=True, slots=True)
class EnrolmentBody:
    """What a device signs with its new key to be taken in."""

    programme: str
    code: str
    person: str
    device: str
    key: str


def invite(registry: Registry, body: Json) -> None:
    """Take an invitation in; the same one again changes nothing.

    Raises:
        SealError: The programme keys have not signed the person's vault key.
        GovernError: The person or the key is unknown to the broker, or erased.
        DataError: The body is malformed.
    """
    form = read_form(InvitationBody, body, what="An invitation")
    public = verify_person_key(registry.roster.anchor, form.person_key, form.person)
    with registry.database.write() as session:
        key = session.get(PersonKeyRow, form.person)
        if key is None or unb64(key.public_half, what="A vault key") != public.raw:
            raise GovernError("The broker has made no such vault key.")
        if key.wrapped is None:
            raise GovernError(f"{form.person} is erased.")
        key.binding = canonical_bytes(form.person_key)
        if session.get(InvitationRow, form.code_sha256) is None:
            session.add(
                InvitationRow(
                    code_sha256=form.code_sha256,
                    programme_id=registry.roster.anchor.programme,
                    person=form.person,
                    expires_s=form.expires_utc_s,
                )
            )


def enrol(registry: Registry, envelope: Json) -> bytes:
    """Take a device in by its invitation's code and return its receipt.

    Raises:
        SealError: The device has not signed with the key that it names.
        GovernError: No such invitation, expired, used, or of another person; or the
            device's id is not its key's.
        DataError: The document is malformed.
        VaultError: The log refuses.
    """
    body = _signed_body(envelope)
    document = canonical_bytes(envelope)
    with registry.database.read() as session:
        known = session.get(DeviceRow, body.device)
        if known is not None and known.document == document:
            return known.receipt
        _check_code(session, registry, body)
    digest = document_digest(envelope)
    index = registry.record("enrolment", body.device, person=body.person, digest=digest)
    receipt = registry.receipt("enrolment", body.device, digest, index)
    with registry.database.write() as session:
        _check_code(session, registry, body).state = "used"
        session.add(
            DeviceRow(
                device_id=body.device,
                person=body.person,
                key_id=key_id(public_key(body.key)),
                public_key=body.key,
                document=document,
                receipt=receipt,
            )
        )
    return receipt


def _signed_body(envelope: Json) -> EnrolmentBody:
    """Return an enrolment's body, signed by the key that it names itself."""
    payload = unb64(str(envelope.get("payload")), what="An enrolment's payload")
    claimed = parse_json(payload, what="An enrolment").get("key")
    key = public_key(str(claimed))
    body = verify_document(envelope, "enrolment.v1", trusted_keys([key]))
    form = read_form(EnrolmentBody, body, what="An enrolment")
    if form.device != device_id(key):
        raise GovernError(
            "The device's id is not that of its key.",
            remedy="Enrol with a newer overt.",
        )
    check_id(form.person, "part")
    return form


def _check_code(
    session: Session, registry: Registry, body: EnrolmentBody
) -> InvitationRow:
    row = session.get(InvitationRow, sha256_hex(body.code.encode()))
    mine = (registry.roster.anchor.programme, body.person)
    remedy = "Ask the representative for a new invitation."
    if row is None or (row.programme_id, row.person) != mine:
        raise GovernError("The invitation is not known here.", remedy=remedy)
    if body.programme != row.programme_id:
        raise GovernError("The invitation is another programme's.", remedy=remedy)
    if row.state != "open" or session.get(DeviceRow, body.device) is not None:
        raise GovernError("The invitation is used already.", remedy=remedy)
    if registry.now_s >= row.expires_s:
        raise GovernError("The invitation has expired.", remedy=remedy)
    return row
