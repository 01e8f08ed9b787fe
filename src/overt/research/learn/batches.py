"""Batches of examples: drawn where the policy still misses, and shifted.

Stage: learn. Input: examples, a random source. Output: tensors of one step. An example
that the policy answers well is drawn less often; half of the pictures are shifted by
whole cells, answers along with them.

Shape letters as in model.py; n examples of the whole set.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from overt.research.learn.config import CELL_PX, CELLS, TrainConfig
from overt.research.learn.words import MAX_LETTERS

if TYPE_CHECKING:
    from overt.research.learn.examples import Examples
    from overt.research.learn.model import Scores

_SHIFT_CELLS = 3  # largest shift of a picture, by whole cells
_SHIFTED_SHARE = 0.5
_NEAR_CELLS = (5, 2)  # a place this near in x and y counts as hit
_LEAST = 0.1  # how often an example without misses is drawn, against one with nothing
_KEPT = 0.5  # share of the old miss that is kept at a new answer


@dataclass(frozen=True, slots=True)
class Batch:
    """Examples drawn for a step; `chosen_b` are their numbers."""

    chosen_b: np.ndarray
    views_bvv: Tensor
    goals_btl: Tensor
    history_bh: Tensor
    labels_b: Tensor
    cells_b2: Tensor
    spans_b2: Tensor
    words_bkl: Tensor
    found_bk2: Tensor


class Drawer:
    """Draws batches, and learns from the answers what to draw."""

    def __init__(self, examples: Examples, config: TrainConfig) -> None:
        self._examples = examples
        self._config = config
        self._rng = np.random.default_rng(config.seed)
        self._misses_n = np.ones(len(examples.labels_n))

    def draw(self) -> Batch:
        """Draw the examples of a step."""
        examples, size = self._examples, self._config.batch
        weights = (self._misses_n + _LEAST) * examples.weights_n
        chosen = self._rng.choice(len(weights), size, p=weights / weights.sum())
        shifts = self._shifts(size)
        cells = examples.cells_n2[chosen]
        words, found = self._words(chosen, shifts)
        most = max(1, int((found[:, :, 0] >= 0).sum(1).max()))
        goals = examples.goals_ntl[chosen]
        tokens = max(1, int((goals.sum(2) > 0).sum(1).max()))
        arrays = (
            _shifted(examples.views_nvv[chosen], shifts),
            goals[:, :tokens],
            examples.histories_n2[chosen],
            examples.labels_n[chosen],
            np.where(cells >= 0, (cells + shifts) % CELLS, -1),
            examples.spans_n2[chosen],
            words[:, :most],
            found[:, :most],
        )
        return Batch(chosen, *(torch.from_numpy(array) for array in arrays))

    def note(self, batch: Batch, scores: Scores) -> None:
        """Take note of how well the policy answered a batch."""
        missed = 1 - hit_shares(batch, scores).numpy()
        before = self._misses_n[batch.chosen_b]
        self._misses_n[batch.chosen_b] = _KEPT * before + (1 - _KEPT) * missed

    def _shifts(self, size: int) -> np.ndarray:
        shifts = self._rng.integers(-_SHIFT_CELLS, _SHIFT_CELLS + 1, (size, 2))
        shifts[self._rng.random(size) >= _SHIFTED_SHARE] = 0
        return shifts

    def _words(
        self, chosen: np.ndarray, shifts: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw words of each screen: ids (b, k, l), cells (b, k, 2), -1 for none."""
        most = self._config.words_each
        words = np.zeros((len(chosen), most, MAX_LETTERS), np.int64)
        found = np.full((len(chosen), most, 2), -1)
        for place, number in enumerate(chosen):
            boxes = self._examples.words[number]
            some = self._rng.permutation(len(boxes.ids_wl))[:most]
            words[place, : len(some)] = boxes.ids_wl[some]
            found[place, : len(some)] = (boxes.cells_w2[some] + shifts[place]) % CELLS
        return words, found


@torch.no_grad()
def hit_shares(batch: Batch, scores: Scores) -> Tensor:
    """Return the probability that the policy gives to the right answer, (b,).

    A place counts as right near the one that was recorded: within a button any is.
    """
    rows = torch.arange(len(batch.labels_b))
    hits = scores.types_ba.softmax(1)[rows, batch.labels_b]
    line = torch.arange(CELLS)
    near_x, near_y = (
        (line - batch.cells_b2[:, axis, None]).abs() <= reach
        for axis, reach in enumerate(_NEAR_CELLS)
    )
    share_bgg = scores.heat_bgg.flatten(1).softmax(1).view(-1, CELLS, CELLS)
    near = (share_bgg * (near_y[:, :, None] & near_x[:, None, :])).sum((1, 2))
    hits = torch.where(batch.cells_b2[:, 0] >= 0, hits * near, hits)
    spans = batch.spans_b2.clamp(min=0)
    text = (
        scores.first_bt.softmax(1)[rows, spans[:, 0]]
        * scores.last_bt.softmax(1)[rows, spans[:, 1]]
    )
    return torch.where(batch.spans_b2[:, 0] >= 0, hits * text, hits)


def _shifted(views: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    pairs = zip(views, shifts * CELL_PX, strict=True)
    return np.stack([np.roll(view, (dy, dx), (0, 1)) for view, (dx, dy) in pairs])
