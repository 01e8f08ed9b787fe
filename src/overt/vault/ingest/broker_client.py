"""The vault server's line to the key broker: log entries, erasures, own reads.

Stage: behind ingest. In: log entries, a pseudonym, an own read; out: numbers, an
epoch, what the broker streams. Each call carries a pass, which opens nothing.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

import httpx

from overt.protocol import routes
from overt.protocol.canonical import canonical_bytes
from overt.protocol.errors import NetworkError, VaultError
from overt.vault.govern.halt import Latest
from overt.vault.govern.passes import make_pass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from overt.protocol.canonical import Json

LATEST_AGE_S = 1.0
_ENDING = ("halt", "programme")  # kinds of entries that change what is latest
_REMEDY = "Start the key broker; what was sent waits and can be sent again."


class BrokerClient:
    """Calls the broker.

    Args:
        client: An HTTP client whose base URL is the broker's.
        token: The service token; passes are made with it, it never travels.
        clock: Unix seconds now.
    """

    def __init__(
        self,
        client: httpx.Client,
        token: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client, self._token, self._clock = client, token, clock
        self._latest: tuple[float, Latest | None] = 0.0, None

    def append(self, entries: Sequence[Json]) -> list[int]:
        """Append entries to the log; return their numbers once durable.

        Raises:
            NetworkError: The broker is away.
            VaultError: The broker refuses.
        """
        answer = self._post(routes.APPENDS, {"entries": list(entries)})
        if any(entry.get("kind") in _ENDING for entry in entries):
            self._latest = 0.0, None
        return [int(index) for index in answer["indices"]]

    def latest(self) -> Latest:
        """Return the last halt order and the newest version, a second old at most.

        It is asked afresh after an entry that changes one of them.

        Raises:
            NetworkError: The broker is away.
            VaultError: The broker refuses.
        """
        asked_s, known = self._latest
        if known is None or time.monotonic() - asked_s > LATEST_AGE_S:
            asked_s = time.monotonic()
            answer = self._post(routes.LATEST, {})
            known = Latest(str(answer["order"]), int(answer["version"]))
            self._latest = asked_s, known
        return known

    def erase(self, person: str) -> Json:
        """Destroy a person's key; return `epoch` and when that is `final`.

        Raises:
            NetworkError: The broker is away.
            VaultError: The broker refuses.
        """
        return self._post(routes.ERASURES, {"person": person})

    def pass_on(self, route: str, envelope: Json) -> tuple[int, Iterator[bytes]]:
        """Pass a participant's document on; return the broker's status and answer.

        Args:
            route: The broker's.
            envelope: The document, which the broker verifies itself.

        Raises:
            NetworkError: The broker is away.
        """
        data, headers = self._passed(route, envelope)
        request = self._client.build_request(
            "POST", route, content=data, headers=headers
        )
        try:
            answer = self._client.send(request, stream=True)
        except httpx.HTTPError as error:
            raise NetworkError("The key broker is away.", remedy=_REMEDY) from error
        return answer.status_code, _body_of(answer)

    def _passed(self, route: str, body: Json) -> tuple[bytes, dict[str, str]]:
        """Return a body's bytes and the headers with its pass."""
        data = canonical_bytes(body)
        proof = make_pass(self._token, route, data, int(self._clock()))
        return data, {"Authorization": proof, "Content-Type": "application/json"}

    def _post(self, route: str, body: Json) -> dict[str, Any]:
        try:
            data, headers = self._passed(route, body)
            answer = self._client.post(route, content=data, headers=headers)
        except httpx.HTTPError as error:
            raise NetworkError("The key broker is away.", remedy=_REMEDY) from error
        if answer.status_code != 200:
            raise VaultError(
                f"The key broker refused ({answer.status_code}).", remedy=_REMEDY
            )
        found: dict[str, Any] = answer.json()
        return found


def _body_of(answer: httpx.Response) -> Iterator[bytes]:
    with contextlib.closing(answer):
        yield from answer.iter_bytes()
