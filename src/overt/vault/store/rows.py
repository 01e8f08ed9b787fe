"""The rows of the vault: facts about ciphertext, and signed documents as bytes.

Stage: below everything in the vault. A row is a note, not a permission: whoever reads
one checks the signatures in its `document` up to the programme keys. No row holds
captured content, a key in clear, or a time of day of a recording (`day` is a date).

Columns named `document` hold a DSSE envelope as RFC 8785 bytes; `*_s` are seconds
since 1970 UTC at the server.
"""

from __future__ import annotations

from datetime import date  # noqa: TC003 - SQLAlchemy reads annotations at run time

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """The declarative base; its metadata is what the migrations build."""


class ProgrammeRow(Base):
    """A version of the signed programme; the highest version counts."""

    __tablename__ = "programmes"
    programme_id: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    document: Mapped[bytes]


class HaltRow(Base):
    """A halt or the lifting of one, in the order it was accepted."""

    __tablename__ = "halts"
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    programme_id: Mapped[str] = mapped_column(index=True)
    halted: Mapped[bool]
    at_s: Mapped[int]
    document: Mapped[bytes]


class HaltAckRow(Base):
    """A device that was told of a halt; kept for a day, without a time."""

    __tablename__ = "halt_acks"
    halt: Mapped[int] = mapped_column(ForeignKey("halts.number"), primary_key=True)
    device_id: Mapped[str] = mapped_column(
        ForeignKey("devices.device_id"), primary_key=True
    )


class InvitationRow(Base):
    """An invitation: the hash of its code, never whom it was handed to."""

    __tablename__ = "invitations"
    code_sha256: Mapped[str] = mapped_column(primary_key=True)
    programme_id: Mapped[str]
    person: Mapped[str] = mapped_column(ForeignKey("persons.person"))
    expires_s: Mapped[int]
    state: Mapped[str] = mapped_column(default="open")  # open, used, revoked


class PersonRow(Base):
    """A pseudonym."""

    __tablename__ = "persons"
    person: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(default="active")  # active, erased


class DeviceRow(Base):
    """An enrolled device with the request that it signed."""

    __tablename__ = "devices"
    device_id: Mapped[str] = mapped_column(primary_key=True)
    person: Mapped[str] = mapped_column(ForeignKey("persons.person"), index=True)
    key_id: Mapped[str] = mapped_column(unique=True)
    public_key: Mapped[str]
    document: Mapped[bytes]
    receipt: Mapped[bytes]


class PersonKeyRow(Base):
    """A person's vault pair.

    Attributes:
        public_half: base64url of the public half.
        epoch: KMS epoch that the private half is wrapped under.
        wrapped: The wrapped private half; none once the key is destroyed. Loaded only
            where it is asked for: the vault server's account may not.
        binding: The `person-key.v1` document, once the programme keys signed it.
    """

    __tablename__ = "person_keys"
    person: Mapped[str] = mapped_column(primary_key=True)
    public_half: Mapped[str]
    epoch: Mapped[int]
    wrapped: Mapped[bytes | None] = mapped_column(deferred=True)
    binding: Mapped[bytes | None]


class ConsentRow(Base):
    """A consent record with its receipt, later also its withdrawal."""

    __tablename__ = "consents"
    consent_id: Mapped[str] = mapped_column(primary_key=True)
    person: Mapped[str] = mapped_column(ForeignKey("persons.person"), index=True)
    device_id: Mapped[str] = mapped_column(ForeignKey("devices.device_id"))
    state: Mapped[str] = mapped_column(default="given")  # given, withdrawn
    document: Mapped[bytes]
    receipt: Mapped[bytes]
    withdrawal: Mapped[bytes | None]
    withdrawal_receipt: Mapped[bytes | None]


class SegmentRow(Base):
    """A sealed segment that the vault holds, with the receipt that it gave."""

    __tablename__ = "segments"
    __table_args__ = (UniqueConstraint("session_id", "sequence"),)
    segment_id: Mapped[str] = mapped_column(primary_key=True)
    object_name: Mapped[str] = mapped_column(unique=True)
    size_bytes: Mapped[int]
    sha256: Mapped[str]
    person: Mapped[str] = mapped_column(ForeignKey("persons.person"), index=True)
    device_id: Mapped[str] = mapped_column(ForeignKey("devices.device_id"))
    session_id: Mapped[str]
    sequence: Mapped[int]
    consent_id: Mapped[str] = mapped_column(ForeignKey("consents.consent_id"))
    day: Mapped[date]
    state: Mapped[str] = mapped_column(default="pending")  # pending, stored, erased
    receipt: Mapped[bytes | None]


