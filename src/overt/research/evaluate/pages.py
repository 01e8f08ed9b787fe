"""The benchmark's pages over HTTP on loopback, so that they have a URL to allow.

Input: a folder of pages. Output: `PageServer.url`. It serves files of that folder to
this machine alone, lists no folder, and takes nothing in.
"""

from __future__ import annotations

import importlib.util
import threading
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from overt.protocol.errors import CaptureError

if TYPE_CHECKING:
    from io import BytesIO

_FOLDER = "miniwob"


class _Handler(SimpleHTTPRequestHandler):
    def list_directory(self, path: Any) -> BytesIO | None:
        del path
        self.send_error(HTTPStatus.NOT_FOUND)
        return None

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - base class
        del format, args


class PageServer:
    """Serves a folder of pages on a free loopback port until closed.

    Attributes:
        url: Prefix of the task pages, with a final slash.
        port: The loopback port.
    """

    def __init__(self, root: Path | None = None, *, port: int = 0) -> None:
        folder = miniwob_root() if root is None else root
        handler = partial(_Handler, directory=str(folder))
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}/{_FOLDER}/"
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="pages", daemon=True
        )
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def miniwob_root() -> Path:
    """Return the folder of the installed MiniWoB++ pages, without importing them.

    Raises:
        CaptureError: The package `miniwob` is not installed.
    """
    spec = importlib.util.find_spec("miniwob")
    if spec is None or spec.origin is None:
        raise CaptureError(
            "The benchmark's pages are missing.",
            remedy="Install the extra: pip install 'overt[benchmark]'.",
        )
    return Path(spec.origin).parent / "html"
