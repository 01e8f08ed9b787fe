"""Pages that watch and steer: home, programme, what is stored, log, halt.

Stage: pages of every role. In: facts of the vault; out: pages, and signed halt orders
on their way to the vault's rules. Counts of people below 5 stay hidden, and nothing
recorded is shown.
"""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, File, Form, UploadFile
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from overt.console import commands, policy
from overt.console.documents import read_document
from overt.console.frame import desk_of, server_of, show
from overt.console.policy import Allow, AllowPost, Viewer
from overt.console.requests import visible_requests

router = APIRouter()
RECENT_ENTRIES = 50


@dataclass(frozen=True, slots=True)
class Step:
    """Something that a viewer can do next.

    Attributes:
        title: In a few words.
        text: Why, or how.
        path: The page for it.
        link: What the link says.
    """

    title: str
    text: str
    path: str
    link: str


def next_steps(viewer: Viewer, waiting: int, own_open: int) -> list[Step]:
    """Return what a viewer can do next, by role, most urgent first.

    Args:
        viewer: Who looks.
        waiting: Requests that wait for this viewer's decision.
        own_open: The viewer's own requests that are not decided.
    """
    steps = []
    if viewer.has(policy.DECIDE_REQUESTS):
        steps.append(_to_decide(waiting))
    if viewer.has(("researcher",)):
        steps.append(_to_request(own_open))
    if viewer.has(policy.ORDER_HALT):
        steps.append(
            Step(
                "Halt the programme",
                "One steward or representative halts recording and reading at once.",
                "/halt",
                "How to halt",
            )
        )
    if viewer.has(policy.READ_LOG):
        steps.append(
            Step(
                "Check who read what",
                "Every read stands in the log before its first byte leaves.",
                "/log",
                "Open the log",
            )
        )
    if viewer.has(policy.READ_COUNTS):
        steps.append(
            Step(
                "See how much is stored",
                "Sealed segments and devices as counts. Nobody here can open one.",
                "/stored",
                "Open the counts",
            )
        )
    return steps


def _to_decide(waiting: int) -> Step:
    if not waiting:
        return Step(
            "No request waits for you",
            "When a researcher asks for access, it shows here.",
            "/requests",
            "See all requests",
        )
    waits = "1 request waits" if waiting == 1 else f"{waiting} requests wait"
    text = "Read what is asked for, compare the digest, then sign with your own key."
    return Step(f"{waits} for your decision", text, "/requests", "Decide")


def _to_request(own_open: int) -> Step:
    if not own_open:
        return Step(
            "Ask for access",
            "Reading takes a purpose, an end date and two approvals.",
            "/requests",
            "How to ask",
        )
    return Step(
        f"{own_open} of your requests not yet decided",
        "Two approvers must agree, one of them the representative.",
        "/requests",
        "See your requests",
    )


@router.get("/")
def home_page(
    request: Request, viewer: Annotated[Viewer, Depends(Allow(policy.EVERYONE))]
) -> HTMLResponse:
    """Show what the viewer can do next."""
    found = []
    if viewer.has(policy.READ_REQUESTS):
        found = visible_requests(request, viewer, desk_of(request).data.requests())
    waiting = sum(view.waits_for_viewer for view in found)
    own = sum(
        view.state == "open" and view.facts.request.requester == viewer.member.name
        for view in found
    )
    steps = next_steps(viewer, waiting, own)
    return show(request, viewer, "home.html", "/", steps=steps)


@router.get("/programme")
def programme_page(
    request: Request, viewer: Annotated[Viewer, Depends(Allow(policy.READ_PROGRAMME))]
) -> HTMLResponse:
    """Show what the signed programme says."""
    data = desk_of(request).data
    counted = viewer.has(policy.READ_COUNTS)
    return show(
        request,
        viewer,
        "programme.html",
        "/programme",
        programme=data.programme(),
        state=data.state() if counted else None,
    )


@router.get("/stored")
def stored_page(
    request: Request, viewer: Annotated[Viewer, Depends(Allow(policy.READ_COUNTS))]
) -> HTMLResponse:
    """Show how much ciphertext there is."""
    state = desk_of(request).data.state()
    return show(request, viewer, "stored.html", "/stored", state=state)


@router.get("/log")
def log_page(
    request: Request, viewer: Annotated[Viewer, Depends(Allow(policy.READ_LOG))]
) -> HTMLResponse:
    """Show the log's newest entries and how to verify it."""
    data = desk_of(request).data
    checkpoint = data.checkpoint()
    lines = checkpoint.splitlines()
    return show(
        request,
        viewer,
        "log.html",
        "/log",
        checkpoint=checkpoint,
        size=int(lines[1]) if len(lines) > 1 and lines[1].isdecimal() else 0,
        entries=data.log_entries(RECENT_ENTRIES),
        verify=commands.VERIFY_LOG,
        key=data.programme().services.get("log", ""),
    )


@router.get("/halt")
def halt_page(
    request: Request, viewer: Annotated[Viewer, Depends(Allow(policy.ORDER_HALT))]
) -> HTMLResponse:
    """Show how to halt, or how to lift a halt."""
    server = server_of(request)
    return show(
        request,
        viewer,
        "halt.html",
        "/halt",
        state=desk_of(request).data.state(),
        halt=commands.halt(server),
        resume=commands.resume(server),
    )


@router.post("/halt")
def order_halt(
    request: Request,
    viewer: Annotated[Viewer, Depends(AllowPost(policy.ORDER_HALT))],
    document: Annotated[str, Form()] = "",
    file: Annotated[UploadFile | None, File()] = None,
) -> Response:
    """Take in a signed halt order; whether it counts the vault's rules say."""
    desk_of(request).data.submit_halt(viewer.member, read_document(document, file))
    return RedirectResponse(f"{request.scope.get('root_path', '')}/halt", 303)
