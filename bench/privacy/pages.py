"""Pages in a real Chromium, with their exact ground truth.

Input: a seed. Output: a `Screen`: the screenshot, the pixels that change by 12 levels
when every text turns transparent, the boxes of icons, and the sides of boxes and lines
that can be seen. The page is ours; the browser draws it.
"""

from __future__ import annotations

import json
import random
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.privacy.drawn import CONTRAST, WORDS, Screen
from overt.desktop.x11.screenshot import screenshot
from overt.research.evaluate.desk import Desk
from overt.research.evaluate.devtools import Page

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZE = (1920, 1080)
_THEMES = (
    ("#f5f6f8", "#fff", "#222", "#d8dade", "#2a6df4", "#fff"),
    ("#121417", "#1b1f24", "#d7dadd", "#2c3138", "#8ab4f8", "#121417"),
    ("#fdf6e3", "#eee8d5", "#586e75", "#c9c2ab", "#268bd2", "#fff"),
    ("#fff", "#fff", "#1f2328", "#d0d7de", "#1f883d", "#fff"),
    ("#2b2b3c", "#34344a", "#eceff4", "#4c4f69", "#f38ba8", "#1e1e2e"),
)
_FONTS = (
    *("DejaVu Sans", "Liberation Sans", "Noto Sans", "Roboto", "Open Sans", "Lato"),
    *("Noto Serif", "Liberation Serif", "JetBrains Mono", "Comfortaa"),
)
_ICONS = (  # ours: a house, a person, a bell, a gear, a bin, a star
    "M3 11 12 3l9 8v10h-6v-6H9v6H3z",
    "M12 12a4 4 0 1 0-4-4 4 4 0 0 0 4 4zm-8 9c0-5 4-7 8-7s8 2 8 7z",
    "M6 17V10a6 6 0 0 1 12 0v7l2 2H4zm4 3h4a2 2 0 0 1-4 0z",
    "M12 8a4 4 0 1 0 4 4 4 4 0 0 0-4-4zM10 2h4l1 4 4-1 2 4-3 3 3 3-2 4-4-1-1 4h-4"
    "l-1-4-4 1-2-4 3-3-3-3 2-4 4 1z",
    "M6 7h12l-1 14H7zm3-4h6v2h5v2H4V5h5z",
    "M12 2l3 7 7 .6-5.3 4.7L18.4 22 12 18l-6.4 4 1.7-7.7L2 9.6 9 9z",
)
# ruff: noqa: E501, ISC004 - markup stands as a browser reads it
_HIDE = (
    "*{color:transparent!important;-webkit-text-fill-color:transparent!important;"
    "text-decoration-color:transparent!important;caret-color:transparent!important;"
    "text-shadow:none!important}::placeholder{color:transparent!important}"
)
_ASK = """(() => {
 const icons = [...document.querySelectorAll('svg.icon')].map(e => e.getBoundingClientRect());
 const edges = [];
 for (const e of document.querySelectorAll('.box,td,th,hr,input,button,nav div')) {
  const r = e.getBoundingClientRect(), s = getComputedStyle(e);
  const filled = e.matches('.box,button,input');
  const k = parseFloat(s.borderTopLeftRadius) || 0;
  for (const side of ['Top', 'Right', 'Bottom', 'Left'])
   if (parseFloat(s['border' + side + 'Width']) > 0 || filled) edges.push([side, r.left, r.top, r.right, r.bottom, k]);
 }
 return {icons: icons.map(r => [r.left, r.top, r.right, r.bottom]), edges};
})()"""


def pages(seeds: range) -> Iterator[Screen]:
    """Show pages in a browser and yield them as screens."""
    with Desk(SIZE) as desk:
        browser = desk.start_browser("about:blank")
        page = Page(browser.port)
        for seed in seeds:
            yield _shown(desk, page, seed)
        page.close()


def _shown(desk: Desk, page: Page, seed: int) -> Screen:
    html = write(seed)
    page.evaluate(
        f"document.open();document.write({json.dumps(html)});document.close()"
    )
    page.evaluate("document.fonts.ready.then(()=>1)", wait=True)
    time.sleep(0.5)
    asked = page.evaluate(_ASK)
    seen = screenshot(desk.display).copy()
    hide = json.dumps(_HIDE)
    page.evaluate(
        f"document.head.append(Object.assign(document.createElement('style'),"
        f"{{textContent:{hide}}}))"
    )
    page.evaluate(
        "new Promise(r=>requestAnimationFrame(()=>requestAnimationFrame(()=>r(1))))",
        wait=True,
    )
    time.sleep(0.4)
    bare = screenshot(desk.display)
    step = np.abs(seen.astype(np.int16) - bare).max(axis=2)
    screen = Screen(f"page {seed}", seen, step >= CONTRAST)
    screen.icons = [_clipped(box) for box in asked["icons"]]
    screen.edges = [edge for one in asked["edges"] if (edge := _edge(one))]
    screen.secret = [word for line in WORDS.values() for word in line.split("|")]
    return screen


def _clipped(box: list[float]) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = (round(one) for one in box)
    return max(0, x0), max(0, y0), min(SIZE[0], x1), min(SIZE[1], y1)


