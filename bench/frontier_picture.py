"""The frontier as a picture: success by level of training, as SVG.

Input: the report. Output: SVG text; bars from zero, each with its figure.
"""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape

_WIDTH, _HEIGHT, _LEFT, _TOP, _PLOT = 720, 360, 60, 60, 220
_BARS = (
    ("clear.reading", "reading, clear screens", "#1f5fa8"),
    ("clear.other", "no reading, clear screens", "#8db7e2"),
    ("own.reading", "reading, own level", "#a85b1f"),
    ("own.other", "no reading, own level", "#e2b98d"),
)


def picture(report: dict[str, Any]) -> str:
    """Return the report's means as SVG."""
    levels = list(report["means"])
    step = (_WIDTH - _LEFT - 20) / len(levels)
    parts = [_frame(report), *_axis(), *_legend()]
    for place, level in enumerate(levels):
        left = _LEFT + place * step + 10
        parts += _group(report["means"][level], left, (step - 20) / len(_BARS))
        middle = left + (step - 20) / 2
        parts.append(_text(middle, _TOP + _PLOT + 20, level, 14, "middle"))
    return "\n".join([*parts, "</svg>", ""])


def _frame(report: dict[str, Any]) -> str:
    config = report["config"]
    said = (
        f"Success on unseen seeds by level of training: {len(config['tasks'])} tasks, "
        f"{config['demos']} demonstrations each, {config['seeds']} training seeds"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'font-family="sans-serif" role="img"><title>{escape(said)}</title>'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>'
        + _text(_LEFT, 24, said, 13, "start")
    )


def _axis() -> list[str]:
    parts = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = _TOP + _PLOT * (1 - share)
        parts.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - 20}" y1="{y}" y2="{y}" '
            'stroke="#cccccc"/>'
        )
        parts.append(_text(_LEFT - 8, y + 4, f"{share:.0%}", 12, "end"))
    return parts


def _legend() -> list[str]:
    parts = []
    for place, (_, name, colour) in enumerate(_BARS):
        x, y = _LEFT + (place % 2) * 300, _HEIGHT - 38 + (place // 2) * 20
        parts.append(
            f'<rect x="{x}" y="{y - 10}" width="12" height="12" fill="{colour}"/>'
        )
        parts.append(_text(x + 18, y, name, 12, "start"))
    return parts


def _group(means: dict[str, float | None], left: float, width: float) -> list[str]:
    parts = []
    for place, (name, _, colour) in enumerate(_BARS):
        rate = means.get(name)
        if rate is None:
            continue
        x, height = left + place * width, _PLOT * rate
        parts.append(
            f'<rect x="{x:.1f}" y="{_TOP + _PLOT - height:.1f}" '
            f'width="{width - 3:.1f}" height="{height:.1f}" fill="{colour}"/>'
        )
        y = _TOP + _PLOT - height - 4
        parts.append(_text(x + (width - 3) / 2, y, f"{rate:.2f}", 11, "middle"))
    return parts


def _text(x: float, y: float, words: str, size: int, anchor: str) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" '
        f'fill="#222222">{escape(words)}</text>'
    )
