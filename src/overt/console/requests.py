"""Access requests: what is asked for, what an approver signs, what was decided.

Stage: pages of approvers and of those who watch them. In: request facts; out: pages,
and signed approvals on their way to the vault's rules. Approving needs the approver's
key, which the server never has; nothing recorded is shown.
"""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, File, Form, UploadFile
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from overt.console import commands
from overt.console.data import RequestBook, RequestFacts
from overt.console.documents import read_document
from overt.console.frame import desk_of, now_of, server_of, show
from overt.console.policy import (
    DECIDE_REQUESTS,
    READ_COUNTS,
    READ_REQUESTS,
    Allow,
    AllowPost,
    Viewer,
)
from overt.protocol.errors import GovernError
from overt.protocol.grants import cannot_approve, request_problems
from overt.protocol.programme import Programme

router = APIRouter()
_SEES_ALL = tuple(role for role in READ_REQUESTS if role != "researcher")
_WORDS = {
    "open": ("waits", "wait"),
    "granted": ("granted", "good"),
    "refused": ("refused", "bad"),
    "expired": ("expired", ""),
}


@dataclass(frozen=True, slots=True)
class RequestView:
    """A request as a page shows it.

    Attributes:
        facts: What is known of it.
        purpose: The purpose's title.
        state: `open`, `granted`, `refused` or `expired`.
        word: The state in a word.
        tone: Its colour class.
        lacking: What is needed before it is granted; empty when nothing is.
        problems: Why it can never be granted.
        why_not: Why this viewer cannot decide it; empty when they can.
    """

    facts: RequestFacts
    purpose: str
    state: str
    word: str
    tone: str
    lacking: str
    problems: tuple[str, ...]
    why_not: str

    @property
    def waits_for_viewer(self) -> bool:
        """Whether this viewer can decide it now."""
        return self.state == "open" and not self.why_not


def request_view(
    facts: RequestFacts, programme: Programme, viewer: Viewer, now_s: int
) -> RequestView:
    """Return a request as this viewer sees it."""
    asked, state = facts.request, facts.state
    if state in {"open", "granted"} and now_s >= asked.expires_utc_s:
        state = "expired"
    word, tone = _WORDS.get(state, (state, ""))
    titles = {purpose.id: purpose.title for purpose in programme.purposes}
    return RequestView(
        facts,
        titles.get(asked.purpose, asked.purpose),
        state,
        word,
        tone,
        _lacking(facts, programme) if state == "open" else "",
        tuple(request_problems(asked, programme)),
        _why_not(facts, programme, viewer),
    )


def _lacking(facts: RequestFacts, programme: Programme) -> str:
    yes = [
        programme.member(item.approver)
        for item in facts.approvals
        if item.decision == "approve"
    ]
    missing = 2 - len({member.human for member in yes})
    agreed = any("representative" in member.roles for member in yes)
    if missing > 1:
        return "two approvals, one of them the representative's"
    if not agreed:
        return "the representative's approval"
    return "one more approval" if missing else ""


def _why_not(facts: RequestFacts, programme: Programme, viewer: Viewer) -> str:
    if not viewer.has(DECIDE_REQUESTS):
        return "Only approvers decide."
    if why := cannot_approve(programme, facts.request.requester, viewer.member.name):
        return why
    if any(item.approver == viewer.member.name for item in facts.approvals):
        return "You have decided."
    return ""


def visible_requests(
    request: Request, viewer: Viewer, book: RequestBook
) -> list[RequestView]:
    """Return the requests that a viewer may see: a researcher sees their own."""
    programme, now_s = desk_of(request).data.programme(), now_of(request)
    return [
        request_view(facts, programme, viewer, now_s)
        for facts in book.requests
        if _may_see(facts, viewer)
    ]


def _may_see(facts: RequestFacts, viewer: Viewer) -> bool:
    return viewer.has(_SEES_ALL) or facts.request.requester == viewer.member.name


@router.get("/requests")
def list_page(
    request: Request, viewer: Annotated[Viewer, Depends(Allow(READ_REQUESTS))]
) -> HTMLResponse:
    """Show the requests."""
    book = desk_of(request).data.requests()
    found = visible_requests(request, viewer, book)
    return show(
        request,
        viewer,
        "requests.html",
        "/requests",
        requests=found,
        unsound=book.unsound,
        command=commands.REQUEST,
    )


def _one(request: Request, viewer: Viewer, request_id: str) -> RequestView:
    """Return one request, or refuse as if it did not exist."""
    data = desk_of(request).data
    facts = data.request(request_id)
    if not _may_see(facts, viewer):
        raise GovernError(
            "This request is somebody else's.", remedy="Open the list of requests."
        )
    return request_view(facts, data.programme(), viewer, now_of(request))


def _people(request: Request, viewer: Viewer) -> str:
    """Say how many have agreed, to those who decide or may see counts."""
    if not viewer.has((*DECIDE_REQUESTS, *READ_COUNTS)):
        return ""
    count = desk_of(request).data.state().consents
    return "fewer than 5 at present" if count is None else f"{count} at present"


@router.get("/requests/{request_id}")
def detail_page(
    request: Request,
    request_id: str,
    viewer: Annotated[Viewer, Depends(Allow(READ_REQUESTS))],
) -> HTMLResponse:
    """Show one request with what there is to sign."""
    view = _one(request, viewer, request_id)
    name, server = viewer.member.name, server_of(request)
    passkeys = [item for item in viewer.member.passkeys if item.origin == server]
    return show(
        request,
        viewer,
        "request.html",
        "/requests",
        view=view,
        people=_people(request, viewer),
        passkeys=passkeys,
        passkeys_only=desk_of(request).data.programme().approvals == "passkey",
        approve=commands.approve(view.facts.request.request, name, server),
        refuse=commands.refuse(view.facts.request.request, name, server),
    )


@router.post("/requests/{request_id}/approvals")
def approve(
    request: Request,
    request_id: str,
    viewer: Annotated[Viewer, Depends(AllowPost(DECIDE_REQUESTS))],
    document: Annotated[str, Form()] = "",
    file: Annotated[UploadFile | None, File()] = None,
) -> Response:
    """Take in a signed approval; whether it counts the vault's rules say."""
    view = _one(request, viewer, request_id)
    known = view.facts.request.request
    signed = read_document(document, file)
    desk_of(request).data.submit_approval(viewer.member, known, signed)
    root = request.scope.get("root_path", "")
    return RedirectResponse(f"{root}/requests/{known}", 303)
