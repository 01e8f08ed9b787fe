"""The participant's own pages, on their own machine: review, recordings, readers.

Input: requests of one browser on this machine, let in by a one-time code. Output:
pages; approval, discard, sending, pause, withdrawal by their forms. It listens on the
loopback interface alone, and no page is stored by the browser.
"""

import time
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Form
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from overt.protocol.errors import ConsentError, NetworkError, OvertError
from overt.recorder.person import consenting, replay, review
from overt.recorder.person.enrol import load_programme
from overt.recorder.person.maskmore import mask_more
from overt.recorder.person.minutes import forget_everywhere, preview_everywhere
from overt.recorder.person.pagefacts import STRIP, LocalFacts
from overt.recorder.person.permission import OWN_TITLE
from overt.recorder.person.run import Participant, masking
from overt.recorder.person.sending import Sender, send_all
from overt.recorder.person.wishes import read_wishes
from overt.web.pages import (
    Banner,
    Layout,
    Pages,
    Place,
    address_error,
    bad_form_error,
    static_files,
)
from overt.web.security import (
    CSRF_FIELD,
    LOOPBACK_HOSTS,
    BodyLimit,
    SecurityHeaders,
    check_csrf,
    check_same_origin,
    csrf_token,
)
from overt.web.sessions import Sessions, cookie_name, set_session_cookie

router = APIRouter()
_PLACES = (Place("Review", "/"), Place("My recordings", "/recordings"))
_HOW = "Only you can open these pages. In a terminal, run: overt my"


class NotInError(OvertError):
    """The browser has no session here."""


def create_pages(
    who: Participant, sessions: Sessions, *, clock: Any = time.time
) -> FastAPI:
    """Return the app of one participant's pages.

    Args:
        who: The participant, unlocked.
        sessions: Who has been let in; `sessions.code` makes the one-time code.
        clock: Unix seconds now.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.state.facts = LocalFacts(who)
    app.state.sessions, app.state.clock = sessions, clock
    app.state.pages = Pages("overt.recorder.person")
    app.include_router(router)
    app.mount("/static", static_files(), name="static")
    app.add_exception_handler(OvertError, _on_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_bad_form)
    app.add_middleware(BodyLimit)
    app.add_middleware(SecurityHeaders, hosts=LOOPBACK_HOSTS)
    return app


def _now(request: Request) -> int:
    return int(request.app.state.clock())


def _cookie(request: Request) -> str:
    return cookie_name(request, "person")


def _token(request: Request) -> str:
    """Return the session's secret; refuse who has none."""
    token = request.cookies.get(_cookie(request), "")
    if request.app.state.sessions.find(token, _now(request)) is None:
        raise NotInError("You are not in.", remedy=_HOW)
    return token


Inside = Annotated[str, Depends(_token)]


def _form(
    request: Request, token: Inside, csrf: Annotated[str, Form(alias=CSRF_FIELD)] = ""
) -> str:
    """Check that a form comes from these pages; return the session's secret."""
    check_same_origin(request)
    check_csrf(token, csrf)
    return token


Sent = Annotated[str, Depends(_form)]


def _facts(request: Request) -> LocalFacts:
    facts: LocalFacts = request.app.state.facts
    return facts


def _programme(request: Request) -> Any:
    who = _facts(request).who
    return load_programme(who.home, who.enrolment)


def _layout(request: Request, token: str, current: str) -> Layout:
    facts = _facts(request)
    withdrawn = facts.standing()["withdrawn"]
    return Layout(
        f"{_programme(request).title} {OWN_TITLE}",
        who=f"You, as {facts.who.enrolment.person[:13]}…",
        places=_PLACES if token else (),
        current=current,
        banner=Banner("You have withdrawn; nothing is recorded") if withdrawn else None,
        csrf=csrf_token(token) if token else "",
    )


def _on_error(request: Request, error: Exception) -> HTMLResponse:
    known = error if isinstance(error, OvertError) else OvertError("Unknown error.")
    status = {NotInError: 401, NetworkError: 503, ConsentError: 403}
    return _error_page(request, known, status.get(type(known), 400))


def _on_http_error(request: Request, error: Exception) -> HTMLResponse:
    return _error_page(request, *address_error(error))


def _on_bad_form(request: Request, _: Exception) -> HTMLResponse:
    return _error_page(request, bad_form_error(), 400)


def _error_page(request: Request, error: OvertError, status: int) -> HTMLResponse:
    pages: Pages = request.app.state.pages
    return pages.error(error, _layout(request, "", ""), status=status)


def _show(
    request: Request, token: str, template: str, current: str, **facts: Any
) -> HTMLResponse:
    pages: Pages = request.app.state.pages
    layout = _layout(request, token, current)
    response = pages.html(template, layout, **facts)
    if renewed := request.app.state.sessions.renew(token, _now(request)):
        set_session_cookie(response, renewed, name=_cookie(request))
    return response


def _back(path: str) -> RedirectResponse:
    return RedirectResponse(path, status_code=303)


@router.get("/enter")
def show_enter(request: Request) -> HTMLResponse:
    """Show the door; its script takes the code out of the address."""
    pages: Pages = request.app.state.pages
    return pages.html("enter.html", _layout(request, "", ""), how=_HOW)


@router.post("/enter")
def enter(request: Request, code: Annotated[str, Form()]) -> Response:
    """Exchange the one-time code for a session, once."""
    check_same_origin(request)
    token = request.app.state.sessions.enter(code, _now(request))
    if token is None:
        raise NotInError("The code does not hold.", remedy=_HOW)
    response = _back("/")
    set_session_cookie(response, token, name=_cookie(request))
    return response


