"""Signed calls of members to the vault and the broker.

Input: a route and a JSON body. Output: the JSON answer, or the server's error as an
overt error with its remedy.
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

import httpx

from overt.protocol.calls import sign_call
from overt.protocol.canonical import canonical_bytes, parse_json
from overt.protocol.errors import NetworkError
from overt.protocol.refusal import refusal
from overt.recorder.person.vault_client import check_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from overt.protocol.canonical import Json

TIMEOUT_S = 30.0


class Caller:
    """Calls one server in the name of one key."""

    def __init__(self, server: str, key: Ed25519PrivateKey) -> None:
        """Take the server's address and the key that signs the calls.

        Raises:
            UsageError: It is no address, or plain HTTP beyond this machine.
        """
        self._server, self._key = check_server(server.rstrip("/")), key

    def elsewhere(self, server: str) -> Caller:
        """Return a caller of another server in the name of the same key.

        Raises:
            UsageError: It is no address, or plain HTTP beyond this machine.
        """
        return Caller(server, self._key)

    def send(self, method: str, target: str, body: Json | None = None) -> Json:
        """Send a signed call and return its JSON answer.

        Raises:
            NetworkError: The server is away.
            OvertError: What the server refuses, as it says.
        """
        data = b"".join(self.stream(method, target, body))
        return parse_json(data, what=f"The answer to {method} {target}")

    def stream(
        self, method: str, target: str, body: Json | None = None
    ) -> Iterator[bytes]:
        """Send a signed call and yield its answer as it comes.

        Raises:
            NetworkError: The server is away, or the answer broke off.
            OvertError: What the server refuses, as it says.
        """
        data = b"" if body is None else canonical_bytes(body)
        proof = sign_call(
            self._key,
            method=method,
            target=target,
            body=data,
            utc_s=int(time.time()),
            nonce=secrets.token_urlsafe(16),
        )
        headers = {"Authorization": proof, "Content-Type": "application/json"}
        try:
            with httpx.stream(
                method,
                self._server + target,
                content=data,
                headers=headers,
                timeout=TIMEOUT_S,
                trust_env=False,  # no proxy stands between a member and the vault
            ) as answer:
                if answer.status_code >= 300:
                    said = answer.read()
                    raise refusal(answer.status_code, said, server=self._server)
                yield from answer.iter_bytes()
        except httpx.HTTPError as error:
            raise NetworkError(
                f"{self._server} does not answer.", remedy="Is `overt serve` running?"
            ) from error
