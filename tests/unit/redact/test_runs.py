"""Runs of text: boxes of a coarse grid, colours, and nothing of what was written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from overt.protocol.errors import DataError
from overt.protocol.texts import GRID_PX, parse_runs, runs_body
from overt.redact.naming import Naming, whole
from overt.redact.runs import runs_of

if TYPE_CHECKING:
    from overt.protocol.records import Pixels
    from overt.protocol.texts import TextRun

BUTTON = ["push button", "Quintana", 21, 40, 70, 22, []]
LABEL = ["static", "Quintana", 33, 44, 46, 13, []]
LINE = ["paragraph", "Anna Quintana", 20, 80, 120, 15, []]
WORDS = [["word", "Anna", 20, 80, 30, 15, []], ["word", "Quintana", 54, 80, 50, 15, []]]


@pytest.fixture
def screen() -> Pixels:
    image = Image.new("RGB", (200, 120), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((21, 40, 90, 61), fill=(238, 238, 238), outline=(118, 118, 118))
    draw.text((33, 44), "Quintana", fill=(0, 0, 204))
    return np.asarray(image)


def runs(screen: Pixels, *nodes: list[object]) -> list[TextRun]:
    naming = Naming(whole)
    return runs_of(nodes, screen, naming.show)[0]


def test_a_button_is_a_control_with_a_line_in_it(screen: Pixels) -> None:
    control, text = runs(screen, BUTTON, LABEL)
    assert (control.x_px, control.width_px) == (21, 70)
    assert (control.ink, control.ground) == ((119,) * 3, (238,) * 3)
    assert (text.role, text.text) == ("static", "[OTHER_1:medium]")
    assert (text.ink, text.ground) == ((0, 0, 204), (238,) * 3)
    assert (text.height_px, text.font_px) == (13, 11)


def test_boxes_of_text_stand_on_the_grid(screen: Pixels) -> None:
    for width in range(30, 60):
        *_, text = runs(screen, ["static", "x" * (width // 7), 35, 10, width, 12, []])
        assert text.x_px % GRID_PX == text.width_px % GRID_PX == 0
        assert text.x_px <= 35 <= 35 + width <= text.x_px + text.width_px


def test_words_are_drawn_in_place_of_their_line(screen: Pixels) -> None:
    found = runs(screen, LINE, *WORDS)
    assert [run.text for run in found] == ["[OTHER_1:short]", "[OTHER_2:medium]"]


def test_what_is_typed_into_a_field_is_no_run(screen: Pixels) -> None:
    (field,) = runs(screen, ["entry", "Quintana", 10, 10, 60, 20, []])
    assert field.text == ""


def test_a_ground_is_told_where_it_is_another_than_around() -> None:
    screen = np.full((300, 400, 3), 85, np.uint8)
    screen[:210, :160] = 255
    screen[:50, :160] = (255, 255, 0)
    whole_page = ["document web", "Orders of Anna", 0, 0, 400, 300, []]
    page = ["section", "", 0, 0, 160, 210, []]
    same = ["section", "", 0, 60, 160, 100, []]
    query = ["section", "", 0, 0, 160, 50, []]
    chip = ["section", "", 10, 70, 60, 16, []]  # may be as wide as its text
    found = runs(screen, whole_page, page, same, query, chip)
    boxes = [(run.x_px, run.y_px, run.width_px, run.height_px) for run in found]
    assert boxes == [(0, 0, 400, 300), (0, 0, 160, 210), (0, 0, 160, 50)]
    assert [run.ground for run in found] == [(85,) * 3, (255,) * 3, (255, 255, 0)]
    assert {run.text for run in found} == {""}


def test_a_border_and_a_bar_across_are_told() -> None:
    screen = np.full((300, 400, 3), 255, np.uint8)
    screen[60:190, 40:200] = 170
    screen[61:189, 41:199] = 255
    screen[66:86, 46:194] = 238
    page = ["document web", "", 0, 0, 400, 300, []]
    dialog = ["dialog", "Orders of Anna", 40, 60, 160, 130, []]
    bar = ["section", "", 46, 66, 148, 20, []]
    chip = ["section", "", 50, 100, 100, 20, []]  # may be as wide as its text
    inner = ["section", "", 52, 101, 96, 18, []]  # and so may what is across it
    screen[100:120, 50:150] = 204
    screen[101:119, 52:148] = 187
    found = runs(screen, page, dialog, bar, chip, inner)
    told = [(run.role, run.y_px, run.ink[0], run.ground[0]) for run in found]
    assert told == [
        ("document web", 0, 255, 255),
        ("dialog", 60, 170, 255),
        ("section", 66, 238, 238),
    ]
    assert {run.text for run in found} == {""}


@pytest.mark.parametrize("text", ["Submit", "Copy", "Okay", "nexus"])
def test_letters_tell_the_size_of_a_label(text: str) -> None:
    font = ImageFont.load_default(16)
    image = Image.new("RGB", (120, 40), (238, 238, 238))
    ImageDraw.Draw(image).text((20, 8), text, (0, 0, 0), font)
    button = ["push button", text, 0, 0, 120, 40, []]
    _, label = runs(np.asarray(image), button)
    assert label.font_px in {14, 16, 18}
    assert label.ink == (0, 0, 0)


def test_a_node_off_the_screen_leaves_nothing(screen: Pixels) -> None:
    assert runs(screen, ["static", "Quintana", 300, 10, 40, 12, []]) == []


def test_a_record_is_read_as_it_was_written(screen: Pixels) -> None:
    found = runs(screen, BUTTON, LABEL, LINE, *WORDS)
    body = json.loads(json.dumps(runs_body(found, truncated=False)))
    assert parse_runs(body) == found
    assert "Quintana" not in json.dumps(body)


@pytest.mark.parametrize(
    "row",
    [[], [1] * 9, [0, 0, 1, 1, "a", "b", 9, "#00000g", "#000000"], "run", None,
     [0, 0, True, 1, "a", "b", 9, "#000000", "#000000"]],
)  # fmt: skip
def test_a_malformed_record_is_refused(row: object) -> None:
    with pytest.raises(DataError, match="malformed"):
        parse_runs({"runs": [row]})
    with pytest.raises(DataError, match="no runs"):
        parse_runs({"runs": row} if isinstance(row, str) else {})
