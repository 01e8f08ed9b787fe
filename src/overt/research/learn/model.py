"""The pixel policy: a small network from a grey picture and a goal to an action.

Stage: learn. Input: pictures, letter ids of goals, the last two action types. Output:
scores for the action type, for each cell of the picture, for the first and last token
of a text to type. 0.4 M parameters; a decision takes a few milliseconds on one core.

A goal is read letter by letter (convolutions over each word, then a transformer), a
picture by convolutions. Words and places live in one space: the words that the policy
points at are compared with the features of every cell, and an auxiliary task, finding
words that are known to stand on the screen, teaches it to read. The picture is
modulated by goal and history (FiLM).

Shape letters: b batch, t tokens, l letters, d word features, c picture channels,
v pixels of the view, g cells on a side, k words to find, a action types, h history.

Sources: Perez et al. 2018 (FiLM); Kim et al. 2016 (character convolutions).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as fn
from torch import Tensor, nn

from overt.research.learn.words import LETTERS, MAX_LETTERS, MAX_TOKENS

_LETTER_FEATURES = 24
_HISTORY_FEATURES = 16
_CONTEXT = 128
_CLOSED = -1e4  # score of a token that is not there


@dataclass(frozen=True, slots=True)
class Scores:
    """What the policy says, as logits.

    Attributes:
        types_ba: Action types.
        heat_bgg: Cells, row by row.
        first_bt: First token to type.
        last_bt: Last token to type.
        found_bkgg: Cells where each word to find stands; None where none was asked.
    """

    types_ba: Tensor
    heat_bgg: Tensor
    first_bt: Tensor
    last_bt: Tensor
    found_bkgg: Tensor | None = None


class PixelPolicy(nn.Module):
    """The network.

    Args:
        types: How many action types there are.
        history: How many values an entry of the history can have.
        width: Word features, d.
        channels: Picture channels, c.
    """

    def __init__(
        self, types: int, history: int, *, width: int = 64, channels: int = 96
    ) -> None:
        super().__init__()
        self.words = _Words(width)
        self.goal = _Goal(width)
        self.picture = _Picture(width, channels)
        self.history = nn.Embedding(history, _HISTORY_FEATURES)
        situation = width + 2 * _HISTORY_FEATURES
        self.film = nn.Linear(situation, 2 * channels)
        self.place = nn.Parameter(torch.randn(channels, 20, 20) * 0.02)
        self.context = nn.Sequential(
            nn.Linear(situation + 2 * channels, _CONTEXT),
            nn.ReLU(),
            nn.Linear(_CONTEXT, _CONTEXT),
            nn.ReLU(),
        )
        self.types = nn.Linear(_CONTEXT, types)
        self.first = nn.Linear(_CONTEXT, width)
        self.last = nn.Linear(_CONTEXT, width)
        self.point = nn.Linear(_CONTEXT, width)
        self.plain = nn.Linear(_CONTEXT, width)
        self.sought = nn.Linear(width, width)
        self.bias = nn.Conv2d(channels, 1, 1)

    def forward(
        self,
        views_bvv: Tensor,
        goals_btl: Tensor,
        history_bh: Tensor,
        words_bkl: Tensor | None = None,
    ) -> Scores:
        """Score actions.

        Args:
            views_bvv: uint8 grey pictures.
            goals_btl: Letter ids of goals, 0 padded; every goal has a token.
            history_bh: Numbers of the last two action types.
            words_bkl: Letter ids of words to find, for training.
        """
        absent_bt = goals_btl.sum(2) == 0
        words_btd = self.words(goals_btl)
        tokens_btd, goal_bd = self.goal(words_btd, absent_bt)
        situation = torch.cat([goal_bd, self.history(history_bh).flatten(1)], 1)
        cells_bdgg, coarse = self.picture(views_bvv)
        gain, shift = self.film(situation)[:, :, None, None].chunk(2, 1)
        seen = fn.relu(coarse * (1 + gain) + shift + self.place)
        context = self.context(
            torch.cat([situation, seen.mean((2, 3)), seen.amax((2, 3))], 1)
        )

        def token_scores(head: nn.Linear) -> Tensor:
            scores_bt: Tensor = (tokens_btd * head(context).unsqueeze(1)).sum(2)
            return scores_bt.masked_fill(absent_bt, _CLOSED)

        share_bt = (token_scores(self.point) / 8).softmax(1)
        wanted_bd = (share_bt.unsqueeze(2) * self.sought(words_btd)).sum(1)
        heat = self._match(cells_bdgg, (wanted_bd + self.plain(context)).unsqueeze(1))
        found = None
        if words_bkl is not None:
            found = self._match(cells_bdgg, self.sought(self.words(words_bkl)))
        return Scores(
            self.types(context),
            heat.squeeze(1) + 3 * self._bias(seen),
            token_scores(self.first),
            token_scores(self.last),
            found,
        )

    def _match(self, cells_bdgg: Tensor, words_bkd: Tensor) -> Tensor:
        """Compare words with every cell."""
        return torch.einsum("bdhw,bkd->bkhw", cells_bdgg, words_bkd) / 4

    def _bias(self, seen: Tensor) -> Tensor:
        """Score cells by situation and place, without a word to look for."""
        return fn.interpolate(
            self.bias(seen), scale_factor=2.0, mode="bilinear", align_corners=False
        ).squeeze(1)


class _Words(nn.Module):
    """Letters of words to word features: (..., l) to (..., d)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.letters = nn.Embedding(LETTERS, _LETTER_FEATURES, padding_idx=0)
        self.order = nn.Parameter(torch.randn(MAX_LETTERS, _LETTER_FEATURES) * 0.1)
        self.near = nn.Conv1d(_LETTER_FEATURES, width, 3, padding=1)
        self.far = nn.Conv1d(width, width, 3, padding=1)
        self.out = nn.Linear(2 * width, width)

    def forward(self, ids: Tensor) -> Tensor:
        flat = ids.reshape(-1, MAX_LETTERS)
        there = (flat > 0).float().unsqueeze(1)
        x = (self.letters(flat) + self.order).transpose(1, 2) * there
        x = fn.relu(self.far(fn.relu(self.near(x)) * there)) * there
        mean = x.sum(2) / there.sum(2).clamp(min=1)
        out: Tensor = self.out(torch.cat([x.amax(2), mean], 1))
        return out.reshape(*ids.shape[:-1], -1)


