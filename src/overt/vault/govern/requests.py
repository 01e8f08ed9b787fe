"""Access requests and approvals on record, and the grant that they make.

Stage: between researchers, approvers and the broker. In: signed documents; out: the
request's state, and the grant, derived anew from the signatures each time it is asked
for. A row grants nothing; a changed request loses its approvals.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, select

from overt.protocol.canonical import canonical_bytes, parse_json, unb64
from overt.protocol.consent import document_digest
from overt.protocol.errors import DataError, GovernError, OvertError
from overt.protocol.grants import (
    cannot_approve,
    check_grant,
    request_problems,
    verify_approval,
    verify_request,
)
from overt.protocol.ids import check_id
from overt.protocol.records import Level
from overt.protocol.sealing import SealingPublicKey
from overt.vault.govern.known import Known
from overt.vault.govern.refusals import NotFoundError
from overt.vault.store.rows import AccessRequestRow, ApprovalRow

if TYPE_CHECKING:
    from overt.protocol.canonical import Json
    from overt.protocol.grants import AccessRequest, Approval, Grant
    from overt.protocol.programme import Programme
    from overt.vault.govern.callers import Caller
    from overt.vault.govern.registry import Registry
    from overt.vault.store.database import Database

_REQUEST = select(AccessRequestRow.document).where(
    AccessRequestRow.request_id == bindparam("id")
)
_APPROVALS = (
    select(ApprovalRow.document)
    .where(ApprovalRow.request_id == bindparam("id"))
    .order_by(ApprovalRow.approver)
)

# roles that see every request; who else may ask sees their own
SEE_ALL = frozenset({"approver", "representative", "steward", "auditor"})


@dataclass(frozen=True, slots=True)
class RequestFile:
    """A request with what was decided about it, as documents.

    Attributes:
        document: The requester-signed request.
        approvals: The approver-signed decisions.
    """

    document: Json
    approvals: tuple[Json, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of the signed request."""
        return document_digest(self.document)

    def state(self, programme: Programme, now_s: int) -> str:
        """Return the state by signatures alone.

        `granted`, `refused`, `expired`, `open`, or `invalid` where the requester has
        not signed what is on record.
        """
        try:
            check_grant(self.document, self.approvals, programme, now_utc_s=now_s)
        except OvertError:
            pass
        else:
            return "granted"
        decisions = [one.decision for one in self.decisions(programme)]
        if "refuse" in decisions:
            return "refused"
        try:
            request = verify_request(self.document, programme)
        except OvertError:
            return "invalid"
        return "expired" if now_s >= request.expires_utc_s else "open"

    def request(self, programme: Programme) -> AccessRequest:
        """Return the request, its requester's signature checked.

        Raises:
            OvertError: It does not verify.
        """
        return verify_request(self.document, programme)

    def decisions(self, programme: Programme) -> tuple[Approval, ...]:
        """Return the decisions over exactly this request whose signatures hold."""
        found = []
        for document in self.approvals:
            try:
                approval = verify_approval(document, programme)
            except OvertError:
                continue
            if approval.request_digest == self.digest:
                found.append(approval)
        return tuple(found)


def submit(registry: Registry, caller: Caller, envelope: Json) -> Json:
    """Put a request on record; a changed one replaces it and voids its approvals.

    Returns:
        `request` and `digest`.

    Raises:
        GovernError: Not the caller's own, a forbidden purpose, too small a cohort,
            expired, or another one's id.
        SealError: The requester has not signed it.
        DataError: It is malformed.
        VaultError: The log refuses.
    """
    programme = registry.roster.programme()
    request = verify_request(envelope, programme)
    check_id(request.request, "req")
    if request.requester != caller.name:
        raise GovernError("The request is signed by somebody else than its sender.")
    for problem in request_problems(request, programme):
        raise GovernError(problem)
    if request.level not in set(Level):
        raise GovernError(f"The request names no level: {request.level!r:.20}.")
    job_key(request)
    if request.expires_utc_s <= registry.now_s:
        raise GovernError("The request has expired already.")
    digest = document_digest(envelope)
    registry.record("request", digest, request=request.request, requester=caller.name)
    _store(registry, request, envelope, digest)
    return {"request": request.request, "digest": digest}


def job_key(request: AccessRequest) -> SealingPublicKey:
    """Return the public key of the job that will read.

    Raises:
        DataError: The request names no such key.
    """
    try:
        return SealingPublicKey(unb64(request.job, what="The job's key"))
    except ValueError as error:
        raise DataError("The job's key is no sealing key.") from error


