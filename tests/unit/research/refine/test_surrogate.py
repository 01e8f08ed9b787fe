"""Fake values: one for each placeholder, the same everywhere, never a valid number."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overt.protocol.actions import Type
from overt.protocol.texts import (
    COVER,
    KINDS,
    Placeholder,
    TextRun,
    has_placeholder,
    runs_body,
)
from overt.research.dataset.rows import Origin
from overt.research.dataset.sealed import as_dataset, decode_png
from overt.research.dataset.shards import write_dataset
from overt.research.refine.episodes import refine, trajectories
from overt.research.refine.shapes import as_in
from overt.research.refine.surrogate.disguise import disguise
from overt.research.refine.surrogate.draw import draw
from overt.research.refine.surrogate.fakes import Fakes, passes_iban, passes_luhn

if TYPE_CHECKING:
    from overt.research.refine.episodes import Trajectory

placeholders = st.builds(
    Placeholder,
    st.sampled_from(KINDS),
    st.integers(1, 400),
    st.sampled_from(["short", "medium", "long", "page"]),
)
INK, GROUND = (0, 0, 204), (255, 255, 255)
VALUE = "[PERSON_1:medium]"
LABEL = TextRun(48, 40, 80, 15, "static", VALUE, 13, INK, GROUND)
FIELD = TextRun(50, 80, 90, 22, "entry", "", 0, (119,) * 3, GROUND)
UNKNOWN_KEY = 0x0100FFFD


@settings(deadline=None, max_examples=40)
@given(st.lists(placeholders, unique_by=lambda p: (p.kind, p.number), max_size=30))
def test_two_values_never_have_one_fake(some: list[Placeholder]) -> None:
    fakes = Fakes(7, "task_a")
    made = [fakes.fake(one) for one in some]
    assert len({fake.casefold() for fake in made}) == len(some)
    assert made == [fakes.fake(one) for one in some]
    assert not any(has_placeholder(fake) for fake in made)


@settings(deadline=None, max_examples=40)
@given(placeholders, st.integers(), st.integers())
def test_a_seed_makes_the_fakes(one: Placeholder, seed: int, other: int) -> None:
    assert Fakes(seed, "a").fake(one) == Fakes(seed, "a").fake(one)
    if one.kind == "SECRET" and seed != other:
        assert Fakes(seed, "a").fake(one) != Fakes(other, "a").fake(one)


@settings(deadline=None, max_examples=40)
@given(st.integers())
def test_no_fake_number_passes_its_check(seed: int) -> None:
    fakes = Fakes(seed, "task_a")
    for number in range(1, 8):
        assert not passes_luhn(fakes.fake(Placeholder("CARD", number, "medium")))
        assert not passes_iban(fakes.fake(Placeholder("IBAN", number, "long")))
        digits = re.sub(r"\D", "", fakes.fake(Placeholder("ID", number, "medium")))
        assert not passes_luhn(digits)


def test_the_checks_know_real_numbers() -> None:
    assert passes_luhn("4111111111111111")
    assert not passes_luhn("4111111111111112")
    assert passes_iban("GB82WEST12345698765432")
    assert not passes_iban("GB82WEST12345698765431")


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("[OTHER_1:short] [OTHER_2:short]", "[OTHER_1:short], [OTHER_2:short]"),
        ("[OTHER_2:short]", "[OTHER_2:short]"),
        ("[OTHER_1:short] and", "[OTHER_1:short] and"),
        ("", ""),
    ],
)
def test_what_was_typed_is_written_as_the_goal_writes_it(
    typed: str, expected: str
) -> None:
    assert as_in('Enter "[OTHER_1:short], [OTHER_2:short]".', typed) == expected


def masked_episode(desk: Any) -> Trajectory:
    """Record one below `clear`: a goal, a label and a field, the field filled."""
    desk.screen[:] = 255
    desk.screen[36:60, 40:136] = COVER
    desk.screen[78:104, 48:142] = COVER
    desk.screen[150:170, 200:260] = COVER  # what no run explains
    desk.frame()
    desk.begin("task_a", f'Enter "{VALUE}" and submit')
    desk.wait(100)
    desk.context("texts", **runs_body([LABEL, FIELD], truncated=False))
    desk.wait(200)
    desk.glide(60, 90)
    desk.click()
    desk.wait(200)
    desk.type("")
    for _ in range(6):
        desk.key(UNKNOWN_KEY)
    desk.glide(60, 45)
    desk.press()
    desk.context("typed", text=VALUE)
    desk.wait(60)
    desk.release()
    desk.end("task_a")
    (found,) = trajectories(refine(desk.finish()))
    return found


def test_goal_screen_and_typed_text_share_a_fake(desk: Any) -> None:
    found = disguise(masked_episode(desk), 7)
    (fake,) = re.findall('"(.+)"', found.goal)
    assert not has_placeholder(found.goal)
    assert found.steps[1].action == Type(fake)
    names = [node[1] for node in found.steps[0].context["tree"]["nodes"]]
    assert names == [fake, ""]
    assert disguise(masked_episode(type(desk)()), 8).goal != found.goal


def test_only_what_was_masked_is_drawn_over(desk: Any) -> None:
    episode = masked_episode(desk)
    found = disguise(episode, 7)
    before = episode.steps[0].frame_decide.pixels()
    after = found.steps[0].frame_decide.pixels()
    masked = (before == COVER).all(2)
    inside = np.zeros_like(masked)
    inside[40:55, 48:128] = True  # plain ground in the label's box may be written on
    assert (after[~masked & ~inside] == before[~masked & ~inside]).all()
    assert (after[150:170, 200:260] == COVER).all()  # unresolved: flat
    assert not (after[40:55, 48:128] == COVER).all(2).any()
    assert (after[40:55, 48:128, 0] < 100).any()  # there are letters


def test_a_filled_field_shows_what_was_typed(desk: Any) -> None:
    first, _, last, _ = disguise(masked_episode(desk), 7).steps
    field = (slice(82, 100), slice(53, 120))
    assert (first.frame_decide.pixels()[field] == 255).all()
    assert (last.frame_decide.pixels()[field] < 150).any()


def test_the_field_that_was_clicked_has_a_ring(desk: Any) -> None:
    first, typing, last, _ = disguise(masked_episode(desk), 7).steps
    x, y, height = FIELD.x_px, FIELD.y_px, FIELD.height_px
    left = (y + height // 2, slice(x, x + 2))
    assert not (first.frame_decide.pixels()[left] == 16).any()
    for step in (typing, last):
        assert (step.frame_decide.pixels()[left] == 16).all()
    assert typing.frame_decide.frame != first.frame_decide.frame


def test_rows_say_where_fakes_stand(desk: Any) -> None:
    origin = Origin("ds", "prog", "rel", "f" * 64, "train", level="surrogate")
    episode = masked_episode(desk)
    built = write_dataset([disguise(episode, 7)], origin)
    rows = list(as_dataset(built).rows())
    assert built.manifest["level"] == "surrogate"
    boxes = json.loads(rows[0]["surrogates"])["decide"]
    ((x, y, width, height),) = boxes
    assert 38 <= y <= y + height <= 58  # a font's line may be higher than its box
    assert 48 <= x <= x + width <= 128
    shown = decode_png(rows[0]["frame_decide"]["bytes"])
    assert (shown == disguise(episode, 7).steps[0].frame_decide.pixels()).all()
    recorded = write_dataset([episode], origin)
    assert {row["surrogates"] for row in as_dataset(recorded).rows()} == {None}


def test_a_run_whose_surroundings_changed_is_not_drawn(desk: Any) -> None:
    desk.screen[30:60, 40:136] = COVER
    desk.frame()
    desk.begin("task_a", "Do it")
    desk.context("texts", **runs_body([LABEL], truncated=False))
    desk.wait(1200)
    desk.paint((40, 30, 96, 12), 10)
    desk.glide(60, 90)
    desk.click()
    desk.end("task_a")
    (found,) = trajectories(refine(desk.finish()))
    assert found.steps[0].runs_decide == ()


def test_what_was_masked_stands_on_the_ground_of_its_container() -> None:
    frame = np.full((120, 200, 3), 90, np.uint8)
    frame[:100, :180] = COVER
    page = TextRun(0, 0, 160, 80, "section", "", 0, (255,) * 3, (255,) * 3)
    button = TextRun(20, 40, 60, 20, "push button", "", 0, (119,) * 3, (238,) * 3)
    shown, boxes = draw(frame, [page, button], {})
    assert boxes == []
    assert (shown[10, 100] == 255).all()
    assert (shown[50, 50] == 238).all()
    assert (shown[40, 20:80] == 119).all()
    assert (shown[38, 20:80] == 255).all()
    assert (shown[90, 170] == COVER).all()  # unresolved: flat
    assert (shown[110, 190] == 90).all()


def test_a_container_has_its_border() -> None:
    frame = np.full((120, 200, 3), COVER, np.uint8)
    page = TextRun(0, 0, 200, 120, "document web", "", 0, (255,) * 3, (255,) * 3)
    dialog = TextRun(20, 20, 120, 60, "dialog", "", 0, (170,) * 3, (255,) * 3)
    shown, _ = draw(frame, [page, dialog], {})
    assert (shown[20, 20:140] == 170).all()
    assert (shown[20:80, 139] == 170).all()
    assert (shown[21:79, 21:139] == 255).all()
    assert (shown[19] == 255).all()


def test_words_of_a_line_are_written_as_one() -> None:
    frame = np.full((40, 320, 3), COVER, np.uint8)
    words = [
        TextRun(x, 10, 48, 16, "word", text, 13, (0, 0, 0), (255,) * 3)
        for x, text in ((0, "Press"), (32, "it"), (64, "now"), (192, "apart"))
    ]
    _, boxes = draw(frame, words, {})
    assert [box[0] // 64 for box in boxes] == [0, 3]
    x, _, width, _ = boxes[0]
    assert 0 <= x < x + width <= 112


@pytest.mark.parametrize(
    ("size", "text", "has_cross"),
    [((20, 20), "", True), ((20, 20), "X", False), ((54, 21), "", False),
     ((40, 40), "", False)],
)  # fmt: skip
def test_a_small_square_button_without_words_shows_a_picture(
    size: tuple[int, int], text: str, *, has_cross: bool
) -> None:
    frame = np.full((80, 80, 3), 255, np.uint8)
    width, height = size
    frame[20 : 20 + height, 20 : 20 + width] = COVER
    button = TextRun(20, 20, width, height, "push button", text, 12, (0, 0, 0), GROUND)
    drawn, boxes = draw(frame, [replace(button, text=""), button], {})
    inside = drawn[22 : 18 + height, 22 : 18 + width].max(2) < 99
    assert len(boxes) == bool(text)
    middle = bool(inside[height // 2 - 2, width // 2 - 2])
    if not text:
        assert inside.any() == middle == has_cross
    else:  # no picture under the words
        alone = draw(frame, [button], {})[0][22 : 18 + height, 22 : 18 + width]
        assert (drawn[22 : 18 + height, 22 : 18 + width] == alone).all()


@settings(deadline=None, max_examples=40)
@given(st.integers(-40, 200), st.integers(-40, 200), st.integers(1, 300))
def test_runs_anywhere_can_be_drawn(x: int, y: int, width: int) -> None:
    frame = np.full((120, 160, 3), COVER, np.uint8)
    run = TextRun(x, y, width, 14, "static", "Grenta", 12, INK, GROUND)
    shown, _ = draw(frame, [run], {})
    assert shown.shape == frame.shape


def test_a_text_stays_in_its_control_and_a_label_in_its_middle() -> None:
    frame = np.full((60, 200, 3), COVER, np.uint8)
    blue, grey = (0, 119, 255), (238, 238, 238)
    tabs = [
        TextRun(left, 10, 45, 24, "page tab", "", 0, ground, ground)
        for left, ground in ((21, blue), (70, grey))
    ]
    words = [
        TextRun(16, 14, 64, 14, "word", "Tab", 12, GROUND, blue),
        TextRun(64, 14, 64, 14, "word", "Tab", 12, (0, 0, 0), grey),
    ]
    shown, boxes = draw(frame, [tabs[0], words[0], tabs[1], words[1]], {})
    for tab, (x, _, width, _) in zip(tabs, boxes, strict=True):
        left, right = x - tab.x_px, tab.x_px + tab.width_px - x - width
        assert abs(left - right) <= 1
    assert not (shown[:, 72:] == blue).all(2).any()
    assert not (shown[20, :10] == blue).all(1).any()
