"""Training of the pixel policy: examples in, checkpoint out.

Stage: learn. Input: an opened dataset, a configuration, watchers. Output: a
`Checkpoint`. It costs what the configuration allows, in CPU-seconds or steps; with
steps and one thread the same input gives the same weights. It writes nothing to disk:
watchers do, and they see losses, never examples.
"""

from __future__ import annotations

import copy
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
import torch.nn.functional as fn
from torch import Tensor

from overt.research.learn.checkpoint import Checkpoint
from overt.research.learn.config import CELL_PX, CELLS, TrainConfig
from overt.research.learn.examples import Examples, make_examples
from overt.research.learn.model import PixelPolicy, Scores, compare
from overt.research.learn.words import MAX_LETTERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from overt.research.dataset.sealed import Dataset

_SOFT_CELLS = 0.8  # standard deviation of the place that is aimed at
_SOFT_REGIONS = 0.5
_SHIFT_CELLS = 3  # largest shift of a picture, by whole cells
_SHIFTED_SHARE = 0.5
_WARM_STEPS = 100
_CALM_POWER = 0.7


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is.

    Attributes:
        step: Gradient steps so far.
        share: Of the allowed cost, 0 to 1.
        losses: Running means by name: type, place, text, words, naming.
    """

    step: int
    share: float
    losses: dict[str, float]


class Watcher(Protocol):
    """Whoever wants to see a run."""

    def on_step(self, progress: Progress) -> None:
        """Take note of a step."""
        ...


@dataclass(frozen=True, slots=True)
class _Batch:
    """Examples drawn for a step; shape letters as in model.py."""

    views_bvv: Tensor
    goals_btl: Tensor
    history_bh: Tensor
    labels_b: Tensor
    cells_b2: Tensor
    spans_b2: Tensor
    words_bkl: Tensor
    found_bk2: Tensor


def train(
    dataset: Dataset, config: TrainConfig, watchers: Sequence[Watcher] = ()
) -> Checkpoint:
    """Train a policy on a dataset.

    Raises:
        DataError: No row of the dataset can teach.
    """
    examples = make_examples(dataset, config)
    with _settings(config):
        policy, step, cpu_s = _fit(examples, config, watchers)
    return Checkpoint(
        config,
        examples.labels,
        policy.state_dict(),
        {
            "dataset": str(dataset.manifest["dataset"]),
            "grant": str(dataset.manifest["grant"]),
            "purpose": str(dataset.manifest["purpose"]),
            "examples": len(examples.labels_n),
            "left_out": examples.left_out,
            "steps": step,
            "cpu_s": round(cpu_s, 1),
        },
    )


@contextmanager
def _settings(config: TrainConfig) -> Iterator[None]:
    """Set PyTorch's threads and seed, and the threads back again."""
    threads = torch.get_num_threads()
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _fit(
    examples: Examples, config: TrainConfig, watchers: Sequence[Watcher]
) -> tuple[PixelPolicy, int, float]:
    labels = examples.labels
    policy = PixelPolicy(len(labels.names), labels.history_size)
    averaged = copy.deepcopy(policy)
    optimiser = _optimiser(policy, config)
    rng = np.random.default_rng(config.seed)
    started, step, means = time.process_time(), 0, dict[str, float]()
    while (share := _share(config, step, started)) < 1:
        for group in optimiser.param_groups:
            group["lr"] = config.rate * _pace(step, share)
        losses = _losses(policy, _draw(examples, config, rng))
        weights = {"words": config.word_loss, "naming": config.naming_loss}
        loss = torch.stack(
            [value * weights.get(name, 1.0) for name, value in losses.items()]
        ).sum()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
        optimiser.step()
        step += 1
        _average(averaged, policy, min(config.averaging, step / (step + 10)))
        for name, value in losses.items():
            means[name] = 0.97 * means.get(name, value.item()) + 0.03 * value.item()
        for watcher in watchers:
            watcher.on_step(Progress(step, _share(config, step, started), dict(means)))
    return averaged, step, time.process_time() - started


