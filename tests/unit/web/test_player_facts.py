"""Episodes for the player: sentences, units, nothing that breaks out of the page."""

from __future__ import annotations

import json
import re

import pytest

from overt.protocol.actions import Action, Click, Done, Drag, Key, Scroll, Type
from overt.web.pages import page_environment, static_text
from overt.web.player import Frame, action_sentence, episode_facts


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        (None, "Screen"),
        (Click(3, 4), "Click at 3, 4"),
        (Click(3, 4, "right", 2), "Double click at 3, 4 (right button)"),
        (Drag(1, 2, 3, 4), "Drag from 1, 2 to 3, 4"),
        (Scroll(1, 2, 0, 3), "Scroll at 1, 2"),
        (Type("abc"), "Type “abc”"),
        (Type(secret=True), "Type a secret (not recorded)"),
        (Key("ctrl+a"), "Press ctrl+a"),
        (Done("failed"), "End of the task: failed"),
    ],
)
def test_every_action_has_a_sentence(action: Action | None, sentence: str) -> None:
    assert action_sentence(action) == sentence


def player_of(frames: list[Frame]) -> str:
    facts = episode_facts(frames, width_px=160, height_px=210)
    template = page_environment().get_template("web/player.html")
    return str(template.module.player("episode-1", "A <title>", facts))  # type: ignore[attr-defined]


def test_player_carries_its_episode_safely() -> None:
    hostile = "</script><script>alert(1)</script>"
    frames = [
        Frame("f/0.png", 0, (8, 9), Click(8, 9)),
        Frame("f/1.png", 1250, None, Type(hostile)),
    ]
    text = player_of(frames)
    assert hostile not in text
    assert text.count("</script>") == 1
    found = re.search(
        r'<script type="application/json" id="episode-1">(.*)</script>', text
    )
    assert found
    episode = json.loads(found.group(1))
    assert [frame["t_ms"] for frame in episode["frames"]] == [0, 1250]
    assert episode["frames"][0]["pointer"] == [8, 9]
    assert episode["frames"][1]["action"]["text"] == hostile
    assert "A &lt;title&gt;" in text


def test_an_empty_episode_still_makes_a_player() -> None:
    assert 'max="0"' in player_of([])


def test_player_stands_on_its_own() -> None:
    script = static_text("player.js")
    assert "import " not in script.split("*/")[-1].replace("imports nothing", "")
    assert "innerHTML" not in script
    assert "eval(" not in script
