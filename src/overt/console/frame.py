"""The frame of the console's pages: navigation by role, state banner, errors.

Stage: between policy and templates. In: the request and its viewer; out: a layout, or
an error page with a remedy. A state that cannot be read counts as halted.
"""

import logging
from dataclasses import dataclass, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from overt.console import policy
from overt.console.data import SystemState
from overt.console.policy import SITE, Desk, LoginNeededError, Viewer, find_viewer
from overt.protocol.errors import OvertError
from overt.protocol.programme import Role
from overt.vault.govern import refusals
from overt.web.pages import (
    Banner,
    Layout,
    Pages,
    Place,
    address_error,
    bad_form_error,
)
from overt.web.sessions import cookie_name, set_session_cookie

_LOG = logging.getLogger(__name__)
PLACES: tuple[tuple[Place, tuple[Role, ...]], ...] = (
    (Place("Home", "/"), policy.EVERYONE),
    (Place("Requests", "/requests"), policy.READ_REQUESTS),
    (Place("Passkey", "/passkey"), policy.DECIDE_REQUESTS),
    (Place("Programme", "/programme"), policy.READ_PROGRAMME),
    (Place("Log", "/log"), policy.READ_LOG),
    (Place("Stored", "/stored"), policy.READ_COUNTS),
    (Place("Halt", "/halt"), policy.ORDER_HALT),
)


def desk_of(request: Request) -> Desk:
    """Return what this console's routes share."""
    desk: Desk = request.app.state.desk
    return desk


def pages_of(request: Request) -> Pages:
    """Return this console's templates."""
    pages: Pages = request.app.state.pages
    return pages


def now_of(request: Request) -> int:
    """Return Unix seconds by this console's clock."""
    now: int = request.app.state.clock()
    return now


def server_of(request: Request) -> str:
    """Return the server's base URL as the reader has reached it."""
    return f"{request.url.scheme}://{request.url.netloc}"


@dataclass(frozen=True, slots=True)
class Known:
    """What could be read of the programme for a page's frame."""

    title: str
    state: SystemState | None


def _known(desk: Desk) -> Known:
    try:
        title = desk.data.programme().title
    except OvertError:
        title = "no programme yet"
    try:
        return Known(title, desk.data.state())
    except OvertError:
        return Known(title, None)


def _banner(state: SystemState | None, viewer: Viewer | None) -> Banner | None:
    if state is None:
        return Banner("The programme's state cannot be read; this counts as halted")
    if state.state == "running":
        return None
    return Banner("The programme is halted", state.reason if viewer else "")


def layout_of(request: Request, viewer: Viewer | None, current: str = "") -> Layout:
    """Return the frame of a page: only places that this viewer may open."""
    known = _known(desk_of(request))
    layout = Layout(
        known.title,
        root=request.scope.get("root_path", ""),
        banner=_banner(known.state, viewer),
        current=current,
    )
    if viewer is None:
        return layout
    return replace(
        layout,
        who=f"{viewer.member.name} ({', '.join(viewer.member.roles)})",
        places=tuple(place for place, roles in PLACES if viewer.has(roles)),
        csrf=viewer.csrf,
    )


def show(
    request: Request, viewer: Viewer, template: str, current: str, **facts: Any
) -> HTMLResponse:
    """Return a page for a viewer; a session half over gets a new secret with it."""
    layout = layout_of(request, viewer, current)
    response = pages_of(request).html(template, layout, viewer=viewer, **facts)
    if renewed := desk_of(request).sessions.renew(viewer.token, now_of(request)):
        set_cookie(request, response, renewed)
    return response


def set_cookie(request: Request, response: Response, token: str) -> None:
    """Set or, for an empty token, remove the console's session cookie."""
    path = request.scope.get("root_path", "") or "/"
    secure = request.url.scheme == "https"
    name = cookie_name(request, SITE)
    set_session_cookie(response, token, name=name, path=path, secure=secure)


def status_of(error: OvertError) -> int:
    """Return the HTTP status of an error."""
    return 401 if isinstance(error, LoginNeededError) else refusals.status_of(error)


def error_page(request: Request, error: OvertError, status: int) -> HTMLResponse:
    """Return an error as a page with its remedy."""
    viewer = None
    try:
        viewer = find_viewer(request)
    except OvertError:
        _LOG.warning("console: the roster cannot be read")
    return pages_of(request).error(error, layout_of(request, viewer), status=status)


def on_overt_error(request: Request, error: Exception) -> HTMLResponse:
    """Answer an error that overt raised on purpose."""
    known = error if isinstance(error, OvertError) else OvertError("Unknown error.")
    return error_page(request, known, status_of(known))


def on_http_error(request: Request, error: Exception) -> HTMLResponse:
    """Answer a wrong address or method, as the framework found it."""
    return error_page(request, *address_error(error))


def on_bad_form(request: Request, _: Exception) -> HTMLResponse:
    """Answer a form that lacks a field."""
    return error_page(request, bad_form_error(), 400)


def on_crash(request: Request, error: Exception) -> HTMLResponse:
    """Answer a defect; its kind alone is logged, never its words."""
    _LOG.error("console: %s on %s", type(error).__name__, request.url.path)
    shown = OvertError(
        "The server failed on this page.",
        remedy="Try again; if it stays so, ask the operator to look at the log.",
    )
    return error_page(request, shown, 500)