def _store(
    registry: Registry, request: AccessRequest, envelope: Json, digest: str
) -> None:
    with registry.database.write() as session:
        row = session.get(AccessRequestRow, request.request)
        if row is not None and row.requester != request.requester:
            raise GovernError(f"Request {request.request} is somebody else's.")
        if row is not None and row.sha256 == digest:
            return
        session.execute(
            delete(ApprovalRow).where(ApprovalRow.request_id == request.request)
        )
        session.merge(
            AccessRequestRow(
                request_id=request.request,
                requester=request.requester,
                sha256=digest,
                document=canonical_bytes(envelope),
            )
        )


def decide(registry: Registry, caller: Caller, request_id: str, envelope: Json) -> str:
    """Put an approver's decision on record and return the request's state.

    Raises:
        GovernError: Not the caller's own, not about the request as it stands, or over
            the caller's own request.
        SealError: The approver has not signed it.
        DataError: It is malformed.
        NotFoundError: There is no such request, or the log refuses.
    """
    programme = registry.roster.programme()
    approval = verify_approval(envelope, programme)
    if approval.approver != caller.name:
        raise GovernError("The approval is signed by somebody else than its sender.")
    file = request_file(registry.database, request_id)
    if approval.request_digest != file.digest:
        raise GovernError(
            "The approval is for another request, or the request changed.",
            remedy="Read the request as it stands and decide afresh.",
        )
    requester = file.request(programme).requester
    if why := cannot_approve(programme, requester, caller.name):
        raise GovernError(why)
    registry.record(
        "approval",
        document_digest(envelope),
        request=request_id,
        approver=caller.name,
        decision=approval.decision,
    )
    with registry.database.write() as session:
        row = session.get(AccessRequestRow, request_id)
        if row is None or row.sha256 != file.digest:
            raise GovernError("The request changed meanwhile; decide afresh.")
        session.merge(
            ApprovalRow(
                request_id=request_id,
                approver=caller.name,
                request_sha256=file.digest,
                decision=approval.decision,
                document=canonical_bytes(envelope),
            )
        )
    return request_file(registry.database, request_id).state(programme, registry.now_s)


def request_file(database: Database, request_id: str) -> RequestFile:
    """Return a request with its approvals.

    Raises:
        NotFoundError: There is no such request.
    """
    return _parsed(*_documents(database, request_id))


def _documents(database: Database, request_id: str) -> tuple[bytes, tuple[bytes, ...]]:
    """Return the documents of a request and of its approvals as they are on record."""
    with database.look() as connection:
        found = connection.execute(_REQUEST, {"id": request_id}).first()
        approvals = connection.execute(_APPROVALS, {"id": request_id}).all()
    if found is None:
        raise NotFoundError(f"There is no request {request_id!r:.60}.")
    return found.document, tuple(row.document for row in approvals)


def request_files(database: Database) -> list[tuple[str, RequestFile]]:
    """Return every request with its approvals, by request id."""
    with database.read() as session:
        ids = list(session.scalars(select(AccessRequestRow.request_id)))
    return [(name, request_file(database, name)) for name in ids]


def may_see(caller: Caller, file: RequestFile, programme: Programme) -> bool:
    """Whether a caller whom the policy shows requests may see this one.

    Researchers see their own; a request that nobody on the roster signed is nobody's.
    """
    if set(caller.roles) & SEE_ALL:
        return True
    try:
        return file.request(programme).requester == caller.name
    except OvertError:
        return False


def _parsed(request: bytes, approvals: tuple[bytes, ...]) -> RequestFile:
    def read(document: bytes) -> dict[str, Any]:
        return parse_json(document, what="A document of a request")

    return RequestFile(read(request), tuple(read(one) for one in approvals))


def grant_for(
    database: Database,
    request_id: str,
    programme: Programme,
    now_s: int,
    known: Known[Grant] | None = None,
) -> Grant:
    """Derive the grant of a request from the signatures on record.

    Args:
        database: Rows.
        request_id: The request's id.
        programme: The programme in force.
        now_s: Unix seconds now.
        known: Grants derived before; the same bytes are not verified twice.

    Raises:
        GovernError: The documents make no grant; the message says why.
        SealError: A signature does not hold.
        NotFoundError: There is no such request.
    """
    request, approvals = _documents(database, request_id)
    known = known or Known()
    grant = known.find((request, *approvals), programme)
    if grant is not None and now_s < grant.request.expires_utc_s:
        return grant
    file = _parsed(request, approvals)
    grant = check_grant(file.document, file.approvals, programme, now_utc_s=now_s)
    known.keep((request, *approvals), programme, grant)
    return grant
