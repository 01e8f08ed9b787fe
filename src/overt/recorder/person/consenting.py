"""Consent as the participant gives it, sees it and withdraws it.

Input: decisions per purpose and data type. Output: the device-signed consent document
with the vault's verified receipt, kept in the home. A withdrawal stands on this
machine at once, whether or not the server is there. Nothing is agreed by default.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from overt.protocol.consent import (
    SCHEMA,
    ConsentRecord,
    Withdrawal,
    document_digest,
    sign_consent,
    sign_withdrawal,
    verify_consent,
    verify_receipt,
    verify_withdrawal,
)
from overt.protocol.errors import ConsentError, DataError, UsageError
from overt.protocol.ids import new_id
from overt.recorder.person.enrol import keep_receipt
from overt.recorder.person.home import Home, read_paper, write_paper

if TYPE_CHECKING:
    from collections.abc import Collection

    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

    from overt.protocol.canonical import Json
    from overt.protocol.programme import Programme
    from overt.recorder.person.enrol import Enrolment
    from overt.recorder.person.vault_client import VaultClient


@dataclass(frozen=True, slots=True)
class Standing:
    """What the participant has decided so far.

    Attributes:
        consent: The consent record, verified; None before the first.
        withdrawal: The withdrawal, verified; None while consent stands.
        confirmed: Whether the vault has confirmed the withdrawal.
    """

    consent: ConsentRecord | None
    withdrawal: Withdrawal | None
    confirmed: bool = False

    @property
    def withdrawn(self) -> bool:
        """Whether the participant has withdrawn."""
        return self.withdrawal is not None


def standing(home: Home, device: Ed25519PublicKey) -> Standing:
    """Return what the participant has decided, as this device has signed it.

    Raises:
        SealError: Another key signed it.
        DataError: A document is malformed.
    """
    given, ended = read_paper(home.consent), read_paper(home.withdrawal)
    consent = verify_consent(_document(given), device) if given else None
    if ended is None:
        return Standing(consent, None)
    withdrawal = verify_withdrawal(_document(ended), device)
    return Standing(consent, withdrawal, ended.get("receipt") is not None)


def _document(paper: Json) -> Json:
    document = paper.get("document")
    if not isinstance(document, dict):
        raise DataError("A consent paper is malformed.")
    return document


def make_record(
    programme: Programme,
    enrolment: Enrolment,
    *,
    purposes: Collection[str],
    data_types: Collection[str],
) -> ConsentRecord:
    """Return a consent record that agrees to exactly what is named.

    Raises:
        UsageError: A purpose or data type is not the programme's; none is named.
    """
    known = [purpose.id for purpose in programme.purposes]
    _check_named("purpose", purposes, known)
    _check_named("data type", data_types, programme.data_types)
    return ConsentRecord(
        record=new_id("cons"),
        schema=SCHEMA,
        programme=programme.programme,
        programme_version=programme.version,
        controller=programme.controller,
        person=enrolment.person,
        device=enrolment.device,
        notice_version=programme.notice.version,
        notice_digest=programme.notice.digest,
        purposes={name: name in purposes for name in known},
        data_types={name: name in data_types for name in programme.data_types},
        retention_days=programme.retention_days,
        given_utc=_now(),
    )


def _check_named(what: str, named: Collection[str], known: Collection[str]) -> None:
    if foreign := sorted(set(named) - set(known)):
        raise UsageError(
            f"The programme has no {what} {foreign[0]!r:.60}.",
            remedy=f"It has: {', '.join(known)}.",
        )
    if not named:
        raise UsageError(
            f"No {what} is named.", remedy=f"Choose among: {', '.join(known)}."
        )


def give(
    home: Home,
    device: Ed25519PrivateKey,
    programme: Programme,
    record: ConsentRecord,
    client: VaultClient,
) -> Json:
    """Hand a consent record in and keep it with its receipt; return the receipt.

    Raises:
        SealError: The receipt is not the vault's, or is for something else.
        NetworkError: The server is away; no consent is on record then.
    """
    confirm_withdrawal(home, programme, client)  # an earlier one must not be lost
    document = sign_consent(record, device)
    receipt = client.consent(document)
    verify_receipt(receipt, programme, digest=document_digest(document))
    keep_receipt(home, receipt, document)
    write_paper(home.consent, {"document": document, "receipt": receipt})
    home.withdrawal.unlink(missing_ok=True)
    return receipt


def withdraw(home: Home, device: Ed25519PrivateKey, *, erase: bool) -> Withdrawal:
    """Withdraw on this machine, at once and durably.

    Args:
        home: The participant's home.
        device: Signs the withdrawal.
        erase: Whether what was sent is to be erased as well.

    Raises:
        ConsentError: There is no consent to withdraw.
    """
    before = standing(home, device.public_key())
    if before.consent is None:
        raise ConsentError("There is no consent to withdraw.")
    if before.withdrawal is not None and (before.withdrawal.erase or not erase):
        return before.withdrawal
    consent = before.consent
    withdrawal = Withdrawal(
        consent.record, consent.person, consent.device, erase, _now()
    )
    document = sign_withdrawal(withdrawal, device)
    write_paper(home.withdrawal, {"document": document, "receipt": None})
    return withdrawal


def confirm_withdrawal(
    home: Home, programme: Programme, client: VaultClient
) -> Json | None:
    """Tell the vault of a withdrawal that it has not confirmed yet.

    Returns:
        The receipt; None where there is no withdrawal.

    Raises:
        NetworkError: The server is away; the withdrawal stands and waits.
        SealError: The receipt is not the vault's.
    """
    paper = read_paper(home.withdrawal)
    if paper is None:
        return None
    if isinstance(receipt := paper.get("receipt"), dict):
        return receipt
    document = _document(paper)
    answer = client.withdraw(document)
    verify_receipt(answer, programme, digest=document_digest(document))
    keep_receipt(home, answer, document)
    write_paper(home.withdrawal, {"document": document, "receipt": answer})
    return answer


def kept_receipts(home: Home) -> list[Json]:
    """Return every receipt that was kept, as the bodies that the vault signed."""
    if not home.receipts.exists():
        return []
    papers = [read_paper(path) for path in sorted(home.receipts.glob("*.json"))]
    return [paper for paper in papers if paper is not None]


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
