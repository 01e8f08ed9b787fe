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
    from overt.protocol.programme import Programme


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
        state: `open`, `granted` or `refused`, as derived from the signatures.
        approvals: Decisions whose signatures were checked.
    """

    request: AccessRequest
    digest: str
    state: str
    approvals: tuple[Approval, ...] = ()


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

    def requests(self) -> Sequence[RequestFacts]:
        """Return all access requests, newest first."""

    def request(self, request_id: str) -> RequestFacts:
        """Return one access request."""

    def submit_approval(self, request_id: str, document: Json) -> str:
        """Take in a signed approval; return the request's state from now on."""

    def submit_halt(self, document: Json) -> str:
        """Take in a signed halt order; return the programme's state from now on."""

    def log_entries(self, limit: int) -> Sequence[LogLine]:
        """Return the newest entries of the log, newest first."""

    def checkpoint(self) -> str:
        """Return the newest signed checkpoint; empty while there is none."""

    def use_nonce(self, nonce: str, expires_utc_s: int) -> None:
        """Remember a nonce until then; GovernError if it was used before."""
