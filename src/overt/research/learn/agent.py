"""The pixel policy as an agent: a screen, a goal and a history in, an action out.

Stage: learn, used by evaluation. Input: the whole root window. Output: one action in
root pixels. It sees no page and no accessibility tree. By default it never says that
it is done: whoever runs it knows when the task has ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as fn

from overt.research.learn.config import CELL_PX, CELLS
from overt.research.learn.examples import BLIND_GOAL, history_numbers, view
from overt.research.learn.labels import DONE, TYPE, action_of
from overt.research.learn.words import goal_ids, span_text, tokens_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from overt.protocol.actions import Action
    from overt.protocol.records import Pixels
    from overt.research.learn.checkpoint import Checkpoint
    from overt.research.learn.model import Scores


class PolicyAgent:
    """A trained policy that acts.

    Args:
        checkpoint: The policy.
        may_stop: Whether it may choose `done`.
    """

    def __init__(self, checkpoint: Checkpoint, *, may_stop: bool = False) -> None:
        self._config = checkpoint.config
        self._labels = checkpoint.labels
        self._policy = checkpoint.policy()
        self._may_stop = may_stop

    def act(self, frame: Pixels, goal: str, previous: Sequence[Action]) -> Action:
        """Choose the next action.

        Args:
            frame: uint8 (height, width, 3), RGB, the whole root window.
            goal: The task as text.
            previous: The actions of this episode so far.
        """
        read = BLIND_GOAL if self._config.blind_to_goal else goal
        ids = goal_ids(read)[: max(1, len(tokens_of(read)))]
        if not ids.any():
            ids = goal_ids(BLIND_GOAL)  # a goal without a letter
        history = history_numbers(previous, self._labels)
        with torch.inference_mode():
            scores: Scores = self._policy(
                torch.from_numpy(view(frame, self._config))[None],
                torch.from_numpy(ids)[None],
                torch.tensor([history]),
            )
        span = int(scores.first_bt.argmax()), int(scores.last_bt.argmax())
        label = self._label(scores)
        text = span_text(read, *span) if label == TYPE else ""
        return action_of(label, self._place(scores), text)

    def _label(self, scores: Scores) -> str:
        ranked = scores.types_ba[0].argsort(descending=True).tolist()
        names: list[str] = [self._labels.names[number] for number in ranked]
        allowed = [name for name in names if self._may_stop or name != DONE]
        return (allowed or names)[0]

    def _place(self, scores: Scores) -> tuple[int, int]:
        """Return the middle of the cell whose neighbourhood is the most likely."""
        share = scores.heat_bgg.flatten(1).softmax(1).view(1, 1, CELLS, CELLS)
        pooled = fn.avg_pool2d(share, 3, 1, 1, count_include_pad=False)
        row, column = divmod(int(pooled.argmax()), CELLS)
        left, top = self._config.view
        middle = CELL_PX // 2
        return left + column * CELL_PX + middle, top + row * CELL_PX + middle
