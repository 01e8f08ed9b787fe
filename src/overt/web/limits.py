"""How often somebody may try to log in: counted by where they call from, never by name.

Stage: around the doors of a site. In: requests; out: an answer, or 429 for an address
that tries too often. Nobody's account is ever locked: who knows a name can lock out
nobody but themselves.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from starlette.types import ASGIApp, Receive, Scope, Send

TRIES = 30
WINDOW_S = 60.0
_MAX_KNOWN = 10_000


class TryLimit:
    """ASGI middleware: at most `TRIES` calls of some paths in `WINDOW_S` an address.

    Args:
        app: The app inside.
        paths: The doors, below the app's root.
        clock: Seconds, from any beginning.
    """

    def __init__(
        self,
        app: ASGIApp,
        paths: Collection[str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app, self._paths, self._clock = app, frozenset(paths), clock
        self._tries: dict[str, tuple[float, int]] = {}  # address: begin, tries

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and self._is_door(scope) and not self._may(scope):
            refusal = PlainTextResponse(
                "Too many tries from this address. Wait a minute, then try again.",
                429,
                {"Retry-After": str(int(WINDOW_S))},
            )
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _is_door(self, scope: Scope) -> bool:
        root = scope.get("root_path", "")
        return scope["path"].removeprefix(root) in self._paths

    def _may(self, scope: Scope) -> bool:
        address = scope["client"][0] if scope.get("client") else ""
        now_s = self._clock()
        begin_s, tries = self._tries.get(address, (now_s, 0))
        if now_s - begin_s >= WINDOW_S:
            begin_s, tries = now_s, 0
        if address not in self._tries and len(self._tries) >= _MAX_KNOWN:
            self._forget(now_s)
        self._tries[address] = (begin_s, tries + 1)
        return tries < TRIES

    def _forget(self, now_s: float) -> None:
        """Forget addresses whose time is over; if none is, the oldest half."""
        kept = [
            (address, one)
            for address, one in self._tries.items()
            if now_s - one[0] < WINDOW_S
        ]
        self._tries = dict(kept[len(kept) // 2 :])
