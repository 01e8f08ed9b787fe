"""What the participant asks of their recorder: never-rules, times, budgets.

Input: `wishes.json` in the home, written by their own commands and pages. Output: a
stricter level for a window, limits, times. A wish makes recording stricter than the
programme, never laxer; it stays on the device and is told to nobody. A file that cannot
be read counts as: record nothing.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from overt.protocol.errors import OvertError, UsageError
from overt.protocol.forms import read_form
from overt.protocol.records import Level
from overt.recorder.person.home import read_paper, write_paper

if TYPE_CHECKING:
    from overt.recorder.person.home import Home

BROWSERS = (
    "chrom*", "google-chrome*", "firefox*", "navigator", "brave*", "opera*", "vivaldi*",
    "microsoft-edge*", "msedge*", "epiphany*", "librewolf*", "*browser*",
)  # fmt: skip
_HOST = re.compile(r"[a-z0-9_.-]{1,253}")
_MOST_TEXT = 500


@dataclass(frozen=True, slots=True)
class Never:
    """A wish that something is not recorded, or not in clear.

    Attributes:
        app: Window class, a case-insensitive glob; empty for any.
        site: Host of a page, its subdomains included, as browsers tell it (punycode);
            empty for any.
        title: The whole title of a window; empty for any.
        level: The most that may be recorded of it.
    """

    app: str = ""
    site: str = ""
    title: str = ""
    level: Level = Level.OFF

    def covers(self, app: str, url: str | None, title: str) -> bool:
        """Whether a window falls under the wish; an unknown page may be the one."""
        if self.app and not fnmatchcase(app.lower(), self.app.lower()):
            return False
        if self.title and self.title != title:
            return False
        if not self.site:
            return True
        return is_browser(app) if url is None else _is_of(url, self.site)


@dataclass(frozen=True, slots=True)
class Budgets:
    """What recording may cost; 0 for no limit of one's own.

    Attributes:
        cpu_percent: Of one core, averaged over a minute.
        disk_mb: Megabytes of recordings on this machine.
        upload_mb_day: Megabytes sent a day.
        on_battery: Whether to record without mains.
        on_metered: Whether to send over a connection that costs by volume.
    """

    cpu_percent: int = 25
    disk_mb: int = 4096
    upload_mb_day: int = 1024
    on_battery: bool = True
    on_metered: bool = False


@dataclass(frozen=True, slots=True)
class Wishes:
    """All wishes.

    Attributes:
        never: What is not recorded.
        budgets: What recording may cost.
        expire_days: Recordings that nobody reviewed are destroyed after so long.
        hold_back_h: Hours that what was approved waits before it leaves by itself.
        sends_daily: Whether what was approved leaves by itself, once a day.
    """

    never: tuple[Never, ...] = ()
    budgets: Budgets = field(default_factory=Budgets)
    expire_days: int = 7
    hold_back_h: int = 24
    sends_daily: bool = False

    def strictest(self, level: Level, app: str, url: str | None, title: str) -> Level:
        """Return a window's level, made stricter by every wish that covers it."""
        order = list(Level)
        wished = [one.level for one in self.never if one.covers(app, url, title)]
        return min([level, *wished], key=order.index)

    def needs_url(self, app: str) -> bool:
        """Whether the page in an app's window matters to a wish."""
        return is_browser(app) and any(one.site for one in self.never)


def is_browser(app: str) -> bool:
    """Whether a window class is a browser's."""
    return any(fnmatchcase(app.lower(), known) for known in BROWSERS)


def _is_of(url: str, site: str) -> bool:
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return True
    return host == site or host.endswith("." + site)


def read_wishes(home: Home) -> Wishes:
    """Return the wishes; the defaults where none were said.

    Raises:
        DataError: The file is malformed.
        UsageError: It cannot be read.
    """
    body = read_paper(home.wishes)
    return Wishes() if body is None else read_form(Wishes, body, what="wishes.json")


def write_wishes(home: Home, wishes: Wishes) -> None:
    """Keep the wishes; a recorder that runs obeys within a second.

    Raises:
        UsageError: A number is out of its bounds.
        CaptureError: The disk is full.
    """
    limits = asdict(wishes.budgets)
    if min(limits.values()) < 0 or wishes.hold_back_h < 0 or wishes.expire_days < 1:
        raise UsageError("Limits are whole numbers from 0, days from 1.")
    write_paper(home.wishes, asdict(wishes))


def site_of(host: str) -> str:
    """Return a host as browsers tell it: small letters, punycode, no dot at its end.

    Raises:
        UsageError: It is none.
    """
    try:
        found = host.strip(".").encode("idna").decode("ascii").lower()
    except UnicodeError:
        found = ""
    if not _HOST.fullmatch(found):
        raise UsageError(
            f"{host!r:.60} is no host name.", remedy="Write it like: example.org"
        )
    return found


def add_never(home: Home, wish: Never) -> Wishes:
    """Add a wish and return all.

    Raises:
        UsageError: It would cover everything, or is malformed.
    """
    if not (wish.app.strip("*? ") or wish.site or wish.title):
        raise UsageError("Name an app, a site or a window.")
    if wish.site:
        wish = replace(wish, site=site_of(wish.site))
    if len(wish.app) > _MOST_TEXT or len(wish.title) > _MOST_TEXT:
        raise UsageError(f"A name has at most {_MOST_TEXT} characters.")
    wishes = read_wishes(home)
    if wish not in wishes.never:
        wishes = replace(wishes, never=(*wishes.never, wish))
        write_wishes(home, wishes)
    return wishes


def drop_never(home: Home, place: int) -> Wishes:
    """Take a wish back, by its number from 1, and return the rest.

    Raises:
        UsageError: There is no such wish.
    """
    wishes = read_wishes(home)
    if not 1 <= place <= len(wishes.never):
        raise UsageError(f"There is no wish {place}.", remedy="See: overt never list")
    kept = tuple(one for n, one in enumerate(wishes.never, 1) if n != place)
    wishes = replace(wishes, never=kept)
    write_wishes(home, wishes)
    return wishes


class WishesInForce:
    """The newest wishes, looked at again when their file has changed."""

    def __init__(self, home: Home) -> None:
        self._home, self._wishes = home, Wishes()
        self._stamp: object = ()  # of no file

    def current(self) -> Wishes | None:
        """Return the wishes; None where they cannot be read."""
        try:
            facts = self._home.wishes.stat()
            stamp: object = (facts.st_mtime_ns, facts.st_ino, facts.st_size)
        except OSError:
            stamp = None
        if stamp != self._stamp:
            try:
                self._wishes = read_wishes(self._home)
            except OvertError:
                return None
            self._stamp = stamp
        return self._wishes
