"""Consent records, receipts, withdrawals, leases, and the decision to record.

A consent record follows ISO/IEC TS 27560:2023 (in the W3C DPV profile's terms): who,
under which notice, for which purposes and data types, when and how. The device signs
it (`consent.v1`), the vault answers with a signed receipt (`receipt.v1`). `decide` is
the one place that says whether recording is allowed. It fails closed. Specified in
docs/spec/consent.md.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from overt.protocol.canonical import Json, canonical_bytes, sha256_hex
from overt.protocol.errors import DataError, SealError
from overt.protocol.forms import read_form
from overt.protocol.programme import DATA_TYPES, FORBIDDEN_PURPOSES, Programme
from overt.protocol.signing import sign_document, trusted_keys, verify_document

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

SCHEMA = "ISO/IEC TS 27560:2023; dpv-27560:record-eu-gdpr"


@dataclass(frozen=True, slots=True)
class ConsentRecord:
    """What a participant decided.

    Attributes:
        record: Consent record id.
        schema: Which specification its terms are of.
        programme: Programme id.
        programme_version: Version of the programme that was shown.
        controller: Who is responsible, as shown.
        person: Pseudonym of the participant.
        device: The device on which it was given.
        notice_version: Version of the notice that was read.
        notice_digest: SHA-256 of that notice.
        purposes: Decision per purpose id.
        data_types: Decision per data type.
        retention_days: As shown.
        given_utc: When, ISO 8601 with `Z`.
        method: How: `explicit-action`.
    """

    record: str
    schema: str
    programme: str
    programme_version: int
    controller: str
    person: str
    device: str
    notice_version: str
    notice_digest: str
    purposes: dict[str, bool]
    data_types: dict[str, bool]
    retention_days: int
    given_utc: str
    method: str = "explicit-action"

    @property
    def agreed_purposes(self) -> tuple[str, ...]:
        """The purposes that the participant agreed to."""
        return tuple(sorted(name for name, yes in self.purposes.items() if yes))

    @property
    def agreed_data_types(self) -> tuple[str, ...]:
        """The data types that the participant agreed to."""
        return tuple(sorted(name for name, yes in self.data_types.items() if yes))


def parse_consent(body: Json) -> ConsentRecord:
    """Read the body of a consent document.

    Raises:
        DataError: A field is missing, foreign or of a wrong form.
    """
    record = read_form(ConsentRecord, body, what="A consent record")
    if record.schema != SCHEMA:
        raise DataError("A consent record is of another schema.")
    return record


def sign_consent(record: ConsentRecord, device: Ed25519PrivateKey) -> Json:
    """Return the device-signed consent document."""
    return sign_document("consent.v1", asdict(record), [device])


def verify_consent(envelope: Json, device: Ed25519PublicKey) -> ConsentRecord:
    """Return a consent record that a device has signed.

    Raises:
        SealError: Another key signed it.
        DataError: The document is malformed.
    """
    return parse_consent(
        verify_document(envelope, "consent.v1", trusted_keys([device]))
    )


def consent_problems(record: ConsentRecord, programme: Programme) -> list[str]:
    """Return why a consent record does not fit a programme; empty if it does."""
    problems = []
    if record.programme != programme.programme:
        problems.append("The consent record is another programme's.")
    if record.notice_digest != programme.notice.digest:
        problems.append("The notice has changed since consent was given.")
    known = {purpose.id for purpose in programme.purposes}
    if set(record.agreed_purposes) - known or (
        set(record.agreed_purposes) & set(FORBIDDEN_PURPOSES)
    ):
        problems.append("The consent record names a purpose that does not exist.")
    if set(record.agreed_data_types) - set(programme.data_types):
        problems.append("The consent record names a data type that is not asked for.")
    if record.retention_days < programme.retention_days:
        problems.append("The programme keeps recordings longer than you were told.")
    return problems


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A participant's withdrawal: recording and reading end.

    Attributes:
        record: Id of the consent record that ends.
        person: Pseudonym.
        device: The device that says so.
        erase: Whether what was sent is to be erased as well.
        given_utc: When, ISO 8601 with `Z`.
    """

    record: str
    person: str
    device: str
    erase: bool
    given_utc: str