@router.get("/")
def show_review(request: Request, token: Inside) -> HTMLResponse:
    """Show what waits, with pictures."""
    facts = _facts(request)
    seen = facts.seen()
    return _show(
        request,
        token,
        "review.html",
        "/",
        sessions=facts.sessions(seen),
        episodes=seen.episodes,
        unreadable=seen.unreadable,
        strip=range(STRIP),
        expiry=facts.expiry_s(_programme(request).retention_days),
        wishes=read_wishes(facts.who.home),
        approved=sum(one.state == "approved" for one in seen.segments),
    )


@router.get("/pictures/{segment}/{place}.png")
def picture(request: Request, _: Inside, segment: str, place: int) -> Response:
    """Return a picture of a segment."""
    png = _facts(request).picture(segment, place)
    return Response(png, media_type="image/png")


@router.get("/play/{segment}")
def show_minute(request: Request, token: Inside, segment: str) -> HTMLResponse:
    """Play one minute: frames, pointer, keys as masked, actions."""
    facts = _facts(request)
    opened = facts.opened(segment)
    session = [
        one
        for one in facts.who.home.spool.entries()
        if one.session == opened.header.session
    ]
    at = [one.segment for one in session].index(segment)
    return _show(
        request,
        token,
        "play.html",
        "/recordings",
        segment=segment,
        entry=session[at],
        before=session[at - 1].segment if at else "",
        after=session[at + 1].segment if at + 1 < len(session) else "",
        episode=replay.facts(opened, f"/frames/{segment}/{{}}.png"),
        words=replay.typed_words(opened),
    )


@router.get("/frames/{segment}/{place}.png")
def frame(request: Request, _: Inside, segment: str, place: int) -> Response:
    """Return a screen of a segment, as large as it was."""
    png = _facts(request).frame(segment, place)
    return Response(png, media_type="image/png")


@router.post("/review")
def decide_review(
    request: Request,
    _: Sent,
    do: Annotated[str, Form()],
    name: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """Approve, mask more or cut what was ticked: segments, sessions or tasks."""
    facts = _facts(request)
    discards = do == "discard"
    chosen = review.segments_of(facts.seen(), name or [], damaged=discards)
    if discards:
        review.discard(facts.who.home, chosen)
        facts.forget_pictures()
    elif do == "approve":
        review.approve(facts.who.home.spool, chosen)
    elif do == "mask":
        who, mask = facts.who, masking(_programme(request))
        for segment in chosen:
            mask_more(who.home, segment, who.identity.own, mask)
        facts.forget_pictures()
    return _back("/")


@router.post("/forget")
def preview_forgetting(
    request: Request,
    token: Sent,
    minutes: Annotated[float, Form(gt=0, lt=10**6)],
) -> HTMLResponse:
    """Say which minutes would go."""
    home = _facts(request).who.home
    seen, fixed = preview_everywhere(home, {"minutes": minutes})
    facts = {"pieces": seen, "since": fixed["since"]}
    return _show(request, token, "forget.html", "/recordings", **facts)


@router.post("/forgotten")
def forget_minutes(
    request: Request, _: Sent, since: Annotated[str, Form(pattern="^[0-9]{1,20}$")]
) -> Response:
    """Destroy what was shown, and what was recorded after it."""
    facts = _facts(request)
    forget_everywhere(facts.who.home, {"since": since})
    facts.forget_pictures()
    return _back("/recordings")


@router.post("/send")
def send(request: Request, _: Sent) -> Response:
    """Send what is approved."""
    who = _facts(request).who
    programme = _programme(request)
    sender = Sender(who.home, who.identity, who.enrolment, programme, who.client)
    send_all(sender, lambda _sent: None)
    return _back("/recordings")


@router.get("/recordings")
def show_recordings(request: Request, token: Inside) -> HTMLResponse:
    """Show what was recorded and sent, who read it, and what was decided."""
    facts = _facts(request)
    programme, seen = _programme(request), facts.seen()
    return _show(
        request,
        token,
        "recordings.html",
        "/recordings",
        segments=seen.segments,
        sessions=facts.sessions(seen),
        receipts=facts.receipts(programme),
        recorders=facts.recorders(),
        programme=programme,
        **facts.standing(),
        **facts.readers(programme),
    )


@router.post("/recorder")
def steer(
    request: Request,
    _: Sent,
    display: Annotated[str, Form()],
    do: Annotated[str, Form()],
) -> Response:
    """Pause, resume or stop the recorder of a display."""
    arguments = {
        "pause-30": ("pause", {"minutes": 30}),
        "pause-tomorrow": ("pause", {"until": "tomorrow"}),
        "pause": ("pause", {}),
        "resume": ("resume", {}),
        "stop": ("stop", {}),
    }
    command, values = arguments.get(do, ("status", {}))
    _facts(request).call(display, command, **values)  # type: ignore[arg-type] # JSON
    return _back("/recordings")


@router.post("/withdraw")
def withdraw(request: Request, _: Sent, erase: Annotated[str, Form()] = "") -> Response:
    """Withdraw, on this machine at once; the vault is told."""
    who = _facts(request).who
    consenting.withdraw(who.home, who.identity.device, erase=bool(erase))
    consenting.confirm_withdrawal(who.home, _programme(request), who.client)
    return _back("/recordings")
