"""The vault's routes as the participant's machine calls them.

Input: signed documents and sealed bytes. Output: the vault's answers, not yet
verified: every caller checks signatures itself. Calls are signed (`protocol.calls`);
redirects, proxies and plain HTTP beyond this machine are refused. Never sends
anything that is not sealed or a signed paper.
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from overt.protocol import routes
from overt.protocol.calls import sign_call
from overt.protocol.canonical import Json, canonical_bytes, parse_json
from overt.protocol.errors import NetworkError, UsageError, VaultError
from overt.protocol.refusal import refusal
from overt.recorder.person.httpcalls import AWAY, MOST_BYTES, Server

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def check_server(server: str) -> str:
    """Return a server's address if it may be talked to.

    Raises:
        UsageError: It is no http(s) address, or plain HTTP beyond this machine.
    """
    try:
        url = urlsplit(server)
        host, _ = url.hostname, url.port
    except (ValueError, TypeError, AttributeError) as error:
        raise UsageError(f"{server!r:.80} is no server address.") from error
    if url.scheme == "https" and host:
        return server
    if url.scheme == "http" and host in _LOOPBACK:
        return server
    raise UsageError(
        f"{server!r:.80} is no safe server address.",
        remedy="A vault elsewhere is reached by https:// only.",
    )


class VaultClient:
    """Calls to one vault, as one device or as nobody."""

    def __init__(self, server: str, key: Ed25519PrivateKey | None = None) -> None:
        """Take the server's address and the device key that signs the calls.

        Raises:
            UsageError: The address may not be talked to.
        """
        self.server, self._key = check_server(server), key
        self._http = Server(server)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def programme(self) -> Json:
        """Fetch the signed programme document."""
        return self._call("GET", routes.PROGRAMME, signed=False)

    def enrol(self, document: Json) -> Json:
        """Register this device; return the receipt."""
        return self._call("POST", routes.ENROL, document, signed=False)

    def lease(self, nonce: str) -> Json:
        """Fetch the signed programme state for a nonce."""
        return self._call("POST", routes.LEASE, {"nonce": nonce})

    def pulse(self) -> str:
        """Ask whether something changed; the answer is trusted with nothing."""
        return str(self._call("GET", routes.PULSE, signed=False).get("pulse", ""))

    def word(self) -> Json:
        """Fetch the halt order in force, if there is one."""
        return self._call("GET", routes.WORD)

    def consent(self, document: Json) -> Json:
        """Hand a consent document in; return the receipt."""
        return self._call("POST", routes.CONSENTS, document)

    def withdraw(self, document: Json) -> Json:
        """Hand a withdrawal in; return the receipt."""
        return self._call("POST", routes.WITHDRAWALS, document)

    def put_segment(self, segment: str, sealed: bytes) -> Json:
        """Upload sealed bytes; return the receipt."""
        return self._call("PUT", f"{routes.SEGMENTS}/{segment}", sealed)

    def readers(self) -> Json:
        """Fetch who has read this person's segments."""
        return self._call("GET", routes.READERS)

    def entries(self, start: int) -> Json:
        """Fetch a page of the log's entries about this person, from a number on."""
        return self._call("GET", f"{routes.ENTRIES}?start={start}")

    def own_segments(self) -> Json:
        """Fetch which segments the vault holds of this person."""
        return self._call("GET", routes.OWN)

    def read_own(self, document: Json) -> bytes:
        """Hand an own read in; return the release that answers it."""
        most = routes.MAX_SEGMENT_BYTES + MOST_BYTES
        return self._answer("POST", routes.OWN, document, most_bytes=most)

    def object_recovery(self, document: Json) -> Json:
        """Hand an objection in."""
        return self._call("POST", routes.OBJECTIONS, document)

    def log_file(self, path: str) -> bytes:
        """Fetch a file of the log by its path; it is public."""
        return self._send("GET", f"{self._http.prefix}{routes.LOG}/{path}", {}, b"")

    def health(self) -> Json:
        """Ask whether the vault is there."""
        return self._call("GET", routes.HEALTH, signed=False)

    def _call(
        self,
        method: str,
        path: str,
        body: Json | bytes | None = None,
        *,
        signed: bool = True,
    ) -> Json:
        """Call a route.

        Raises:
            NetworkError: The vault is away.
            OvertError: What the vault answered, by the class that it names.
            DataError: The answer is not JSON.
        """
        answer = self._answer(method, path, body, signed=signed)
        return parse_json(answer, what="The server's answer")

    def _answer(
        self,
        method: str,
        path: str,
        body: Json | bytes | None,
        *,
        signed: bool = True,
        most_bytes: int = MOST_BYTES,
    ) -> bytes:
        raw = body if isinstance(body, bytes) else b""
        if isinstance(body, dict):
            raw = canonical_bytes(body)
        kind = "application/octet-stream" if body is raw else "application/json"
        headers, target = {"Content-Type": kind}, self._http.prefix + path
        if signed:
            headers["Authorization"] = self._proof(method, target, raw)
        return self._send(method, target, headers, raw, most_bytes)

    def _proof(self, method: str, target: str, body: bytes) -> str:
        if self._key is None:
            raise UsageError("This call needs the device key.")
        return sign_call(
            self._key,
            method=method,
            target=target,
            body=body,
            utc_s=int(time.time()),
            nonce=secrets.token_hex(16),
        )

    def _send(
        self,
        method: str,
        target: str,
        headers: dict[str, str],
        raw: bytes,
        most_bytes: int = MOST_BYTES,
    ) -> bytes:
        try:
            status, body = self._http.ask(
                method, target, headers, raw, most_bytes=most_bytes
            )
        except AWAY as error:
            raise NetworkError(
                f"The server {self.server} is away.",
                remedy="What was recorded is kept; try again later.",
            ) from error
        if 300 <= status < 400:
            raise VaultError(f"The server {self.server} sends elsewhere; refused.")
        if len(body) > most_bytes:
            raise VaultError(f"The server {self.server} answers with too much.")
        if status == 404 and b'"Not Found"' in body:
            raise self._is_older(target)
        if status >= 400:
            raise refusal(status, body, server=self.server)
        return body

    def _is_older(self, target: str) -> VaultError:
        from importlib.metadata import version

        path = target.partition("?")[0]
        return VaultError(
            f"The server {self.server} does not know {path}: it is"
            " older than this recorder.",
            remedy=f"It needs overt {version('overt')} or newer: tell who runs it.",
        )
