"""HTTP to one server, over the standard library: small to load, and it never wanders.

Input: a request's method, path, headers and body. Output: status and body of the
answer. Connections are kept and used again; several threads may call at once. It
follows no redirect, uses no proxy, trusts nothing of the environment and takes no
answer above 16 MiB, unless its caller says so. What a call means it does not know.
"""

from __future__ import annotations

import contextlib
import select
import ssl
import threading
from http.client import (
    HTTPConnection,
    HTTPException,
    HTTPSConnection,
    IncompleteRead,
    RemoteDisconnected,
)
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping
    from http.client import HTTPResponse

CONNECT_S, READ_S, WRITE_S = 3.0, 10.0, 60.0
MOST_BYTES = 16 << 20
AWAY = (OSError, HTTPException)  # what a call raises where no answer came
# A server hangs up on a connection that was idle; it has not read what came then, and
# a signed call that it did read it takes no second time.
_HUNG_UP = (RemoteDisconnected, ConnectionResetError, BrokenPipeError)


class Reply(NamedTuple):
    """An answer: its status and its body, of `MOST_BYTES` and one more at most."""

    status: int
    body: bytes


class Server:
    """One server, by its address."""

    def __init__(self, url: str) -> None:
        """Connect to nothing yet.

        Args:
            url: `http(s)://host[:port][/prefix]`; every path is asked for below it.
        """
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port
        self.prefix = parts.path.rstrip("/")
        self._trust = _trust() if parts.scheme == "https" else None
        self._lock = threading.Lock()
        self._idle: list[HTTPConnection] = []

    def ask(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        *,
        most_bytes: int = MOST_BYTES,
    ) -> Reply:
        """Send one request and read its answer.

        Args:
            method: For example `GET`.
            target: Path with query, the prefix included.
            headers: What to send along.
            body: The body; without one none is announced.
            most_bytes: How much of an answer is read, and one byte more.

        Raises:
            OSError: No connection, or none of the bytes came in time.
            HTTPException: What came is no HTTP.
        """
        while (connection := self._take()) is not None:
            with contextlib.suppress(*_HUNG_UP):  # while this request was on its way
                return self._asked(
                    connection, method, target, headers, body, most_bytes
                )
        connection = self._connected()
        return self._asked(connection, method, target, headers, body, most_bytes)

    def _asked(
        self,
        connection: HTTPConnection,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes,
        most_bytes: int,
    ) -> Reply:
        try:
            connection.sock.settimeout(WRITE_S)
            connection.request(method, target, body or None, dict(headers))
            connection.sock.settimeout(READ_S)
            answer = connection.getresponse()
            reply = Reply(answer.status, _read(answer, most_bytes))
        except BaseException:
            connection.close()
            raise
        if answer.isclosed() and not answer.will_close:
            with self._lock:
                self._idle.append(connection)
        else:
            connection.close()
        return reply

    def close(self) -> None:
        """Close what is connected and idle."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> HTTPConnection | None:
        """A connection that is still open, as far as is known here."""
        while True:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            if connection is None or not select.select([connection.sock], [], [], 0)[0]:
                return connection
            connection.close()

    def _connected(self) -> HTTPConnection:
        if self._trust is None:
            connection = HTTPConnection(self._host, self._port, timeout=CONNECT_S)
        else:
            connection = HTTPSConnection(
                self._host, self._port, timeout=CONNECT_S, context=self._trust
            )
        try:
            connection.connect()
        except BaseException:
            connection.close()
            raise
        return connection


def _read(answer: HTTPResponse, most_bytes: int) -> bytes:
    body = answer.read(most_bytes + 1)
    if answer.length and len(body) <= most_bytes:
        raise IncompleteRead(body, answer.length)
    return body


def _trust() -> ssl.SSLContext:
    """Whom TLS trusts: the authorities that certifi lists, else the system's."""
    with contextlib.suppress(ImportError):
        import certifi

        return ssl.create_default_context(cafile=certifi.where())
    return ssl.create_default_context()
