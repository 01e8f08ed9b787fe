"""The vault server's line to the key broker: append to the log, destroy a key.

Stage: behind ingest. In: log entries, a pseudonym; out: numbers, an epoch. Each
call carries a pass of its own, which opens nothing.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpx

from overt.protocol import routes
from overt.protocol.canonical import canonical_bytes
from overt.protocol.errors import NetworkError, VaultError
from overt.vault.govern.passes import make_pass

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from overt.protocol.canonical import Json

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

    def append(self, entries: Sequence[Json]) -> list[int]:
        """Append entries to the log; return their numbers once durable.

        Raises:
            NetworkError: The broker is away.
            VaultError: The broker refuses.
        """
        answer = self._post(routes.APPENDS, {"entries": list(entries)})
        return [int(index) for index in answer["indices"]]

    def erase(self, person: str) -> Json:
        """Destroy a person's key; return `epoch` and when that is `final`.

        Raises:
            NetworkError: The broker is away.
            VaultError: The broker refuses.
        """
        return self._post(routes.ERASURES, {"person": person})

    def _post(self, route: str, body: Json) -> dict[str, Any]:
        try:
            data = canonical_bytes(body)
            proof = make_pass(self._token, route, data, int(self._clock()))
            headers = {"Authorization": proof, "Content-Type": "application/json"}
            answer = self._client.post(route, content=data, headers=headers)
        except httpx.HTTPError as error:
            raise NetworkError("The key broker is away.", remedy=_REMEDY) from error
        if answer.status_code != 200:
            raise VaultError(
                f"The key broker refused ({answer.status_code}).", remedy=_REMEDY
            )
        found: dict[str, Any] = answer.json()
        return found
