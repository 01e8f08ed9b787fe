"""The vault server's line to the key broker: append to the log, destroy a key.

Stage: behind ingest. In: log entries, a pseudonym; out: numbers, an epoch. It shows
the service token, which opens nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

from overt.protocol import routes
from overt.protocol.errors import NetworkError, VaultError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from overt.protocol.canonical import Json

_REMEDY = "Start the key broker; what was sent waits and can be sent again."


class BrokerClient:
    """Calls the broker.

    Args:
        client: An HTTP client whose base URL is the broker's.
        token: The service token.
    """

    def __init__(self, client: httpx.Client, token: str) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {token}"}

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
            answer = self._client.post(route, json=body, headers=self._headers)
        except httpx.HTTPError as error:
            raise NetworkError("The key broker is away.", remedy=_REMEDY) from error
        if answer.status_code != 200:
            raise VaultError(
                f"The key broker refused ({answer.status_code}).", remedy=_REMEDY
            )
        found: dict[str, Any] = answer.json()
        return found
