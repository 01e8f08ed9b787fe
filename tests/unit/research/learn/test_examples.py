"""Rows become examples; what cannot be repeated is left out and counted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from overt.protocol.actions import (
    Action,
    Click,
    Done,
    Drag,
    Key,
    Scroll,
    Type,
)
from overt.protocol.errors import DataError, UsageError
from overt.research.learn.config import TrainConfig
from overt.research.learn.examples import (
    history_numbers,
    make_examples,
    view,
    word_boxes,
)
from overt.research.learn.labels import Labels, action_of, is_placed, label_of
from overt.research.learn.words import letter_ids

CONFIG = TrainConfig(steps=1)


@pytest.mark.parametrize(
    "action",
    [
        Click(10, 20),
        Click(10, 20, "right"),
        Click(10, 20, count=2),
        Scroll(10, 20, 0, -3),
        Key("ctrl+a"),
        Type("text"),
        Type(secret=True),
        Done(),
    ],
)
def test_label_place_and_text_make_the_action(action: Action) -> None:
    label = label_of(action)
    assert label is not None
    assert action_of(label, (10, 20), "text") == action
    assert is_placed(label) == isinstance(action, Click | Scroll)


def test_labels_are_numbered_and_others_have_a_number() -> None:
    labels = Labels.of(["type", "click", "click"])
    assert labels.names == ("click", "type")
    numbers = {labels.number("click"), labels.start, labels.number("drag")}
    assert numbers == {0, 2, 3}
    assert max(numbers) < labels.history_size


def test_examples_of_an_episode(world: Any) -> None:
    examples = make_examples(world, CONFIG)
    names = examples.labels.names
    assert set(names) == {"click", "type", "key:Return", "done"}
    assert [names[n] for n in examples.labels_n[:4]] == [
        *("click", "type", "key:Return", "done")
    ]
    assert (examples.cells_n2[0] >= 0).all()
    assert (examples.cells_n2[1:4] == -1).all()
    assert examples.spans_n2[1].tolist() == [2, 2]
    start, click = examples.labels.start, names.index("click")
    assert examples.histories_n2[0].tolist() == [start, start]
    assert examples.histories_n2[1].tolist() == [start, click]
    assert examples.weights_n[3] < examples.weights_n[0]


def test_the_cell_is_where_the_box_is(world: Any) -> None:
    examples = make_examples(world, CONFIG)
    x, y = examples.cells_n2[0] * 4 + 2
    assert examples.views_nvv[0, y, x] == 255


def test_rows_that_cannot_teach_are_counted(new_world: Any, draw: Any) -> None:
    world = new_world()
    world.episode("fails", [(draw(), Click(20, 80))], status="failed")
    world.episode(
        "mixed",
        [
            (draw(), Click(20, 10)),  # in the instruction bar
            (draw(), Drag(20, 80, 60, 90)),
            (draw(), Click(20, 80)),
        ],
    )
    examples = make_examples(world, CONFIG)
    assert examples.left_out == {"failed": 1, "kind": 1, "outside": 1}
    assert len(examples.labels_n) == 1
    click, other = examples.labels.number("click"), examples.labels.number(None)
    assert examples.histories_n2[0].tolist() == [click, other]


def test_nothing_to_learn_is_an_error(new_world: Any) -> None:
    with pytest.raises(DataError, match="No row"):
        make_examples(new_world(), CONFIG)


def test_blind_examples_all_have_one_goal(world: Any) -> None:
    blind = make_examples(world, TrainConfig(steps=1, blind_to_goal=True))
    assert (blind.goals_ntl == blind.goals_ntl[0]).all()


def test_view_is_cut_below_the_bar_and_padded(draw: Any) -> None:
    frame = draw((0, 50))
    assert view(frame, CONFIG)[:12, :20].min() == 255
    small = view(frame[:100, :60], CONFIG)
    assert small.shape == (160, 160)
    assert not small[50:].any()
    moved = TrainConfig(steps=1, area_x_px=10, area_y_px=20)
    assert view(draw((10, 70)), moved)[:12, :20].min() == 255


def node(role: str, name: str, x: int, y: int) -> list[object]:
    return [role, name, x, y, 30, 8, []]


def test_words_that_stand_once_are_found() -> None:
    nodes = [
        node("word", "Submit", 20, 90),
        node("word", "twice", 20, 110),
        node("word", "twice", 90, 110),
        node("word", "above", 20, 10),
        node("push button", "Ignored", 20, 130),
    ]
    context = {"tree": {"nodes": nodes, "stale": False}}
    boxes = word_boxes(context, CONFIG)
    assert boxes.cells_w2.tolist() == [[8, 11]]


def test_short_names_stand_in_for_words() -> None:
    wide = ["panel", "Whole", 0, 60, 160, 150, []]
    long = node("label", "a sentence is not a short name", 9, 99)
    nodes = [node("link", "Tab #2", 20, 90), wide, long]
    context = {"tree": {"nodes": nodes, "stale": False}}
    boxes = word_boxes(context, CONFIG)
    assert boxes.cells_w2.tolist() == [[6, 11], [11, 11]]
    assert np.array_equal(boxes.ids_wl[1], letter_ids("2"))


@pytest.mark.parametrize(
    "context", [{}, {"tree": {"nodes": [node("word", "a", 9, 99)], "stale": True}}]
)
def test_no_or_an_old_tree_has_no_words(context: dict[str, Any]) -> None:
    boxes = word_boxes(context, CONFIG)
    assert boxes.ids_wl.shape == (0, 12)
    assert boxes.cells_w2.shape == (0, 2)


def test_history_is_the_last_two_actions() -> None:
    labels = Labels.of(["click", "type"])
    previous = [Type("a"), Type("b"), Click(1, 2)]
    assert history_numbers(previous, labels) == (1, 0)
    assert history_numbers([], labels) == (labels.start, labels.start)


def test_grey_is_what_an_eye_sees() -> None:
    frame = np.zeros((210, 160, 3), np.uint8)
    frame[..., 1] = 255
    assert view(frame, CONFIG)[0, 0] == 150


def test_endless_training_is_refused() -> None:
    with pytest.raises(UsageError, match="no end"):
        TrainConfig(cpu_s=0, steps=0)
    with pytest.raises(UsageError, match="thread"):
        TrainConfig(threads=0)