def _edge(told: list[Any]) -> tuple[int, int, int, int] | None:
    """One side of a box as a line of a pixel; None where it is short or outside."""
    side, radius = told[0], round(told[5])
    x0, y0, x1, y1 = _clipped(told[1:5])
    lines = {
        "Top": (x0 + radius, y0, x1 - radius, y0 + 1),
        "Bottom": (x0 + radius, y1 - 1, x1 - radius, y1),
        "Left": (x0, y0 + radius, x0 + 1, y1 - radius),
        "Right": (x1 - 1, y0 + radius, x1, y1 - radius),
    }
    line = lines[side]
    wide, high = line[2] - line[0], line[3] - line[1]
    return line if max(wide, high) > 40 and min(wide, high) == 1 else None


def write(seed: int) -> str:
    """Write a page."""
    chance = random.Random(f"page {seed}")  # noqa: S311 - a repeatable page
    back, card, ink, line, accent, on = chance.choice(_THEMES)
    radius, pad = chance.choice([0, 3, 6, 10]), chance.choice([8, 12, 18])
    style = (
        f"body{{margin:0;background:{back};color:{ink};font:{chance.choice([12, 13, 14, 16])}px "
        f"'{chance.choice(_FONTS)}','Noto Sans',sans-serif}}"
        f".box{{background:{card};border:1px solid {line};border-radius:{radius}px;padding:{pad}px;margin:{pad}px}}"
        f"header{{background:{accent};color:{on};padding:10px 16px;display:flex;gap:18px;align-items:center}}"
        f"nav{{float:left;width:210px;border-right:1px solid {line};min-height:900px}}"
        f"nav div{{padding:9px 14px;border-bottom:1px solid {line}}}main{{margin-left:211px}}"
        f"table{{border-collapse:collapse;width:100%}}td,th{{border:{chance.choice(['1px', '0 0 1px', '1px'])} "
        f"solid {line};border-width:{chance.choice(['1px', '0 0 1px'])};padding:{chance.choice([3, 6, 10])}px;text-align:left}}"
        f"input{{font:inherit;color:inherit;background:{card};border:1px solid {line};border-radius:{radius}px;height:34px;"
        f"width:{chance.choice([140, 220, 320])}px;padding:0 8px}}"
        f"button{{font:inherit;background:{accent};color:{on};border:0;border-radius:{radius}px;height:34px;padding:0 14px}}"
        f"a{{color:{accent}}}svg.icon{{width:20px;height:20px;fill:currentColor}}"
    )
    parts = "".join(_part(chance, line) for _ in range(chance.randint(3, 5)))
    items = "".join(
        f"<div>{_words(chance)}</div>" for _ in range(chance.randint(4, 12))
    )
    bar = "".join(f"{_icon(chance)}<span>{_words(chance)}</span>" for _ in range(4))
    return (
        f"<!doctype html><meta charset=utf-8><style>{style}</style><header>{bar}</header>"
        f"<nav>{items}</nav><main>{parts}</main>"
    )


def _part(chance: random.Random, line: str) -> str:
    """Write a card, a form, a table, a large figure, or words over a picture."""
    kind = chance.choice(["text", "form", "table", "large", "photo", "mixed"])
    if kind == "form":
        fields = "".join(
            f'<p>{_words(chance)} <input value="{_words(chance)}"> <input placeholder="{_words(chance)}"></p>'
            for _ in range(chance.randint(1, 4))
        )
        return f"<div class=box>{fields}<button>{_words(chance)}</button> <button>{_words(chance)}</button></div>"
    if kind == "table":
        rows = "".join(
            "<tr>" + "".join(f"<td>{_words(chance)}" for _ in range(4))
            for _ in range(chance.randint(2, 7))
        )
        return f"<div class=box><table>{rows}</table></div>"
    if kind == "large":
        size, weight = chance.choice([40, 64, 110, 200]), chance.choice([100, 400, 900])
        return (
            f"<div class=box style='white-space:nowrap;overflow:hidden'><span style='font-size:{size}px;"
            f"font-weight:{weight};line-height:1.1'>{_words(chance)}</span></div>"
        )
    if kind == "photo":
        return (
            "<div class=box style='height:150px;background:repeating-radial-gradient(circle at 30% 40%,"
            f"#a63 0 7px,#385 9px 15px,#258 17px 23px)'><span style='color:#fff;font-size:28px'>{_words(chance)}</span></div>"
        )
    body = "".join(
        f"<p>{_words(chance)} {_words(chance)} <a href='#'>{_words(chance)} {_words(chance)}</a></p>"
        for _ in range(2)
    )
    turned = "<p style='transform:rotate(-7deg);width:200px'>" + _words(chance) + "</p>"
    return f"<div class=box>{_icon(chance)} {body}<hr style='border:0;border-top:1px solid {line}'>{turned}</div>"


def _words(chance: random.Random) -> str:
    script = chance.choice(["latin"] * 6 + list(WORDS))
    return chance.choice(WORDS[script].split("|")).replace("&", "&amp;")


def _icon(chance: random.Random) -> str:
    return (
        f"<svg class=icon viewBox='0 0 24 24'><path d='{chance.choice(_ICONS)}'/></svg>"
    )