class _Goal(nn.Module):
    """Words of a goal to tokens in their sentence, and one vector for the whole."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.order = nn.Parameter(torch.randn(MAX_TOKENS, width) * 0.1)
        layer = nn.TransformerEncoderLayer(width, 4, 128, 0.0, batch_first=True)
        self.sentence = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.weigh = nn.Linear(width, 1)

    def forward(self, words_btd: Tensor, absent_bt: Tensor) -> tuple[Tensor, Tensor]:
        tokens_btd = self.sentence(
            words_btd + self.order[: words_btd.shape[1]],
            src_key_padding_mask=absent_bt,
        )
        scores_bt = self.weigh(tokens_btd).squeeze(2).masked_fill(absent_bt, _CLOSED)
        whole_bd = (scores_bt.softmax(1).unsqueeze(2) * tokens_btd).sum(1)
        return tokens_btd, whole_bd


class _Picture(nn.Module):
    """A picture to features of its cells (b, d, g, g) and coarse ones (b, c, 20, 20).

    The cell features do not know the goal: they say what is written where.
    """

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        self.edges = nn.Conv2d(1, 16, 5, 2, 2)
        self.strokes = nn.Conv2d(16, 48, (3, 5), 2, (1, 2))
        self.strokes_norm = nn.GroupNorm(8, 48)
        self.letters = nn.Conv2d(48, channels, (3, 5), 2, (1, 2))
        self.letters_norm = nn.GroupNorm(8, channels)
        self.across = nn.Conv2d(channels, channels, (1, 3), padding=(0, 1))
        self.down = nn.Conv2d(channels, channels, (3, 1), padding=(1, 0))
        self.down_norm = nn.GroupNorm(8, channels)
        self.lift = nn.Conv2d(channels, width, 1)
        self.side = nn.Conv2d(48, width, (1, 3), padding=(0, 1))
        self.cells_norm = nn.GroupNorm(8, width)

    def forward(self, views_bvv: Tensor) -> tuple[Tensor, Tensor]:
        x = views_bvv.float().unsqueeze(1) / 127.5 - 1
        fine = fn.relu(self.strokes_norm(self.strokes(fn.relu(self.edges(x)))))
        coarse = fn.relu(self.letters_norm(self.letters(fine)))
        joined = fn.relu(self.across(coarse))
        coarse = coarse + fn.relu(self.down_norm(self.down(joined)))
        lifted = fn.interpolate(self.lift(coarse), scale_factor=2.0)
        return self.cells_norm(self.side(fine) + lifted), coarse
