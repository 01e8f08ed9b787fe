"""Pages: templates with a common frame, rendered with everything escaped.

Stage: under the participant's local pages and the vault's console. In: a template of
the caller's package and facts; out: an HTML response. It never does anything but
render: who may see a page is decided before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import (
    ChoiceLoader,
    Environment,
    PackageLoader,
    PrefixLoader,
    StrictUndefined,
)
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

from overt.protocol.errors import DataError, OvertError

_ADDRESS_ERRORS = {
    404: (
        "There is no such page.",
        "Check the address, or begin at the first page.",
    ),
    405: (
        "This page takes no such call.",
        "Open the page itself and use its form.",
    ),
}
_STATIC = Path(__file__).parent / "static"


@dataclass(frozen=True, slots=True)
class Place:
    """An entry of the navigation.

    Attributes:
        label: What it is called.
        path: Where it is, below the layout's root, for example `/requests`.
    """

    label: str
    path: str


@dataclass(frozen=True, slots=True)
class Banner:
    """A state that stands on top of every page.

    Attributes:
        text: In a few words, for example `The programme is halted`.
        reason: Why, in the words of whoever ordered it; may be empty.
    """

    text: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Layout:
    """The frame around a page.

    Attributes:
        site: Title of the programme.
        who: Who is looking, for example `Ada (approver)`; empty when unknown.
        root: Prefix of every path, for example `/console`; empty at the top.
        places: The navigation; only what this person may open.
        current: Path of the place that is shown.
        banner: A state that nobody may miss.
        csrf: Token that every form carries; empty without a session.
        language: Language of the page, as in HTML's `lang`.
    """

    site: str
    who: str = ""
    root: str = ""
    places: tuple[Place, ...] = ()
    current: str = ""
    banner: Banner | None = None
    csrf: str = ""
    language: str = "en"


def page_environment(package: str = "") -> Environment:
    """Return a template environment: autoescape on, an unknown name is an error.

    Templates of overt.web are found by their name (`base.html`) and, so that a
    package can override one and still extend it, as `web/base.html`.

    Args:
        package: A package whose folder `templates` is looked in first.
    """
    shared = PackageLoader("overt.web", "templates")
    own = [PackageLoader(package, "templates")] if package else []
    environment = Environment(
        loader=ChoiceLoader([*own, shared, PrefixLoader({"web": shared})]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["utc_minute"] = utc_minute
    environment.filters["local_minute"] = local_minute
    return environment


def utc_minute(utc_s: int) -> str:
    """Return Unix seconds as `2026-11-23 18:05 UTC`."""
    return f"{datetime.fromtimestamp(utc_s, UTC):%Y-%m-%d %H:%M} UTC"


def local_minute(utc_s: int) -> str:
    """Return Unix seconds as `2026-11-23 19:05 CET`, by this machine's time zone.

    For pages that are looked at on the machine that makes them.
    """
    return f"{datetime.fromtimestamp(utc_s, UTC).astimezone():%Y-%m-%d %H:%M %Z}"


class Pages:
    """Renders the pages of one package.

    Args:
        package: The package whose folder `templates` holds them.
    """

    def __init__(self, package: str = "") -> None:
        self.environment = page_environment(package)

    def html(
        self, template: str, layout: Layout, *, status: int = 200, **facts: Any
    ) -> HTMLResponse:
        """Return a template as a response.

        Args:
            template: Its name.
            layout: The frame; the template sees it as `layout`.
            status: HTTP status.
            facts: What else the template shows.
        """
        page = self.environment.get_template(template)
        return HTMLResponse(page.render(layout=layout, **facts), status_code=status)

    def error(self, error: OvertError, layout: Layout, *, status: int) -> HTMLResponse:
        """Return an error as a page: what happened, and what to do about it."""
        message = str(error).removesuffix(error.remedy).strip()
        return self.html(
            "error.html",
            layout,
            status=status,
            message=message,
            remedy=error.remedy or "Go back, or start again from the first page.",
        )


def address_error(error: Exception) -> tuple[OvertError, int]:
    """Return what a framework's error says to a reader, and its HTTP status."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    message, remedy = _ADDRESS_ERRORS.get(
        status, ("The request cannot be answered.", "")
    )
    return OvertError(message, remedy=remedy), status


def bad_form_error() -> DataError:
    """Return the error of a form that lacks a field."""
    return DataError("The form lacks a field.", remedy="Load the page and fill it in.")


def static_files() -> StaticFiles:
    """Return the app that serves style, player and vendored files: mount `/static`."""
    return StaticFiles(directory=_STATIC)


def static_text(name: str) -> str:
    """Return a static file's text, for a page that must stand on its own.

    A report that is opened from a disk has no server: it carries `style.css` and
    `player.js` inline.
    """
    return (_STATIC / name).read_text(encoding="utf-8")