def sign_withdrawal(withdrawal: Withdrawal, device: Ed25519PrivateKey) -> Json:
    """Return the device-signed withdrawal document."""
    return sign_document("withdrawal.v1", asdict(withdrawal), [device])


def verify_withdrawal(envelope: Json, device: Ed25519PublicKey) -> Withdrawal:
    """Return a withdrawal that a device has signed.

    Raises:
        SealError: Another key signed it.
        DataError: The document is malformed.
    """
    body = verify_document(envelope, "withdrawal.v1", trusted_keys([device]))
    return read_form(Withdrawal, body, what="A withdrawal")


ReceiptKind = Literal["enrolment", "consent", "withdrawal", "segment"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the participant keeps of something that the vault has taken in.

    Attributes:
        receipt: Receipt id.
        kind: What was taken in.
        subject: Id of it (consent record, segment, device).
        digest: SHA-256 of the document or of the sealed bytes.
        programme: Programme id.
        log_index: Index of the log entry that records it.
        day: UTC date, `YYYY-MM-DD`.
        final: Of an erasure: when the destruction of the key is final, as the key
            store says; left away where nothing was erased.
    """

    receipt: str
    kind: ReceiptKind
    subject: str
    digest: str
    programme: str
    log_index: int
    day: str
    final: str = ""


def sign_receipt(receipt: Receipt, key: Ed25519PrivateKey) -> Json:
    """Return the vault-signed receipt document."""
    body = asdict(receipt)
    if not receipt.final:
        del body["final"]
    return sign_document("receipt.v1", body, [key])


def verify_receipt(envelope: Json, programme: Programme, *, digest: str) -> Receipt:
    """Return a receipt signed by the programme's vault, for exactly these bytes.

    Raises:
        SealError: Not the vault's signature, or a receipt for something else.
        DataError: The document is malformed.
    """
    keys = trusted_keys([programme.service_key("receipt")])
    body = verify_document(envelope, "receipt.v1", keys)
    receipt = read_form(Receipt, body, what="A receipt")
    if (receipt.digest, receipt.programme) != (digest, programme.programme):
        raise SealError(f"Receipt {receipt.receipt} is for something else.")
    return receipt


@dataclass(frozen=True, slots=True)
class Lease:
    """Programme state as the vault states it, for a short time.

    Attributes:
        programme: Programme id.
        version: Version of the programme in force.
        state: `running` or `halted`.
        reason: Why halted; empty while running.
        nonce: The device's random nonce, so that no old lease can be replayed.
        duration_s: For how long after its request it holds.
    """

    programme: str
    version: int
    state: Literal["running", "halted"]
    reason: str
    nonce: str
    duration_s: int


def sign_lease(lease: Lease, key: Ed25519PrivateKey) -> Json:
    """Return the signed lease document."""
    return sign_document("lease.v1", asdict(lease), [key])


def verify_lease(envelope: Json, programme: Programme, *, nonce: str) -> Lease:
    """Return a lease that answers this nonce, signed by the lease issuer.

    Raises:
        SealError: Not the lease issuer's signature, or another nonce or programme.
        DataError: The document is malformed.
    """
    keys = trusted_keys([programme.service_key("lease")])
    body = verify_document(envelope, "lease.v1", keys)
    lease = read_form(Lease, body, what="A lease")
    if (lease.programme, lease.nonce) != (programme.programme, nonce):
        raise SealError("A lease answers another request.")
    return lease


@dataclass(frozen=True, slots=True)
class HeldLease:
    """A lease and when it was asked for, by CLOCK_BOOTTIME (it counts in sleep)."""

    lease: Lease
    requested_boottime_ns: int

    def remaining_s(self, boottime_ns: int, longest_s: int) -> float:
        """Seconds for which it still holds; a clock that went back ends it."""
        age_s = (boottime_ns - self.requested_boottime_ns) / 1e9
        allowed = min(self.lease.duration_s, longest_s)
        return allowed - age_s if age_s >= 0 else 0.0


@dataclass(frozen=True, slots=True)
class Allowed:
    """Recording is allowed, of these data types."""

    data_types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """Recording is not allowed.

    Attributes:
        code: Why, as a word: `no-dpia`, `no-consent`, `withdrawn`, `notice-changed`,
            `programme-changed`, `consent-mismatch`, `nothing-agreed`, `no-lease`,
            `halted`.
        reason: Why, and what to do about it.
    """

    code: str
    reason: str


def decide(
    programme: Programme,
    consent: ConsentRecord | None,
    lease: HeldLease | None,
    *,
    withdrawn: bool,
    boottime_ns: int,
) -> Allowed | Refused:
    """Say whether this device may record now. Whatever is missing refuses.

    Args:
        programme: The programme, already verified up to the pinned keys.
        consent: The participant's consent record, already verified.
        lease: The newest programme state, already verified.
        withdrawn: Whether the participant has withdrawn.
        boottime_ns: CLOCK_BOOTTIME now, nanoseconds.
    """
    standing = decide_standing(programme, consent, withdrawn=withdrawn)
    if isinstance(standing, Refused):
        return standing
    return decide_lease(programme, standing, lease, boottime_ns)


def decide_standing(
    programme: Programme, consent: ConsentRecord | None, *, withdrawn: bool
) -> ConsentRecord | Refused:
    """Say whether these papers allow recording, as far as no time counts.

    Returns:
        The consent record; or why they do not. The same papers have the same answer.
    """
    if not programme.dpia_covers_this:
        return Refused(
            "no-dpia", "No signed DPIA covers this programme. Ask the steward."
        )
    if withdrawn:
        return Refused("withdrawn", "You have withdrawn. Consent again to record.")
    if consent is None:
        return Refused("no-consent", "You have not consented. Run: overt consent give.")
    return _decide_consent(programme, consent) or consent


def _decide_consent(programme: Programme, consent: ConsentRecord) -> Refused | None:
    if consent.notice_digest != programme.notice.digest:
        return Refused(
            "notice-changed", "The notice has changed. Read it: overt consent show."
        )
    if consent.programme_version != programme.version:
        return Refused(
            "programme-changed",
            "The programme has changed since you consented. Read what is new and"
            " decide afresh: overt consent show.",
        )
    if problems := consent_problems(consent, programme):
        return Refused("consent-mismatch", problems[0])
    if not consent.agreed_purposes or not consent.agreed_data_types:
        return Refused("nothing-agreed", "You agreed to no purpose or no data type.")
    return None


def decide_lease(
    programme: Programme,
    consent: ConsentRecord,
    lease: HeldLease | None,
    boottime_ns: int,
) -> Allowed | Refused:
    """Say whether the programme runs now, to somebody whose papers stand."""
    if lease is None or lease.remaining_s(boottime_ns, programme.lease_s) <= 0:
        return Refused(
            "no-lease", "No fresh word from the server; recording waits for it."
        )
    if lease.lease.state != "running":
        return Refused("halted", f"The programme is halted: {lease.lease.reason}")
    if lease.lease.version != programme.version:
        return Refused(
            "consent-mismatch", "The programme has a new version. Fetch: overt status."
        )
    kinds = [name for name in DATA_TYPES if name in consent.agreed_data_types]
    return Allowed(tuple(kinds))


def document_digest(envelope: Json) -> str:
    """Return the SHA-256 of a signed document's canonical bytes."""
    return sha256_hex(canonical_bytes(envelope))
