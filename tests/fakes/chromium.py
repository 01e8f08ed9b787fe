"""A headless Chromium of a test's own, with a virtual authenticator over CDP."""

from __future__ import annotations

import base64
import os
import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from overt.protocol.errors import CaptureError
from overt.research.evaluate.desk.browser import find_chromium
from overt.research.evaluate.devtools import Page

if TYPE_CHECKING:
    from pathlib import Path

_START_S = 120.0
_SWITCHES = (
    "--headless=new", "--no-first-run", "--no-default-browser-check", "--disable-gpu",
    "--disable-dev-shm-usage", "--disable-background-networking", "--disable-sync",
    "--disable-extensions", "--remote-debugging-port=0", "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
)  # fmt: skip


class Chromium:
    """A browser with one page.

    Attributes:
        page: The connection to it.
    """

    def __init__(self, folder: Path) -> None:
        profile = folder / "chromium"
        profile.mkdir(mode=0o700)
        root = ["--no-sandbox"] if os.geteuid() == 0 else []
        command = [find_chromium(), *root, *_SWITCHES, f"--user-data-dir={profile}"]
        self._process = subprocess.Popen(
            [*command, "about:blank"],
            env=os.environ | {"HOME": str(folder)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        note, deadline = profile / "DevToolsActivePort", time.monotonic() + _START_S
        while not (note.exists() and len(note.read_text().split()) > 1):
            assert self._process.poll() is None, "Chromium ended"
            assert time.monotonic() < deadline, "Chromium did not come up"
            time.sleep(0.05)
        self.page = Page(int(note.read_text().split()[0]))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.page.close()
        self._process.kill()
        self._process.wait()

    def add_authenticator(self) -> None:
        """Plug in an authenticator whose user is there and verified."""
        self.page.call("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "usb",
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        self.page.call("WebAuthn.addVirtualAuthenticator", options=options)

    def set_cookie(self, name: str, value: str, url: str) -> None:
        """Give the page a session."""
        self.page.call(
            "Network.setCookie", name=name, value=value, url=url, sameSite="Strict"
        )

    def wait_for(self, expression: str, timeout_s: float = 60.0) -> Any:
        """Return an expression's value once it is true."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            with suppress(CaptureError):  # between two pages there is none
                if found := self.page.evaluate(expression):
                    return found
            time.sleep(0.05)
        text = self.page.evaluate("document.body.innerText")
        raise AssertionError(f"{expression} did not come true on:\n{text}")

    def picture(self, file: Path, width_px: int, *, dark: bool = False) -> None:
        """Write a picture of the whole page at a width."""
        scheme = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        ]
        self.page.call("Emulation.setEmulatedMedia", features=scheme)
        self.page.call(
            "Emulation.setDeviceMetricsOverride",
            width=width_px, height=900, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip
        taken = self.page.call("Page.captureScreenshot", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(taken["data"]))
