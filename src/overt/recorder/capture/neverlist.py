"""Windows that are never recorded, whatever the programme and its level say.

Stage: core of capture, over the allow-list. Input: a window's class, the host of its
page. Output: off where `redact.classify` finds it to be of health, banking, a union or
a password manager, by app or site; each rule has its source there. Terminals, lock
screens and private windows are on the allow-list's own never-list. Titles do not count
here: a word in a title is no reason to take a steward's whole site away. Fails closed:
without the library that tells one site from another nothing is recorded.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from overt.protocol.errors import CaptureError
from overt.protocol.records import Level

if TYPE_CHECKING:
    from overt.recorder.capture.allowance import AllowList

NEVER: Final = frozenset({"health", "banking and tax", "union", "credentials"})
_MOST_KNOWN: Final = 512  # windows and pages whose verdict is remembered


class WithNeverList:
    """An allow-list that allows nothing of what is never recorded."""

    def __init__(self, allow: AllowList) -> None:
        """Take the allow-list of a programme.

        Raises:
            CaptureError: The library that tells sites apart is missing.
        """
        try:
            from overt.redact.classify import sensitive
        except ImportError as error:
            raise CaptureError(
                "The lists of what is never recorded need tldextract, which is not"
                " installed.",
                remedy="Install it: pip install 'overt[mask]'",
            ) from error
        self._allow = allow
        self._verdict = lru_cache(_MOST_KNOWN)(sensitive)

    def level_for(self, app: str, url: str | None, title: str) -> Level:
        """Level of a window; off where a rule says that it is never recorded."""
        level = self._allow.level_for(app, url, title)
        if level is Level.OFF:
            return level
        verdict = self._verdict(app, _site(url), "")
        return Level.OFF if verdict and verdict.name in NEVER else level

    def needs_url(self, app: str) -> bool:
        """Whether windows of that class are allowed by page only."""
        return self._allow.needs_url(app)


def _site(url: str | None) -> str | None:
    """A URL without its path; as it is where it cannot be read."""
    try:
        parts = urlsplit(url or "")
    except ValueError:
        return url
    return f"{parts.scheme}://{parts.netloc}/" if parts.netloc else None
