"""The pixel policy: a small network from a grey picture and a goal to an action.

Stage: learn. Input: pictures, letter ids of goals, the last two action types. Output:
scores for the action type, for each cell of the picture, for the first and last token
of a text to type. 0.4 M parameters; a decision takes a few milliseconds on one core.

A goal is read letter by letter (convolutions over each word, then a transformer), a
picture by convolutions. Words and places live in one space: the words that the policy
points at are compared with the features of every region, and two auxiliary tasks,
finding the words that are known to stand on the screen and telling them apart, teach
it to read. The picture is
modulated by goal and history (FiLM).

Shape letters: b batch, t tokens, l letters, d word features, c picture channels,
v pixels of the view, g cells on a side, r regions of two by two cells on a side,
k words to find, a action types, h history.

Sources: Perez et al. 2018 (FiLM); Kim et al. 2016 (character convolutions).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as fn
from torch import Tensor, nn

from overt.research.learn.config import CELLS
from overt.research.learn.words import LETTERS, MAX_LETTERS, MAX_TOKENS

_LETTER_FEATURES = 24
_HISTORY_FEATURES = 16
_CONTEXT = 128
_STROKES = 32
REGIONS = CELLS // 2
_CLOSED = -1e4  # score of a token that is not there


@dataclass(frozen=True, slots=True)
class Scores:
    """What the policy says, as logits.

    Attributes:
        types_ba: Action types.
        heat_bgg: Cells, row by row.
        first_bt: First token to type.
        last_bt: Last token to type.
        written_bdrr: What is written where, to be compared with `sought_bkd`.
        sought_bkd: The words to find; None where none was asked.
    """

    types_ba: Tensor
    heat_bgg: Tensor
    first_bt: Tensor
    last_bt: Tensor
    written_bdrr: Tensor
    sought_bkd: Tensor | None = None


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
        self.place = nn.Parameter(torch.randn(channels, REGIONS, REGIONS) * 0.02)
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
        self.bias = nn.Conv2d(channels, 4, 1)
        self.picture.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

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
        written_bdrr, raw = self.picture(views_bvv)
        gain, shift = self.film(situation)[:, :, None, None].chunk(2, 1)
        seen = fn.relu(raw * (1 + gain) + shift + self.place)
        context = self.context(
            torch.cat([situation, seen.mean((2, 3)), seen.amax((2, 3))], 1)
        )

        def token_scores(head: nn.Linear) -> Tensor:
            scores_bt: Tensor = (tokens_btd * head(context).unsqueeze(1)).sum(2)
            return scores_bt.masked_fill(absent_bt, _CLOSED)

        share_bt = (token_scores(self.point) / 8).softmax(1)
        wanted_bd = (share_bt.unsqueeze(2) * self.sought(words_btd)).sum(1)
        aim_b1d = (wanted_bd + self.plain(context)).unsqueeze(1)
        heat_b1rr = compare(written_bdrr, aim_b1d)
        return Scores(
            self.types(context),
            self._fine(heat_b1rr, seen).squeeze(1),
            token_scores(self.first),
            token_scores(self.last),
            written_bdrr,
            None if words_bkl is None else self.sought(self.words(words_bkl)),
        )

    def _fine(self, heat_b1rr: Tensor, seen: Tensor) -> Tensor:
        """Refine a map of regions to cells, and add what needs no word to look for."""
        wide = fn.interpolate(
            heat_b1rr, scale_factor=2.0, mode="bilinear", align_corners=False
        )
        return wide + 3 * fn.pixel_shuffle(self.bias(seen), 2)


def compare(written_bdrr: Tensor, words_bkd: Tensor) -> Tensor:
    """Compare words with what is written in every region: (b, k, r, r)."""
    scores_bkx: Tensor = words_bkd @ written_bdrr.flatten(2) / 4
    return scores_bkx.reshape(*scores_bkx.shape[:2], *written_bdrr.shape[2:])


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
    """A picture to features: of what is written (b, d, r, r), and raw (b, c, r, r).

    The features of what is written do not know the goal. Two by two pixels enter as
    four channels, because a convolution over one channel wastes most of its time.
    """

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        self.strokes = nn.Conv2d(4, _STROKES, 5, 2, 2)
        self.strokes_norm = nn.GroupNorm(8, _STROKES)
        self.letters = nn.Conv2d(_STROKES, channels, (3, 5), 2, (1, 2))
        self.letters_norm = nn.GroupNorm(8, channels)
        self.across = nn.Conv2d(channels, channels, (1, 3), padding=(0, 1))
        self.down = nn.Conv2d(channels, channels, (3, 1), padding=(1, 0))
        self.down_norm = nn.GroupNorm(8, channels)
        self.written = nn.Conv2d(channels, width, 1)
        self.written_norm = nn.GroupNorm(8, width)

    def forward(self, views_bvv: Tensor) -> tuple[Tensor, Tensor]:
        pixels = fn.pixel_unshuffle(views_bvv.float().unsqueeze(1) / 127.5 - 1, 2)
        x = pixels.contiguous(memory_format=torch.channels_last)
        x = fn.relu(self.strokes_norm(self.strokes(x)))
        x = fn.relu(self.letters_norm(self.letters(x)))
        joined = fn.relu(self.across(x))
        raw = x + fn.relu(self.down_norm(self.down(joined)))
        return self.written_norm(self.written(raw)), raw
