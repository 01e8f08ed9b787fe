"""Dataset rows to training examples: arrays of pictures, goals, histories, answers.

Stage: learn. Input: an opened dataset, a configuration. Output: `Examples`. Only
episodes that ended well teach; rows that the policy could not repeat (a click outside
what it sees, a drag) are left out and counted. Training looks at `frame_decide` alone.

Shape letters: n examples, v pixels of the view, t tokens, l letters, w words of one
screen.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from overt.protocol.actions import Action, Click, Scroll, Type, parse_action
from overt.protocol.errors import DataError
from overt.protocol.texts import has_placeholder
from overt.research.dataset.sealed import decode_png
from overt.research.learn.config import CELL_PX, CELLS, VIEW_PX, TrainConfig
from overt.research.learn.labels import DONE, Labels, label_of
from overt.research.learn.words import (
    MAX_LETTERS,
    Ids,
    find_span,
    goal_ids,
    letter_ids,
    tokens_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from overt.protocol.records import Pixels
    from overt.research.dataset.rows import Row
    from overt.research.dataset.sealed import Dataset

BLIND_GOAL = "do the task"
_LONGEST_NAME = 24
_WIDEST_PX = 16  # a box with more pixels a letter is not tight round its name
_NOTHING: tuple[Action, ...] = ()
_GREY = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True, slots=True)
class WordBoxes:
    """Words on one screen, each there once: ids (w, l) and cells (w, 2) as x, y."""

    ids_wl: Ids
    cells_w2: Ids


@dataclass(frozen=True, slots=True)
class Examples:
    """What a policy learns from.

    Attributes:
        views_nvv: uint8, grey.
        goals_ntl: Letter ids.
        histories_n2: Labels of the last two actions, the newest last.
        labels_n: Label of the action.
        cells_n2: Cell (x, y) of the action; -1 where it has no place.
        spans_n2: First and last token typed; -1 where nothing of the goal is.
        words: Words on each screen.
        weights_n: How often to draw each example, relative.
        labels: Names of the labels.
        left_out: How many rows were left out, by reason.
    """

    views_nvv: npt.NDArray[np.uint8]
    goals_ntl: Ids
    histories_n2: Ids
    labels_n: Ids
    cells_n2: Ids
    spans_n2: Ids
    words: tuple[WordBoxes, ...]
    weights_n: npt.NDArray[np.float64]
    labels: Labels
    left_out: dict[str, int]


@dataclass(frozen=True, slots=True)
class _Raw:
    """One row, read."""

    row: Row
    action: Action
    label: str
    before: tuple[Action, ...]


def make_examples(dataset: Dataset, config: TrainConfig) -> Examples:
    """Make the examples of a dataset.

    Raises:
        DataError: No row of it can teach.
    """
    left_out: Counter[str] = Counter()
    chosen = [
        raw
        for raw in _read(dataset.rows(), left_out)
        if _fits(raw.action, config, left_out)
    ]
    if not chosen:
        raise DataError(
            "No row of the dataset can teach a policy.",
            remedy="Record episodes that end well, within the task's area.",
        )
    labels = Labels.of(raw.label for raw in chosen)
    return Examples(
        np.stack([_view_of(raw.row, config) for raw in chosen]),
        np.stack([goal_ids(_goal(raw.row, config)) for raw in chosen]),
        np.array([history_numbers(raw.before, labels) for raw in chosen]),
        np.array([labels.number(raw.label) for raw in chosen]),
        np.array([_cell(raw.action, config) for raw in chosen]),
        np.array([_span(raw, config) for raw in chosen]),
        tuple(word_boxes(raw.row["context"], config) for raw in chosen),
        np.array([0.25 if raw.label == DONE else 1.0 for raw in chosen]),
        labels,
        dict(sorted(left_out.items())),
    )


def view(frame: Pixels, config: TrainConfig) -> npt.NDArray[np.uint8]:
    """Cut what the policy sees out of a screen, in grey: uint8 (v, v).

    Args:
        frame: uint8 (height, width, 3), RGB, the whole root window.
        config: Says where the task's area lies.
    """
    x, y = config.view
    part = frame[y : y + VIEW_PX, x : x + VIEW_PX].astype(np.float32) @ _GREY
    whole = np.zeros((VIEW_PX, VIEW_PX), np.uint8)
    whole[: part.shape[0], : part.shape[1]] = np.rint(part).astype(np.uint8)
    return whole


def history_numbers(previous: Sequence[Action], labels: Labels) -> tuple[int, int]:
    """Return the numbers of the last two actions, the newest last."""
    last = [labels.number(label_of(action)) for action in previous[-2:]]
    padded = [labels.start, labels.start, *last][-2:]
    return padded[0], padded[1]


def word_boxes(context: dict[str, Any], config: TrainConfig) -> WordBoxes:
    """Return the words that stand exactly once in what the policy sees.

    Nodes of role `word` are taken where the tree has any, else short names in tight
    boxes. A name is split as a goal is, and its box by the number of letters.
    """
    tree = context.get("tree") or {}
    nodes = [] if tree.get("stale", True) else tree.get("nodes", [])
    words = [node for node in nodes if node[0] == "word"] or nodes
    found: dict[str, set[tuple[int, int]]] = {}
    for _, name, x, y, width, height, *_ in words:
        if not name or len(name) > _LONGEST_NAME or width > _WIDEST_PX * len(name):
            continue
        if has_placeholder(name):  # nothing that can be read stands there
            continue
        for token in tokens_of(name):
            share = (token.start + token.end) / 2 / len(name)
            cell = _cell_at(x + width * share, y + height / 2, config)
            if token.text.isalnum() and cell is not None:
                found.setdefault(token.text, set()).add(cell)
    once = {word: cells for word, cells in found.items() if len(cells) == 1}
    return WordBoxes(
        np.array([letter_ids(word) for word in once]).reshape(-1, MAX_LETTERS),
        np.array([min(cells) for cells in once.values()], np.int64).reshape(-1, 2),
    )


def _read(rows: Iterable[Row], left_out: Counter[str]) -> Iterable[_Raw]:
    """Read rows with what came before; a row left out stays in the history."""
    episode, before = "", _NOTHING
    for row in rows:
        if row["episode"] != episode:
            episode, before = row["episode"], _NOTHING
        action = parse_action(row["action"])
        label = label_of(action)
        if row["status"] != "done":
            left_out["failed"] += 1
        elif label is None:
            left_out["kind"] += 1
        else:
            yield _Raw(row, action, label, before)
        before = (*before, action)


def _fits(action: Action, config: TrainConfig, left_out: Counter[str]) -> bool:
    if not isinstance(action, Click | Scroll):
        return True
    inside = _cell_at(action.x_px, action.y_px, config) is not None
    if not inside:
        left_out["outside"] += 1
    return inside


def _goal(row: Row, config: TrainConfig) -> str:
    return BLIND_GOAL if config.blind_to_goal else str(row["goal"])


def _view_of(row: Row, config: TrainConfig) -> npt.NDArray[np.uint8]:
    return view(decode_png(row["frame_decide"]["bytes"]), config)


def _cell_at(x_px: float, y_px: float, config: TrainConfig) -> tuple[int, int] | None:
    left, top = config.view
    x, y = int((x_px - left) // CELL_PX), int((y_px - top) // CELL_PX)
    return (x, y) if 0 <= x < CELLS and 0 <= y < CELLS else None


def _cell(action: Action, config: TrainConfig) -> tuple[int, int]:
    if not isinstance(action, Click | Scroll):
        return -1, -1
    return _cell_at(action.x_px, action.y_px, config) or (-1, -1)


def _span(raw: _Raw, config: TrainConfig) -> tuple[int, int]:
    if not isinstance(raw.action, Type) or raw.action.secret:
        return -1, -1
    return find_span(_goal(raw.row, config), raw.action.text) or (-1, -1)
