"""The console: pages for every role, mounted beside the vault's API.

Stage: above the vault, without keys. In: what `ConsoleData` says; out: a web app to
mount at `/console`. It never shows recorded content and never holds a member's key:
what a signature is needed for, a member signs at home and hands in.
"""

import time
from collections.abc import Callable, Collection

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from overt.console import doors, entry, oversight, passkeys, requests
from overt.console.data import ConsoleData
from overt.console.frame import on_bad_form, on_crash, on_http_error, on_overt_error
from overt.console.oidc import OpenId
from overt.console.policy import Desk
from overt.protocol.errors import OvertError
from overt.web.limits import TryLimit
from overt.web.pages import Pages, static_files
from overt.web.security import LOOPBACK_HOSTS, BodyLimit, SecurityHeaders
from overt.web.sessions import Sessions

PREFIX = "/console"


def _utc_s() -> int:
    return int(time.time())


def create_console(
    data: ConsoleData,
    *,
    sessions: Sessions | None = None,
    clock: Callable[[], int] = _utc_s,
    hosts: Collection[str] = LOOPBACK_HOSTS,
    local_only: bool = True,
    openid: OpenId | None = None,
) -> FastAPI:
    """Return the console's app, to be mounted at `PREFIX` of the vault's server.

    Args:
        data: The vault as the console sees it.
        sessions: Who is logged in; in memory when not given.
        clock: Unix seconds now.
        hosts: Names under which it answers, without port; empty for any.
        local_only: Whether only this machine's own users may log in.
        openid: The login provider; where there is one, nobody logs in otherwise.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.state.desk = Desk(data, sessions or Sessions())
    app.state.pages = Pages("overt.console")
    app.state.clock = clock
    app.state.local_only = local_only
    app.state.openid = openid
    for router in (
        doors.router,
        entry.router,
        oversight.router,
        passkeys.router,
        requests.router,
    ):
        app.include_router(router)
    app.mount("/static", static_files(), name="static")
    app.add_exception_handler(OvertError, on_overt_error)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(RequestValidationError, on_bad_form)
    app.add_exception_handler(Exception, on_crash)
    app.add_middleware(BodyLimit)
    app.add_middleware(TryLimit, paths=doors.PATHS)
    app.add_middleware(SecurityHeaders, hosts=hosts)
    return app
