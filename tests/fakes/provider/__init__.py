"""A real OpenID provider (npm's oidc-provider) on a loopback port, for tests."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_HERE = Path(__file__).parent
_FILES = ("package.json", "package-lock.json", "provider.mjs")


def installed() -> Path:
    """Install the provider as locked, once a machine; return its folder."""
    name = sha256(b"".join((_HERE / file).read_bytes() for file in _FILES)).hexdigest()
    folder = Path(tempfile.gettempdir()) / f"overt-test-provider-{name[:16]}"
    if folder.exists():
        return folder
    part = Path(tempfile.mkdtemp(prefix="overt-test-provider-part-"))
    for file in _FILES:
        shutil.copy(_HERE / file, part)
    command = [
        str(shutil.which("npm")),
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
    ]
    subprocess.run(command, cwd=part, check=True, timeout=280, capture_output=True)
    with suppress(OSError):  # somebody else was faster
        part.rename(folder)
    return folder


@contextmanager
def provider(accounts: dict[str, Any], redirect: str) -> Iterator[str]:
    """Run a provider with these accounts; yield its issuer."""
    client = {
        "client_id": "overt",
        "client_secret": "known to this test alone",
        "redirect_uris": [redirect],
    }
    settings = json.dumps({"accounts": accounts, "client": client})
    process = subprocess.Popen(
        [str(shutil.which("node")), "provider.mjs", settings],
        cwd=installed(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()
