"""What the console needs to know of the vault, and nothing more.

Stage: between pages and the vault. In: nothing or a signed document; out: facts about
ciphertext, requests, the programme's state and the log. No fact here is recorded
content, and none names a participant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from overt.protocol.canonical import Json
    from overt.protocol.grants import AccessRequest, Approval
    from overt.protocol.programme import Member, Programme


@dataclass(frozen=True, slots=True)
class SystemState:
    """The programme's state and how much there is.

    Attributes:
        state: Whether recording and reading go on.
        reason: Why halted, in the orderers' words; empty while running.
        devices: Enrolled devices; none when hidden for being below 5.
        consents: People whose consent holds; none when hidden for being below 5.
        segments: Sealed segments held.
        size_bytes: Their bytes together; none when not known.
        reads: Reads on the log.
    """

    state: Literal["running", "halted"]
    reason: str
    devices: int | None
    consents: int | None
    segments: int
    size_bytes: int | None
    reads: int


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """An access request with what was decided about it.

    Attributes:
        request: What is asked for; its requester's signature was checked.
        digest: SHA-256 of the signed request: what an approver signs.
        state: `open`, `granted`, `refused` or `expired`, by the signatures alone.
        approvals: Decisions whose signatures were checked.
    """

    request: AccessRequest
    digest: str
    state: str
    approvals: tuple[Approval, ...] = ()


@dataclass(frozen=True, slots=True)
class RequestBook:
    """The access requests on record.

    Attributes:
        requests: Those whose signatures hold: undecided first.
        unsound: How many rows hold something that nobody on the roster signed.
    """

    requests: tuple[RequestFacts, ...]
    unsound: int = 0


@dataclass(frozen=True, slots=True)
class LogLine:
    """One entry of the log as an auditor may see it: no participant, no content.

    Attributes:
        number: Its index in the log.
        kind: What happened, for example `read`.
        day: UTC date, `YYYY-MM-DD`.
        purpose: For what; empty where it does not apply.
        requester: Member who read; empty where it does not apply.
        request: Access request; empty where it does not apply.
    """

    number: int
    kind: str
    day: str
    purpose: str = ""
    requester: str = ""
    request: str = ""


class ConsoleData(Protocol):
    """The vault as the console sees it. Every method may raise OvertError."""

    def programme(self) -> Programme:
        """Return the programme in force, verified up to the programme keys."""

    def state(self) -> SystemState:
        """Return state and counts."""

    def requests(self) -> RequestBook:
        """Return all access requests."""

    def request(self, request_id: str) -> RequestFacts:
        """Return one access request."""

    def submit_approval(self, member: Member, request_id: str, document: Json) -> str:
        """Take in a member's signed decision; return the request's new state."""

    def submit_halt(self, member: Member, document: Json) -> str:
        """Take in a signed order that a member hands in; return the new state."""

    def log_entries(self, limit: int) -> Sequence[LogLine]:
        """Return the newest entries of the log, newest first."""

    def checkpoint(self) -> str:
        """Return the newest signed checkpoint; empty while there is none."""

    def use_nonce(self, nonce: str, expires_utc_s: int) -> None:
        """Remember a nonce until then; GovernError if it was used before."""
