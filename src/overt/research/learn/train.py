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

import torch

from overt.research.learn.batches import Drawer
from overt.research.learn.checkpoint import Checkpoint
from overt.research.learn.examples import make_examples
from overt.research.learn.losses import losses_of
from overt.research.learn.model import PixelPolicy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from overt.research.dataset.sealed import Dataset
    from overt.research.learn.config import TrainConfig
    from overt.research.learn.examples import Examples
    from overt.research.learn.model import Scores

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


def train(
    dataset: Dataset, config: TrainConfig, watchers: Sequence[Watcher] = ()
) -> Checkpoint:
    """Train a policy on a dataset.

    Raises:
        DataError: No row of the dataset can teach.
    """
    examples = make_examples(dataset, config)
    with _settings(config):
        run = _Run(examples, config)
        while run.share < 1:
            run.step()
            for watcher in watchers:
                watcher.on_step(Progress(run.steps, run.share, dict(run.means)))
    return Checkpoint(
        config,
        examples.labels,
        run.averaged.state_dict(),
        {
            "dataset": str(dataset.manifest["dataset"]),
            "grant": str(dataset.manifest["grant"]),
            "purpose": str(dataset.manifest["purpose"]),
            "examples": len(examples.labels_n),
            "left_out": examples.left_out,
            "steps": run.steps,
            "cpu_s": round(run.cpu_s, 1),
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


class _Run:
    """A training run: what one step does, and how far it is.

    Attributes:
        averaged: The policy with the running mean of its weights: the outcome.
        steps: Gradient steps so far.
        means: Running means of the losses by name.
    """

    def __init__(self, examples: Examples, config: TrainConfig) -> None:
        labels = examples.labels
        self.averaged = PixelPolicy(len(labels.names), labels.history_size)
        self.steps = 0
        self.means: dict[str, float] = {}
        self._config = config
        self._policy = copy.deepcopy(self.averaged)
        self._optimiser = _optimiser(self._policy, config)
        self._drawer = Drawer(examples, config)
        self._weights = {"words": config.word_loss, "naming": config.naming_loss}
        self._started = time.process_time()

    @property
    def cpu_s(self) -> float:
        """CPU-seconds so far."""
        return time.process_time() - self._started

    @property
    def share(self) -> float:
        """Share of the allowed cost that is used, 0 to 1."""
        config, shares = self._config, [0.0]
        if config.steps > 0:
            shares.append(self.steps / config.steps)
        if config.cpu_s > 0:
            shares.append(self.cpu_s / config.cpu_s)
        return min(1.0, max(shares))

    def step(self) -> None:
        """Draw a batch, answer it, learn from the answers."""
        batch = self._drawer.draw()
        scores: Scores = self._policy(
            batch.views_bvv, batch.goals_btl, batch.history_bh, batch.words_bkl
        )
        self._drawer.note(batch, scores)
        losses = losses_of(scores, batch)
        self._learn(losses)
        self.steps += 1
        self._average()
        for name, value in losses.items():
            mean = self.means.get(name, value.item())
            self.means[name] = 0.97 * mean + 0.03 * value.item()

    def _learn(self, losses: dict[str, Tensor]) -> None:
        for group in self._optimiser.param_groups:
            group["lr"] = self._config.rate * _pace(self.steps, self.share)
        parts = [value * self._weights.get(k, 1.0) for k, value in losses.items()]
        self._optimiser.zero_grad()
        torch.stack(parts).sum().backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._policy.parameters(), 1.0)
        self._optimiser.step()

    @torch.no_grad()
    def _average(self) -> None:
        keep = min(self._config.averaging, self.steps / (self.steps + 10))
        pairs = zip(self.averaged.parameters(), self._policy.parameters(), strict=True)
        for mean, value in pairs:
            mean.lerp_(value, 1 - keep)


def _optimiser(policy: PixelPolicy, config: TrainConfig) -> torch.optim.AdamW:
    """Return AdamW that lets matrices decay and leaves vectors alone."""
    matrices = [weight for weight in policy.parameters() if weight.dim() > 1]
    vectors = [weight for weight in policy.parameters() if weight.dim() <= 1]
    groups: list[dict[str, Any]] = [
        {"params": matrices},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, config.rate, weight_decay=config.decay)


def _pace(step: int, share: float) -> float:
    """Return the factor of the learning rate: a short rise, a long fall."""
    falling: float = (1 - share) ** _CALM_POWER
    return max(0.005, min(1.0, (step + 1) / _WARM_STEPS) * falling)
