"""What protects pages in a browser: headers, the host's name, same origin, CSRF.

Stage: around every page. In: requests; out: requests that come from the page's own
origin, answers that no other page can frame, read or inject into. It never decides
about roles.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse

from overt.protocol.errors import GovernError

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

CSRF_FIELD = "csrf"
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")
# Pico draws its marks with data: pictures
POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none';"
    " form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
_HSTS = "max-age=63072000; includeSubDomains"
_ASK_AGAIN = "Load the page again from its own address, then repeat."


class SecurityHeaders:
    """ASGI middleware: sets the headers; refuses foreign names of this host.

    A page on a loopback address answers to loopback names alone, so that a foreign
    site cannot reach it by a name that it makes resolve here (DNS rebinding).

    Args:
        app: The app inside.
        hosts: Names under which it answers, without port; empty for any name.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str] = ()) -> None:
        self._app = app
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                if scope.get("scheme") == "https":
                    headers["Strict-Transport-Security"] = _HSTS
            await send(message)

        if self._hosts and host_name(Headers(scope=scope)) not in self._hosts:
            refusal = PlainTextResponse("This server has another name.", 421)
            await refusal(scope, receive, send_with_headers)
            return
        await self._app(scope, receive, send_with_headers)


class BodyLimit:
    """ASGI middleware: refuses bodies that are too long or do not say how long.

    Args:
        app: The app inside.
        max_bytes: Longest body.
    """

    def __init__(self, app: ASGIApp, max_bytes: int = 256 << 10) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and not self._fits(Headers(scope=scope)):
            text = f"Forms here take at most {self._max_bytes >> 10} KiB."
            await PlainTextResponse(text, 413)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _fits(self, headers: Headers) -> bool:
        length = headers.get("content-length", "0")
        return (
            "transfer-encoding" not in headers
            and length.isdecimal()
            and int(length) <= self._max_bytes
        )


def host_name(headers: Headers) -> str:
    """Return the request's Host without its port, in lower case."""
    host = headers.get("host", "").lower()
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() else host


def check_same_origin(request: Request) -> None:
    """Check that a browser sends this from a page of this very origin.

    A request without Sec-Fetch-Site and Origin does not come from a page's form.

    Raises:
        GovernError: It comes from elsewhere, or does not say where from.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        same = site == "same-origin"
    else:
        origin = urlsplit(request.headers.get("origin", ""))
        same = bool(origin.netloc) and origin.netloc == request.headers.get("host")
    if not same:
        raise GovernError("The form was sent from another site.", remedy=_ASK_AGAIN)


def csrf_token(session_token: str) -> str:
    """Return the token that the forms of one session carry."""
    key = session_token.encode()
    return hmac.new(key, b"overt form v1", hashlib.sha256).hexdigest()


def check_csrf(session_token: str, given: str) -> None:
    """Check that a form was made for this session.

    Raises:
        GovernError: It was not.
    """
    if not hmac.compare_digest(csrf_token(session_token).encode(), given.encode()):
        raise GovernError("The form is not of this session.", remedy=_ASK_AGAIN)
