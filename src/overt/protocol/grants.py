"""Access requests, approvals and grants.

A researcher signs a request (`access-request.v1`); approvers sign the exact request's
digest (`approval.v1`). A grant is nothing but these documents together: `check_grant`
derives it from signatures up to the roster of the signed programme, so that a row in
a database grants nothing. Specified in docs/spec/access.md.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from overt.protocol.canonical import parse_json, unb64
from overt.protocol.consent import document_digest
from overt.protocol.errors import GovernError
from overt.protocol.forms import read_form
from overt.protocol.passkeys import is_passkey_signed, verify_passkey_document
from overt.protocol.programme import FORBIDDEN_PURPOSES, Member, Programme
from overt.protocol.records import Level
from overt.protocol.signing import (
    public_key,
    sign_document,
    trusted_keys,
    verify_document,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from overt.protocol.canonical import Json

# Names exact times of keys and ways of the pointer; without it exports are coarse.
TIMING = "timing"
_LEVELS = tuple(level.value for level in Level if level is not Level.OFF)


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """What a researcher asks for.

    Attributes:
        request: Request id.
        programme: Programme id.
        requester: Member name.
        purpose: A purpose id of the programme.
        reason: In the requester's words.
        cohort: Pseudonyms whose segments are asked for; empty means all who agreed.
        fields: Which of input, screen, context; `timing` for exact times of input.
        level: Highest level asked for.
        region: Where it runs.
        expires_utc_s: Unix seconds until which it may be used.
        job: base64url sealing public key of the job that will read.
        export: Recipient of a plaintext export; empty for none.
        derived: Ids of what is exported; a request that names any reads no segment.
    """

    request: str
    programme: str
    requester: str
    purpose: str
    reason: str
    cohort: tuple[str, ...]
    fields: tuple[str, ...]
    level: str
    region: str
    expires_utc_s: int
    job: str
    export: str = ""
    derived: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Approval:
    """One approver's decision over one exact request.

    Attributes:
        request_digest: `document_digest` of the signed request.
        approver: Member name.
        decision: `approve` or `refuse`.
        reason: In the approver's words; needed to refuse.
        given_utc: When, ISO 8601 with `Z`.
    """

    request_digest: str
    approver: str
    decision: Literal["approve", "refuse"]
    reason: str
    given_utc: str


@dataclass(frozen=True, slots=True)
class Grant:
    """A request that two approvers have approved.

    Attributes:
        request: What was asked for.
        digest: `document_digest` of the signed request; names the grant.
        approvers: Who approved.
    """

    request: AccessRequest
    digest: str
    approvers: tuple[str, ...]


def sign_request(request: AccessRequest, key: Ed25519PrivateKey) -> Json:
    """Return the requester-signed request document."""
    return sign_document("access-request.v1", asdict(request), [key])


def sign_approval(approval: Approval, key: Ed25519PrivateKey) -> Json:
    """Return the approver-signed approval document."""
    return sign_document("approval.v1", asdict(approval), [key])


def _body_of(envelope: Json, kind: str, programme: Programme, field: str) -> Json:
    """Verify a document by the key of the member that it names itself."""
    names = {member.name: public_key(member.key) for member in programme.roster}
    keys = trusted_keys(list(names.values()))
    body = verify_document(envelope, kind, keys)
    name = body.get(field)
    if name not in names:
        raise GovernError(f"{name!r:.60} is not on the programme's roster.")
    return verify_document(envelope, kind, trusted_keys([names[name]]))


def verify_request(envelope: Json, programme: Programme) -> AccessRequest:
    """Return a request signed by the requester that it names.

    Raises:
        GovernError: The requester is not on the roster or is no researcher.
        SealError: Somebody else signed it.
        DataError: The document is malformed.
    """
    body = _body_of(envelope, "access-request.v1", programme, "requester")
    request = read_form(AccessRequest, body, what="An access request")
    if "researcher" not in programme.member(request.requester).roles:
        raise GovernError(f"{request.requester} is not a researcher.")
    return request


def request_problems(request: AccessRequest, programme: Programme) -> list[str]:
    """Return why a request can never be granted; empty if it may be approved."""
    problems = []
    if request.programme != programme.programme:
        problems.append("The request is for another programme.")
    if request.purpose in FORBIDDEN_PURPOSES:
        problems.append(f"Purpose {request.purpose} is forbidden, whoever approves it.")
    elif request.purpose not in {purpose.id for purpose in programme.purposes}:
        problems.append("The request names a purpose that the programme does not have.")
    if not request.fields or set(request.fields) - {*programme.data_types, TIMING}:
        problems.append("The request names fields that the programme does not have.")
    if TIMING in request.fields and "input" not in request.fields:
        problems.append("The request asks for the timing of input, but for no input.")
    if request.level not in _LEVELS:
        problems.append(f"The request's level is none of {', '.join(_LEVELS)}.")
    if request.region not in programme.regions:
        problems.append("The request would run outside the programme's regions.")
    if bool(request.export) != bool(request.derived):
        problems.append(
            "An export in clear is asked for by itself: its recipient, and what goes."
        )
    if request.cohort and len(set(request.cohort)) < programme.min_cohort:
        problems.append(
            f"The cohort is smaller than {programme.min_cohort}, the programme's least."
        )
    return problems


def verify_approval(envelope: Json, programme: Programme) -> Approval:
    """Return an approval signed by the approver that it names.

    Raises:
        GovernError: The approver is not on the roster or is no approver.
        SealError: Somebody else signed it.
        DataError: The document is malformed.
    """
    if is_passkey_signed(envelope):
        body = _passkey_body(envelope, programme)
    elif programme.approvals == "passkey":
        raise GovernError(
            "This programme's approvals are signed with passkeys.",
            remedy="Decide on the server's page: overt console open.",
        )
    else:
        body = _body_of(envelope, "approval.v1", programme, "approver")
    approval = read_form(Approval, body, what="An approval")
    if "approver" not in programme.member(approval.approver).roles:
        raise GovernError(f"{approval.approver} is not an approver.")
    return approval


def _passkey_body(envelope: Json, programme: Programme) -> Json:
    """Verify an approval by a passkey of the member that it names itself."""
    claimed = parse_json(
        unb64(str(envelope.get("payload")), what="An approval's payload"),
        what="An approval",
    )
    name = claimed.get("approver")
    if name not in {member.name for member in programme.roster}:
        raise GovernError(f"{name!r:.60} is not on the programme's roster.")
    passkeys = programme.member(str(name)).passkeys
    return verify_passkey_document(envelope, "approval.v1", passkeys)


def check_grant(
    request_document: Json,
    approvals: Sequence[Json],
    programme: Programme,
    *,
    now_utc_s: int,
) -> Grant:
    """Derive the grant from the signed documents, or refuse.

    Args:
        request_document: The requester-signed request.
        approvals: The approver-signed approvals on record for it.
        programme: The programme, already verified up to its keys.
        now_utc_s: Unix seconds now.

    Raises:
        GovernError: Expired; a problem of the request; refused by an approver; fewer
            than two approvers; none of them the representative; the requester or the
            same human approves.
        SealError: A signature does not hold.
        DataError: A document is malformed.
    """
    request = verify_request(request_document, programme)
    for problem in request_problems(request, programme):
        raise GovernError(problem)
    if now_utc_s >= request.expires_utc_s:
        raise GovernError(f"Grant for request {request.request} has expired.")
    digest = document_digest(request_document)
    approvers = [
        _approver(verify_approval(item, programme), digest, request, programme)
        for item in approvals
    ]
    _check_approvers(approvers, request)
    return Grant(request, digest, tuple(sorted({item.name for item in approvers})))


def _approver(
    approval: Approval, digest: str, request: AccessRequest, programme: Programme
) -> Member:
    if approval.request_digest != digest:
        raise GovernError("The request changed after an approval; approve it again.")
    if approval.decision != "approve":
        raise GovernError(f"{approval.approver} refused request {request.request}.")
    if why := cannot_approve(programme, request.requester, approval.approver):
        raise GovernError(why)
    return programme.member(approval.approver)


def cannot_approve(programme: Programme, requester: str, approver: str) -> str:
    """Return why a member of the roster may not decide a request; empty if they may."""
    human = programme.member(approver).human
    if human == programme.member(requester).human:
        return "Nobody approves their own request."
    if any(one.manages for one in programme.roster if one.human == human):
        return f"{approver} manages participants and approves nothing."
    return ""


def _check_approvers(approvers: list[Member], request: AccessRequest) -> None:
    if len({member.human for member in approvers}) < 2:
        raise GovernError(f"Request {request.request} needs two people's approval.")
    if not any("representative" in member.roles for member in approvers):
        raise GovernError(
            f"Request {request.request} needs the representative's approval."
        )
