"""Coming and going: signed login, one-time code, session cookie.

Stage: the console's door. In: a login document, then the code that it earned; out: a
session. A code never stands in a URL's path or query: it comes in the fragment, which
browsers keep to themselves.
"""

from ipaddress import ip_address
from typing import Annotated

from fastapi import APIRouter, Depends, Form
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from overt.console import commands
from overt.console.frame import (
    desk_of,
    layout_of,
    now_of,
    pages_of,
    set_cookie,
    status_of,
)
from overt.console.login import verify_login
from overt.console.policy import EVERYONE, AllowPost, Anyone, LoginNeededError, Viewer
from overt.protocol.calls import MAX_SKEW_S
from overt.protocol.canonical import parse_json
from overt.protocol.errors import GovernError, OvertError
from overt.web.security import check_same_origin
from overt.web.sessions import CODE_LIFE_S

router = APIRouter()
_HOW = "These pages open with your own key. On your machine, run:"


@router.post(
    "/login", dependencies=[Depends(Anyone("the document's signature is the proof"))]
)
async def login(request: Request) -> JSONResponse:
    """Exchange a signed login document for a one-time code, as JSON."""
    try:
        _check_near(request)
        code = _code_for(request, await request.body())
    except OvertError as error:
        body = {
            "error": str(error).removesuffix(error.remedy).strip(),
            "remedy": error.remedy,
            "code": type(error).__name__,
        }
        return JSONResponse(body, status_code=status_of(error))
    path = f"{request.scope.get('root_path', '')}/enter"
    return JSONResponse({"token": code, "enter": path, "expires_s": CODE_LIFE_S})


def _check_near(request: Request) -> None:
    """Refuse a login from another machine, or past the login provider."""
    if request.app.state.openid is not None:
        raise GovernError(
            "This console lets in by its login provider alone.",
            remedy="Open its pages in a browser and log in there.",
        )
    if not request.app.state.local_only:
        return
    try:
        near = request.client is not None and ip_address(request.client.host)
    except ValueError:
        near = False
    if not near or not near.is_loopback:
        raise GovernError(
            "This console lets in from its own machine only.",
            remedy="Log in on the server's machine.",
        )


def _code_for(request: Request, body: bytes) -> str:
    desk, now_s = desk_of(request), now_of(request)
    document = parse_json(body, what="The login document")
    login, member = verify_login(document, desk.data.programme(), now_utc_s=now_s)
    desk.data.use_nonce(login.nonce, login.utc_s + 2 * MAX_SKEW_S)
    return desk.sessions.code(member.name, now_s)


@router.get("/enter", dependencies=[Depends(Anyone("it shows an empty form"))])
def enter_page(request: Request) -> HTMLResponse:
    """Show the form that takes the one-time code."""
    layout, pages = layout_of(request, None), pages_of(request)
    if request.app.state.openid is not None:
        return pages.html("provider.html", layout)
    return pages.html("enter.html", layout, how=_HOW, command=commands.OPEN)


@router.post("/enter", dependencies=[Depends(Anyone("the one-time code is the proof"))])
def enter(request: Request, code: Annotated[str, Form()] = "") -> Response:
    """Exchange a one-time code for a session."""
    check_same_origin(request)
    token = desk_of(request).sessions.enter(code, now_of(request))
    if token is None:
        raise LoginNeededError(
            "The one-time code is used up, too old or unknown.",
            remedy=f"Run again: {commands.OPEN}",
        )
    response = RedirectResponse(f"{request.scope.get('root_path', '')}/", 303)
    set_cookie(request, response, token)
    return response


@router.post("/leave")
def leave(
    request: Request, viewer: Annotated[Viewer, Depends(AllowPost(EVERYONE))]
) -> Response:
    """End the session."""
    desk_of(request).sessions.end(viewer.token)
    response = RedirectResponse(f"{request.scope.get('root_path', '')}/enter", 303)
    set_cookie(request, response, "")
    return response