def _optimiser(policy: PixelPolicy, config: TrainConfig) -> torch.optim.AdamW:
    """Return AdamW that lets matrices decay and leaves vectors alone."""
    matrices = [weight for weight in policy.parameters() if weight.dim() > 1]
    vectors = [weight for weight in policy.parameters() if weight.dim() <= 1]
    groups: list[dict[str, Any]] = [
        {"params": matrices},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, config.rate, weight_decay=config.decay)


def _share(config: TrainConfig, step: int, started: float) -> float:
    """Return how much of the allowed cost is used."""
    shares = []
    if config.steps > 0:
        shares.append(step / config.steps)
    if config.cpu_s > 0:
        shares.append((time.process_time() - started) / config.cpu_s)
    return min(1.0, max(shares))


def _pace(step: int, share: float) -> float:
    """Return the factor of the learning rate: a short rise, a long fall."""
    falling: float = (1 - share) ** _CALM_POWER
    return max(0.005, min(1.0, (step + 1) / _WARM_STEPS) * falling)


@torch.no_grad()
def _average(averaged: PixelPolicy, policy: PixelPolicy, keep: float) -> None:
    pairs = zip(averaged.parameters(), policy.parameters(), strict=True)
    for mean, value in pairs:
        mean.lerp_(value, 1 - keep)


def _draw(examples: Examples, config: TrainConfig, rng: np.random.Generator) -> _Batch:
    """Draw examples, half of them shifted by whole cells, and words to find."""
    weights = examples.weights_n / examples.weights_n.sum()
    chosen = rng.choice(len(weights), config.batch, p=weights)
    moved = rng.random(config.batch) < _SHIFTED_SHARE
    shifts = rng.integers(-_SHIFT_CELLS, _SHIFT_CELLS + 1, (config.batch, 2))
    shifts[~moved] = 0
    views = np.stack(
        [
            np.roll(examples.views_nvv[n], (dy * CELL_PX, dx * CELL_PX), (0, 1))
            for n, (dx, dy) in zip(chosen, shifts, strict=True)
        ]
    )
    cells = examples.cells_n2[chosen]
    cells = np.where(cells >= 0, (cells + shifts) % CELLS, -1)
    words, found = _words(examples, chosen, shifts, config, rng)
    most = max(1, int((found[:, :, 0] >= 0).sum(1).max()))
    goals = examples.goals_ntl[chosen]
    tokens = max(1, int((goals.sum(2) > 0).sum(1).max()))
    arrays = (
        views,
        goals[:, :tokens],
        examples.histories_n2[chosen],
        examples.labels_n[chosen],
        cells,
        examples.spans_n2[chosen],
        words[:, :most],
        found[:, :most],
    )
    return _Batch(*(torch.from_numpy(array) for array in arrays))


def _words(
    examples: Examples,
    chosen: np.ndarray,
    shifts: np.ndarray,
    config: TrainConfig,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw words of each screen: ids (b, k, l), cells (b, k, 2), -1 for none."""
    words = np.zeros((len(chosen), config.words_each, MAX_LETTERS), np.int64)
    found = np.full((len(chosen), config.words_each, 2), -1)
    for place, number in enumerate(chosen):
        boxes = examples.words[number]
        count = min(config.words_each, len(boxes.ids_wl))
        some = rng.permutation(len(boxes.ids_wl))[:count]
        words[place, :count] = boxes.ids_wl[some]
        found[place, :count] = (boxes.cells_w2[some] + shifts[place]) % CELLS
    return words, found


def _losses(policy: PixelPolicy, batch: _Batch) -> dict[str, Tensor]:
    scores: Scores = policy(
        batch.views_bvv, batch.goals_btl, batch.history_bh, batch.words_bkl
    )
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
    written_bdrr: Tensor, sought_bkd: Tensor, batch: _Batch, known_bk: Tensor
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
