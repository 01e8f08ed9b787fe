"""What a server tells its operator: counts and times by route, log lines as JSON.

Stage: round an app, in both servers. In: requests; out: Prometheus metrics on a port of
their own, and structured lines. A route is named by its template: no id, no pseudonym,
no content, no address of a caller is counted or logged.
"""

from __future__ import annotations

import json
import logging
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
    App = Callable[[Scope, Receive, Send], Awaitable[None]]

_SECONDS = (0.005, 0.02, 0.1, 0.5, 2, 10, 60)


class Measured:
    """An ASGI app that counts its answers.

    Args:
        app: The app.
        registry: Where its metrics stand.
    """

    def __init__(self, app: App, registry: CollectorRegistry) -> None:
        self._app = app
        self._answers = Counter(
            "overt_answers", "Answers by route and status.",
            ["method", "route", "status"], registry=registry,
        )  # fmt: skip
        self._seconds = Histogram(
            "overt_answer_seconds", "Time until the last byte.",
            ["route"], buckets=_SECONDS, registry=registry,
        )  # fmt: skip

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, then count."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status = time.perf_counter(), 500

        async def told(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, told)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            method = scope["method"] if route != "other" else "other"
            self._answers.labels(method, route, str(status)).inc()
            self._seconds.labels(route).observe(time.perf_counter() - start)


def serve_metrics(registry: CollectorRegistry, port: int) -> Callable[[], None]:
    """Serve metrics on loopback; return what ends that."""
    server, thread = start_http_server(port, addr="127.0.0.1", registry=registry)

    def end() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return end


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, where from, what, kind of exception."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; a traceback's values never stand in it."""
        line = {
            "t": datetime.fromtimestamp(record.created, UTC).isoformat("T", "seconds"),
            "level": record.levelname.lower(),
            "from": record.name,
            "said": record.getMessage(),
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
        return json.dumps(line, ensure_ascii=False)


def log_json_lines() -> None:
    """Write warnings and worse of everything to stderr as JSON lines."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
