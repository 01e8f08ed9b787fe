"""What a policy is trained towards, as losses by name.

Stage: learn. Input: scores and a batch. Output: `type`, `place`, `text`, and the two
that teach it to read: `words` and `naming`. A loss that has nothing to judge in a batch
is missing. Shape letters as in model.py; n cases that a loss judges.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as fn
from torch import Tensor

from overt.research.learn.model import compare

if TYPE_CHECKING:
    from overt.research.learn.batches import Batch
    from overt.research.learn.model import Scores

_SOFT_CELLS = 0.8  # standard deviation of the place that is aimed at
_SOFT_REGIONS = 0.5


def losses_of(scores: Scores, batch: Batch) -> dict[str, Tensor]:
    """Return the losses of a batch by name."""
    losses = {"type": fn.cross_entropy(scores.types_ba, batch.labels_b)}
    placed = batch.cells_b2[:, 0] >= 0
    if placed.any():
        aim, cells = scores.heat_bgg[placed], batch.cells_b2[placed]
        losses["place"] = _place_loss(aim, cells, _SOFT_CELLS)
    typed = batch.spans_b2[:, 0] >= 0
    if typed.any():
        first, last = batch.spans_b2[typed].unbind(1)
        losses["text"] = fn.cross_entropy(
            scores.first_bt[typed], first
        ) + fn.cross_entropy(scores.last_bt[typed], last)
    known = batch.found_bk2[..., 0] >= 0
    if scores.sought_bkd is not None and known.any():
        losses |= _reading_losses(scores.written_bdrr, scores.sought_bkd, batch, known)
    return losses


def _reading_losses(
    written_bdrr: Tensor, sought_bkd: Tensor, batch: Batch, known_bk: Tensor
) -> dict[str, Tensor]:
    """Find words that are known to stand on a screen, and tell them apart.

    `words`: where on its screen does a word stand? `naming`: which of the batch's n
    words stands where this one does?
    """
    regions_n2 = batch.found_bk2[known_bk] // 2
    found_nrr = compare(written_bdrr, sought_bkd)[known_bk]
    screen_n = known_bk.nonzero()[:, 0]
    there_nd = written_bdrr[screen_n, :, regions_n2[:, 1], regions_n2[:, 0]]
    letters_nl = batch.words_bkl[known_bk]
    same_nn = (letters_nl[:, None] == letters_nl[None]).all(2).float()
    log_share_nn = (there_nd @ sought_bkd[known_bk].T / 4).log_softmax(1)
    naming = -(same_nn / same_nn.sum(1, keepdim=True) * log_share_nn).sum(1).mean()
    return {
        "words": _place_loss(found_nrr, regions_n2, _SOFT_REGIONS),
        "naming": naming,
    }


def _place_loss(heat_nss: Tensor, places_n2: Tensor, soft: float) -> Tensor:
    """Cross entropy against a small Gaussian round the right place of a map."""
    line = torch.arange(heat_nss.shape[1])
    x_ns, y_ns = (
        torch.exp(-((line - places_n2[:, axis, None]) ** 2) / (2 * soft**2))
        for axis in (0, 1)
    )
    aim_nss = y_ns[:, :, None] * x_ns[:, None, :]
    aim_nx = (aim_nss / aim_nss.sum((1, 2), keepdim=True)).flatten(1)
    log_share_nx = heat_nss.flatten(1).log_softmax(1)
    return -(aim_nx * log_share_nx).sum(1).mean()
