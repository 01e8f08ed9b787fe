"""Browser sessions and one-time codes: random secrets whose hash alone is kept.

Stage: between a page's login and its routes. In: whom a code or session is for; out:
256 bits of randomness, and later the person again. It never decides who may log in,
and a restart ends every session.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

COOKIE = "overt_session"
LIFE_S = 30 * 60
LONGEST_S = 8 * 3600
CODE_LIFE_S = 60
_GRACE_S = 10  # pages that load side by side may still show the old cookie


@dataclass(frozen=True, slots=True)
class Session:
    """A session on the server's side.

    Attributes:
        subject: Whose it is.
        since_s: When its owner logged in, Unix seconds.
        expires_s: Until when it holds.
        roles: The only roles that it has; all that its owner has where None.
    """

    subject: str
    since_s: int
    expires_s: int
    roles: tuple[str, ...] | None = None


class SessionStore(Protocol):
    """Where sessions lie, by the SHA-256 of their secret."""

    def put(self, token_sha256: str, session: Session) -> None:
        """Store or replace a session."""

    def get(self, token_sha256: str) -> Session | None:
        """Return a session if there is one."""

    def take(self, token_sha256: str) -> Session | None:
        """Remove a session and return it; only one caller gets it."""

    def expire(self, now_s: int) -> None:
        """Forget what has expired."""

    def end_of(self, subject: str) -> None:
        """Remove every session of somebody."""


class MemorySessions:
    """Sessions in this process's memory; they end with it."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()

    def put(self, token_sha256: str, session: Session) -> None:
        """Store or replace a session."""
        with self._lock:
            self._sessions[token_sha256] = session

    def get(self, token_sha256: str) -> Session | None:
        """Return a session if there is one."""
        return self._sessions.get(token_sha256)

    def take(self, token_sha256: str) -> Session | None:
        """Remove a session and return it; only one caller gets it."""
        with self._lock:
            return self._sessions.pop(token_sha256, None)

    def expire(self, now_s: int) -> None:
        """Forget what has expired."""
        with self._lock:
            for token, session in list(self._sessions.items()):
                if session.expires_s <= now_s:
                    del self._sessions[token]

    def end_of(self, subject: str) -> None:
        """Remove every session of somebody."""
        with self._lock:
            for token, session in list(self._sessions.items()):
                if session.subject == subject:
                    del self._sessions[token]


def _sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


class Sessions:
    """Sessions and one-time codes of one site.

    Args:
        store: Where sessions lie; memory when none is given.
        life_s: How long a session holds without a page being opened.
        longest_s: How long after the login it ends in any case.
    """

    def __init__(
        self,
        store: SessionStore | None = None,
        *,
        life_s: int = LIFE_S,
        longest_s: int = LONGEST_S,
    ) -> None:
        self._store: SessionStore = store if store is not None else MemorySessions()
        self._codes = MemorySessions()
        self._life_s, self._longest_s = life_s, longest_s

    def code(self, subject: str, now_s: int) -> str:
        """Return a one-time code that lets somebody in within `CODE_LIFE_S`."""
        self._codes.expire(now_s)
        token = secrets.token_urlsafe(32)
        session = Session(subject, now_s, now_s + CODE_LIFE_S)
        self._codes.put(_sha256(token), session)
        return token

    def enter(self, code: str, now_s: int) -> str | None:
        """Exchange a one-time code for a new session's secret, once."""
        found = self._codes.take(_sha256(code))
        if found is None or found.expires_s <= now_s:
            return None
        return self.start(found.subject, now_s)

    def start(
        self, subject: str, now_s: int, roles: tuple[str, ...] | None = None
    ) -> str:
        """Begin a session and return its secret, for the cookie.

        Args:
            subject: Whose it is.
            now_s: Unix seconds now.
            roles: The only roles that it has; all that its owner has where None.
        """
        self._store.expire(now_s)
        return self._put(Session(subject, now_s, now_s + self._life_s, roles))

    def find(self, token: str, now_s: int) -> Session | None:
        """Return the session of a cookie if it still holds."""
        session = self._store.get(_sha256(token)) if token else None
        return session if session and session.expires_s > now_s else None

    def renew(self, token: str, now_s: int) -> str | None:
        """Rotate a session whose life is half over; return the new secret, if any.

        The old secret dies after a few seconds. Nothing is renewed beyond the
        longest time after the login.
        """
        session = self.find(token, now_s)
        if session is None or session.expires_s - now_s > self._life_s // 2:
            return None
        latest = session.since_s + self._longest_s
        if session.expires_s >= latest:
            return None
        ending = min(session.expires_s, now_s + _GRACE_S)
        if ending == session.expires_s:
            return None
        self._store.put(_sha256(token), replace(session, expires_s=ending))
        expires_s = min(now_s + self._life_s, latest)
        return self._put(replace(session, expires_s=expires_s))

    def end(self, token: str) -> None:
        """End a session."""
        self._store.take(_sha256(token))

    def end_all(self, subject: str) -> None:
        """End every session and code of somebody."""
        self._store.end_of(subject)
        self._codes.end_of(subject)

    def _put(self, session: Session) -> str:
        token = secrets.token_urlsafe(32)
        self._store.put(_sha256(token), session)
        return token


def cookie_name(request: Request, site: str) -> str:
    """Return a cookie name for one site on one port.

    Browsers send a host's cookies to all of its ports: two sites on one machine, each
    with a cookie of the same name, would log each other's people out.
    """
    return f"{COOKIE}_{site}_{request.url.port or request.url.scheme}"


def set_session_cookie(
    response: Response,
    token: str,
    *,
    name: str = COOKIE,
    path: str = "/",
    secure: bool = False,
) -> None:
    """Put a session's secret into an answer: no script reads it, no site sends it.

    Args:
        response: The answer.
        token: The secret; empty to remove the cookie.
        name: The cookie's name (`cookie_name`).
        path: Below which path it is sent.
        secure: Whether it is sent over TLS only; set it wherever there is TLS.
    """
    response.set_cookie(
        name,
        token,
        max_age=None if token else 0,
        path=path,
        secure=secure,
        httponly=True,
        samesite="strict",
    )
