"""A Chromium of a desk's own: temporary profile, whole screen, accessibility on.

Input: a URL, the desk's environment. Output: the browser's process and
`Browser.port`, its debugging port on loopback. It reaches nothing but loopback.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from overt.protocol.errors import CaptureError
from overt.research.evaluate.desk.processes import end, start

_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
_START_S = 60.0
_SWITCHES = (
    *("--test-type", "--disable-gpu", "--no-first-run", "--no-default-browser-check"),
    *("--disable-background-networking", "--disable-sync", "--disable-extensions"),
    *("--disable-component-update", "--disable-default-apps", "--disable-breakpad"),
    *("--disable-client-side-phishing-detection", "--disable-domain-reliability"),
    *("--disable-dev-shm-usage", "--password-store=basic", "--dns-prefetch-disable"),
    *("--disable-background-timer-throttling", "--disable-renderer-backgrounding"),
    *("--disable-backgrounding-occluded-windows", "--metrics-recording-only"),
    (
        "--disable-features=Translate,MediaRouter,OptimizationHints,"
        "AutofillServerCommunication,PasswordManager,CalculateNativeWinOcclusion,"
        "DialMediaRouteProvider"
    ),
    *("--force-device-scale-factor=1", "--font-render-hinting=none", "--no-pings"),
    *("--force-renderer-accessibility", "--remote-debugging-port=0"),
    "--window-position=0,0",
)
_LOOPBACK_ONLY = (
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"
)


class Browser:
    """A running browser.

    Attributes:
        port: Its debugging port on loopback.
        pid: Its process id.
    """

    def __init__(
        self,
        url: str,
        env: dict[str, str],
        folder: Path,
        size: tuple[int, int],
        *,
        kiosk: bool = True,
    ) -> None:
        self._profile = folder / "profile"
        self._profile.mkdir(mode=0o700, exist_ok=True)
        command = [find_chromium(), *_SWITCHES, _LOOPBACK_ONLY]
        command += [f"--user-data-dir={self._profile}"]
        command += [f"--window-size={size[0]},{size[1]}"]
        command += ["--kiosk", url] if kiosk else [f"--app={url}"]
        if os.geteuid() == 0:
            command.insert(1, "--no-sandbox")
        self._process = start(command, _own_home(env, folder))
        self.pid = self._process.pid
        try:
            self.port = self._wait_port()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the browser and all its processes."""
        end(self._process)

    def _wait_port(self) -> int:
        """Read the port that the browser writes into its profile."""
        note = self._profile / "DevToolsActivePort"
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline and self._process.poll() is None:
            words = note.read_text().split() if note.exists() else []
            if len(words) > 1:
                return int(words[0])
            time.sleep(0.05)
        raise CaptureError(
            "Chromium did not come up.",
            remedy="Run it by hand with --no-first-run to see what it says.",
        )


def find_chromium() -> str:
    """Return the path of a Chromium that can be driven.

    Raises:
        CaptureError: There is none, or only Ubuntu's stub for a snap.
    """
    paths = [path for path in map(shutil.which, _NAMES) if path is not None]
    real = [path for path in paths if not is_snap_stub(path)]
    if real:
        return real[0]
    if paths:
        raise CaptureError(
            f"{paths[0]} is Ubuntu's stub for a snap, which cannot use a temporary "
            "profile or a private display.",
            remedy="Install Debian's chromium package, or Google Chrome as .deb.",
        )
    raise CaptureError(
        "The program chromium is missing.",
        remedy="Install it: apt install chromium.",
    )


def is_snap_stub(path: str) -> bool:
    """Tell whether a program only starts, or is, a snap."""
    if "/snap/" in str(Path(path).resolve()):
        return True
    with Path(path).open("rb") as file:
        head = file.read(4096)
    return head.startswith(b"#!") and b"/snap/bin" in head


def _own_home(env: dict[str, str], folder: Path) -> dict[str, str]:
    """Give the browser a home of its own, so that it finds and leaves nothing."""
    home = folder / "home"
    home.mkdir(mode=0o700, exist_ok=True)
    return env | {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "config")}
