"""The allow-list: which window falls under which rule, and what no rule can allow.

Stage: under the programme. In: a window's class, its page's URL, its title; out:
whether a rule matches. Whatever is odd (userinfo, dot segments, escapes that hide a
slash) does not match, so that it is not recorded. It never looks at a window itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final
from urllib.parse import urlsplit

from overt.protocol.records import Level  # noqa: TC001 - `read_form` resolves it

# Never recorded, whatever a programme says; a fuller list of classes is in redact.
NEVER_CLASSES: Final = (
    "keepassxc", "bitwarden", "1password", "seahorse", "xterm", "uxterm", "konsole",
    "gnome-terminal*", "xfce4-terminal", "alacritty", "kitty", "i3lock", "xscreensaver",
    "rxvt", "urxvt", "st", "st-256color", "terminator", "tilix", "foot", "kgx",
    "lxterminal", "qterminal", "org.gnome.console", "org.gnome.ptyxis", "ghostty",
    "org.wezfurlong.wezterm",
)  # fmt: skip
_PRIVATE_TITLES: Final = (
    "incognito", "private browsing", "inprivate", "inkognito", "privates fenster",
    "privater modus",
)  # fmt: skip
# escapes of slash, backslash and percent sign, and of signs that need none (RFC 3986,
# 6.2.2.2); an empty segment; what no URL holds as it is. Each could name a page in
# another way than the rule that is stricter about it.
_ODD_PATH: Final = re.compile(
    r"\.\.|\\|%2[def5]|%5[cf]|%7e|%3\d|%[46][1-9a-f]|%[57][0-9a]|[^:/]//|[\x00-\x20\x7f]",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class AllowRule:
    """One app, or pages of it, that may be recorded.

    Attributes:
        app: Window class (second part of WM_CLASS), a case-insensitive glob.
        level: At what level.
        url: For browsers: a prefix of the page's URL that ends at a path border.
        title: A regular expression that the whole window title must match.
    """

    app: str
    level: Level
    url: str = ""
    title: str = ""

    def matches(self, app: str, url: str | None, title: str) -> bool:
        """Whether a window of that class, page and title falls under this rule."""
        return (
            fnmatchcase(app.lower(), self.app.lower())
            and (not self.url or (url is not None and _under(url, self.url)))
            and (not self.title or re.fullmatch(self.title, title) is not None)
        )


def _under(url: str, prefix: str) -> bool:
    page = url.split("#", 1)[0].split("?", 1)[0]
    folder = prefix if prefix.endswith("/") else prefix + "/"
    return not _ODD_PATH.search(page) and (page == prefix or page.startswith(folder))


def is_never_recorded(app: str, title: str) -> bool:
    """Whether a window is a terminal, password manager, lock screen or private."""
    name, words = app.lower(), title.lower()
    return any(fnmatchcase(name, never) for never in NEVER_CLASSES) or any(
        word in words for word in _PRIVATE_TITLES
    )


def rule_problems(rule: AllowRule) -> list[str]:
    """Return what is wrong with a rule, as sentences; empty if it is sound."""
    problems = []
    if not rule.app.strip("*? "):
        problems.append("An [[allow]] rule must name an app, not every app.")
    try:
        re.compile(rule.title)
    except re.error:
        problems.append(f"The title pattern {rule.title!r:.60} is no expression.")
    if rule.url and not _is_prefix(rule.url):
        problems.append(
            f"The [[allow]] url {rule.url!r:.60} must be a scheme, a host and a path,"
            " without user, query or fragment."
        )
    return problems


def _is_prefix(prefix: str) -> bool:
    if _ODD_PATH.search(prefix) or "?" in prefix or "#" in prefix:
        return False
    try:
        parts = urlsplit(prefix)
        port = parts.port
    except ValueError:
        return False
    if parts.scheme == "file":
        return prefix.startswith("file:///") and len(parts.path) > 1
    return bool(
        parts.scheme in {"http", "https"}
        and parts.hostname
        and "@" not in parts.netloc
        and prefix.startswith(f"{parts.scheme}://{parts.netloc.lower()}")
        and port != 0
    )
