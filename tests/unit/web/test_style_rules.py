"""What pages load lies here, and the style keeps them usable on a narrow screen."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

import overt.web
from overt.web.pages import static_text

STATIC = Path(overt.web.__file__).parent / "static"


def test_vendored_files_are_what_the_readme_says() -> None:
    said = (STATIC / "vendor" / "README.md").read_text()
    data = (STATIC / "vendor" / "pico.min.css").read_bytes()
    assert hashlib.sha256(data).hexdigest() in said
    assert (STATIC / "vendor" / "pico.LICENSE.md").read_text().startswith("MIT License")


def test_nothing_is_loaded_from_elsewhere() -> None:
    for path in STATIC.rglob("*"):
        if path.suffix in {".css", ".js"}:
            text = path.read_text()
            assert not re.search(r"(url\(|import\s*\(?)['\"]?(https?:)?//", text), path
    templates = (STATIC.parent / "templates").glob("*.html")
    assert not [page for page in templates if "http" in page.read_text()]


@pytest.mark.parametrize(
    "rule",
    [
        "@media (prefers-color-scheme: dark)",
        "@media (prefers-reduced-motion: reduce)",
        ":focus-visible { outline: 3px solid",
        ".scroll { overflow-x: auto;",
        "table.stack td",
        ".skip:focus { left: 0; }",
    ],
)
def test_style_keeps_its_promises(rule: str) -> None:
    assert rule in static_text("style.css")


def test_nothing_is_wider_than_a_narrow_screen() -> None:
    widths = re.findall(r"(?<!max-)(?:min-)?width: (\d+)rem", static_text("style.css"))
    assert all(int(width) * 16 <= 320 - 32 for width in widths)
