"""A page of a running Chromium, spoken to over its debugging port on loopback.

The benchmark uses it to start an episode and to read its outcome, a scripted worker to
read where things are. It never sends input to the page and never takes pixels.
"""

from __future__ import annotations

import http.client
import itertools
import json
import time
from typing import Any

import websocket

from overt.protocol.errors import CaptureError

_START_S = 30.0
_ANSWER_S = 20.0


class Page:
    """The first page of the browser that listens on a loopback port."""

    def __init__(self, port: int) -> None:
        self._numbers = itertools.count(1)
        try:
            self._socket = websocket.create_connection(
                _page_url(port),
                timeout=_ANSWER_S,
                suppress_origin=True,
                enable_multithread=False,
            )
        except (OSError, websocket.WebSocketException) as error:
            raise _no_page(port) from error
        self.call("Page.enable")

    def close(self) -> None:
        """Close the connection; the browser goes on."""
        self._socket.close()

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send one command and return its result.

        Raises:
            CaptureError: The browser refuses it or does not answer in 20 s.
        """
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        try:
            self._socket.send(json.dumps(message))
            answer = self._answer(number)
        except (OSError, websocket.WebSocketException) as error:
            raise CaptureError(
                f"The browser does not answer {method}.",
                remedy="Check that it still runs, then start the episode again.",
            ) from error
        if "error" in answer:
            raise CaptureError(f"The browser refuses {method}.")
        result: dict[str, Any] = answer["result"]
        return result

    def evaluate(self, expression: str, *, wait: bool = False) -> Any:
        """Evaluate JavaScript in the page and return its JSON value.

        Args:
            expression: What to evaluate.
            wait: Whether the value is a promise to wait for.

        Raises:
            CaptureError: The expression throws.
        """
        result = self.call(
            "Runtime.evaluate",
            expression=expression,
            returnByValue=True,
            awaitPromise=wait,
        )
        if "exceptionDetails" in result:
            raise CaptureError("The page does not know what was asked of it.")
        return result["result"].get("value")

    def navigate(self, url: str, *, ready: str, timeout_s: float = 15.0) -> None:
        """Load a URL and wait until an expression holds in it.

        Raises:
            CaptureError: It does not hold in time.
        """
        self.call("Page.navigate", url=url)
        place = json.dumps(url)
        test = f"location.href=={place}&&document.readyState=='complete'&&!!({ready})"
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if self._holds(test):
                return
            time.sleep(0.01)
        raise CaptureError(
            f"The page {url} did not load.",
            remedy="Check that the page server runs and has the page.",
        )

    def _holds(self, test: str) -> bool:
        try:
            return bool(self.evaluate(test))
        except CaptureError:
            return False

    def _answer(self, number: int) -> dict[str, Any]:
        """Read messages, events among them, up to the answer."""
        while True:
            message: dict[str, Any] = json.loads(self._socket.recv())
            if message.get("id") == number:
                return message


def _page_url(port: int) -> str:
    """Return the address of the first page's debugger."""
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        for target in _targets(port):
            if target.get("type") == "page":
                return str(target["webSocketDebuggerUrl"])
        time.sleep(0.05)
    raise _no_page(port)


def _targets(port: int) -> list[dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/json")
        listed: list[dict[str, Any]] = json.loads(connection.getresponse().read())
    except (OSError, ValueError, http.client.HTTPException):
        return []
    finally:
        connection.close()
    return listed


def _no_page(port: int) -> CaptureError:
    return CaptureError(
        f"No browser page answers on port {port}.",
        remedy="Start Chromium with --remote-debugging-port and a page open.",
    )
