"""A participant's own recording as the player shows it: frames, pointer, actions.

Input: one of their segments, opened. Output: facts for `web.player`, and pictures as
PNG bytes. Keys appear as they were recorded: masked where they were masked, secrets as
a word. Nothing is written anywhere.
"""

from __future__ import annotations

import bisect
import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from PIL import Image

from overt.desktop.keyboard.compose import Composer
from overt.desktop.keyboard.keysyms import changes_others
from overt.desktop.x11.keymap import name
from overt.protocol.actions import Action, Click, Key, Scroll, Type
from overt.protocol.records import EventKind, InputRecord, MarkRecord
from overt.recorder.person.playback import screens
from overt.web.player import Frame, episode_facts

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from overt.protocol.records import Pixels
    from overt.protocol.segment import Segment

_BUTTONS = {1: "left", 2: "middle", 3: "right"}
_WHEEL = {4: (0, -1), 5: (0, 1), 6: (-1, 0), 7: (1, 0)}
_COMMANDS = ((0x04, "ctrl"), (0x08, "alt"), (0x40, "super"))
_MASKED = "\N{BULLET}"


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that was done.

    Attributes:
        t_ns: When.
        at_px: Where the pointer was.
        action: What.
    """

    t_ns: int
    at_px: tuple[int, int]
    action: Action


def moments(segment: Segment) -> list[Moment]:
    """Return what was done in a segment, in order.

    Typing is one moment a burst, without what Backspace took back.
    """
    found: list[Moment] = []
    for one in sorted(_raw_moments(segment), key=lambda each: each.t_ns):
        match found[-1:], one.action:
            case [Moment(action=Type(text, secret=False)) as last], Type(
                more, secret=False
            ):
                found[-1] = replace(last, action=Type(text + more))
            case [Moment(action=Type(text, secret=False)) as last], Key("backspace"):
                left = [replace(last, action=Type(text[:-1]))]
                found[-1:] = left if text[1:] else []
            case _:
                found.append(one)
    return found


def _raw_moments(segment: Segment) -> Iterator[Moment]:
    place, composer = (0, 0), Composer()
    for record in segment.records:
        if isinstance(record, InputRecord):
            for event in record.events:
                place = (int(event["x_px"]), int(event["y_px"]))
                if (action := _action(event, composer)) is not None:
                    yield Moment(int(event["t_ns"]), place, action)
        elif isinstance(record, MarkRecord) and record.kind == "secret":
            yield Moment(record.t_ns, place, Type(secret=True))


def _action(event: np.void, composer: Composer) -> Action | None:
    """Return what an event did; None for motion, releases and keys not yet text."""
    kind, detail = int(event["kind"]), int(event["detail"])
    x_px, y_px = int(event["x_px"]), int(event["y_px"])
    if kind == EventKind.BUTTON_PRESS:
        if detail in _WHEEL:
            return Scroll(x_px, y_px, *_WHEEL[detail])
        button: Any = _BUTTONS.get(detail)
        return Click(x_px, y_px, button) if button else None
    if kind != EventKind.KEY_PRESS or changes_others(detail):
        return None
    held = [word for mask, word in _COMMANDS if int(event["state"]) & mask]
    written = None if held else composer.press(detail)
    if written == "\N{REPLACEMENT CHARACTER}":
        return Type(_MASKED)
    if written is not None:
        return Type(written) if written else None
    return Key("+".join([*held, name(detail).lower()]))


def facts(segment: Segment, src: str) -> dict[str, Any]:
    """Return what the player shows of a segment: at first the first screen not black.

    Args:
        segment: The segment, opened.
        src: Address of a picture, with `{}` for its number.
    """
    every = [(screen.t_ns, bool(screen.pixels.any())) for screen in screens(segment)]
    shown = [t_ns for t_ns, _ in every]
    if not shown:
        return episode_facts([], width_px=1, height_px=1)
    start_ns = segment.header.started_t_ns
    frames = [
        Frame(src.format(at), (t_ns - start_ns) // 10**6)
        for at, t_ns in enumerate(shown)
    ]
    for one in moments(segment):
        at = max(bisect.bisect_right(shown, one.t_ns) - 1, 0)
        t_ms = (one.t_ns - start_ns) // 10**6
        frames.append(Frame(src.format(at), t_ms, one.at_px, one.action))
    frames.sort(key=lambda frame: frame.t_ms)
    seen = {src.format(at) for at, (_, is_seen) in enumerate(every) if is_seen}
    start = next((at for at, frame in enumerate(frames) if frame.src in seen), 0)
    size = {"width_px": segment.header.width_px, "height_px": segment.header.height_px}
    return episode_facts(frames, **size, start=start)


def typed_words(segment: Segment) -> list[str]:
    """Return the texts of a segment as they were recorded, masked ones as dots."""
    typed = [one.action for one in moments(segment) if isinstance(one.action, Type)]
    return ["(secret)" if one.secret else one.text for one in typed]


def picture(segment: Segment, place: int, longest_px: int = 0) -> bytes | None:
    """Return a screen of a segment as PNG; None where there is none.

    Args:
        segment: The segment, opened.
        place: Its number, from 0.
        longest_px: Make it no longer than this on either side; 0 for as it is.
    """
    for at, screen in enumerate(screens(segment)):
        if at == place:
            return png(screen.pixels, longest_px)
    return None


def png(pixels: Pixels, longest_px: int = 0) -> bytes:
    """Return pixels as PNG, made small where asked."""
    image = Image.fromarray(pixels)
    if longest_px:
        image.thumbnail((longest_px, longest_px))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