class AccessRequestRow(Base):
    """A researcher's signed request for access."""

    __tablename__ = "access_requests"
    request_id: Mapped[str] = mapped_column(primary_key=True)
    requester: Mapped[str]
    sha256: Mapped[str]
    state: Mapped[str] = mapped_column(default="open")  # a note; the grant is derived
    document: Mapped[bytes]


class ApprovalRow(Base):
    """One approver's signed decision over a request's exact hash."""

    __tablename__ = "approvals"
    request_id: Mapped[str] = mapped_column(
        ForeignKey("access_requests.request_id"), primary_key=True
    )
    approver: Mapped[str] = mapped_column(primary_key=True)
    request_sha256: Mapped[str]
    decision: Mapped[str]  # approve, refuse
    document: Mapped[bytes]


class LogEntryRow(Base):
    """What a leaf of the log commits to; `entry` is none once erased.

    `kind`, `person` and `subject` repeat the entry's fields of these names, so that
    a participant's readers are found; they are empty where the entry has none.
    """

    __tablename__ = "log_entries"
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(index=True)
    person: Mapped[str] = mapped_column(index=True)
    subject: Mapped[str] = mapped_column(index=True)
    salt: Mapped[bytes | None]
    entry: Mapped[bytes | None]


class LogHeadRow(Base):
    """The last checkpoint that was answered for; the folder must extend it."""

    __tablename__ = "log_heads"
    origin: Mapped[str] = mapped_column(primary_key=True)
    size: Mapped[int]
    root: Mapped[bytes]


class ReleaseRow(Base):
    """One answered release: for which request, to which job key, how many segments.

    Attributes:
        names_key: `ReleaseNames` of the release; none in one of an older overt.
    """

    __tablename__ = "releases"
    release_id: Mapped[str] = mapped_column(primary_key=True)
    request_id: Mapped[str] = mapped_column(
        ForeignKey("access_requests.request_id"), index=True
    )
    job_key_sha256: Mapped[str]
    at_s: Mapped[int]
    segments: Mapped[int]
    names_key: Mapped[bytes | None]


class DerivedRow(Base):
    """Something that a job made of recordings: a dataset, a model, an evaluation."""

    __tablename__ = "derived"
    derived_id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    request_id: Mapped[str] = mapped_column(ForeignKey("access_requests.request_id"))
    researcher: Mapped[str]
    purpose: Mapped[str]
    day: Mapped[date]
    state: Mapped[str] = mapped_column(default="held")  # see protocol/derived.py
    key_id: Mapped[str | None] = mapped_column(unique=True)
    document: Mapped[bytes]
    decision: Mapped[bytes | None]


class DerivedKeyRow(Base):
    """The key of something derived, made before it is registered.

    Attributes:
        key_id: Its id.
        request_id: The request under whose grant it was made.
        epoch: KMS epoch that the private half is wrapped under.
        wrapped: The wrapped private half; none once the key is destroyed.
    """

    __tablename__ = "derived_keys"
    key_id: Mapped[str] = mapped_column(primary_key=True)
    request_id: Mapped[str] = mapped_column(ForeignKey("access_requests.request_id"))
    epoch: Mapped[int]
    wrapped: Mapped[bytes | None]


class DerivedPersonRow(Base):
    """Whose data is in something derived."""

    __tablename__ = "derived_persons"
    derived_id: Mapped[str] = mapped_column(
        ForeignKey("derived.derived_id"), primary_key=True
    )
    person: Mapped[str] = mapped_column(
        ForeignKey("persons.person"), primary_key=True, index=True
    )


class SeenRequestRow(Base):
    """The nonce of a signed API request, kept until it has expired anyway."""

    __tablename__ = "seen_requests"
    nonce: Mapped[str] = mapped_column(primary_key=True)
    expires_s: Mapped[int] = mapped_column(index=True)


class WebSessionRow(Base):
    """A browser session of the console: the hash of its cookie."""

    __tablename__ = "web_sessions"
    token_sha256: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str]
    expires_s: Mapped[int]
