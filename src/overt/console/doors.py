"""The door to the login provider: out to it with a secret, back with a code.

Stage: where a server has a provider; before every page. In: a browser; out: a session
for a member of the signed roster. It leads to the provider or to the first page, and
nowhere else: no address in a call decides where a browser goes.
"""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from overt.console.frame import desk_of, layout_of, now_of, pages_of, set_cookie
from overt.console.oidc import LIFE_S, OpenId, member_of
from overt.console.policy import EVERYONE, AllowPost, Anyone, Viewer
from overt.protocol.errors import GovernError
from overt.web.sessions import cookie_name

router = APIRouter()
PATHS = ("/login", "/enter", "/oidc/start", "/oidc/back")
_STATE = "login"


def _openid(request: Request) -> OpenId:
    found: OpenId | None = request.app.state.openid
    if found is None:
        raise GovernError(
            "This server has no login provider.", remedy="Run: overt console open."
        )
    return found


@router.get("/oidc/start", dependencies=[Depends(Anyone("it asks the provider"))])
def start(request: Request) -> Response:
    """Send the browser to the provider."""
    url, secret = _openid(request).begin(now_of(request))
    response = RedirectResponse(url, 303)
    _keep_secret(request, response, secret)
    return response


@router.get("/oidc/back", dependencies=[Depends(Anyone("its token is the proof"))])
def back(request: Request) -> HTMLResponse:
    """Take in whoever comes back, if the signed roster knows them."""
    openid, desk = _openid(request), desk_of(request)
    secret = request.cookies.get(cookie_name(request, _STATE), "")
    claims = openid.end(dict(request.query_params), secret, now_of(request))
    known = member_of(claims, openid.provider, desk.data.programme())
    token = desk.sessions.start(known.member, now_of(request), known.roles)
    # a page, and no redirect: a strict cookie does not travel with a redirect that
    # began at the provider
    response = pages_of(request).html("entered.html", layout_of(request, None))
    _keep_secret(request, response, "")
    set_cookie(request, response, token)
    return response


@router.post("/leave-all")
def leave_all(
    request: Request, viewer: Annotated[Viewer, Depends(AllowPost(EVERYONE))]
) -> Response:
    """End every session of whoever asks, on every browser."""
    desk_of(request).sessions.end_all(viewer.member.name)
    response = RedirectResponse(f"{request.scope.get('root_path', '')}/enter", 303)
    set_cookie(request, response, "")
    return response


def _keep_secret(request: Request, response: Response, secret: str) -> None:
    response.set_cookie(
        cookie_name(request, _STATE),
        secret,
        max_age=LIFE_S if secret else 0,
        path=request.scope.get("root_path", "") + "/oidc",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",  # it must come back from the provider
    )
