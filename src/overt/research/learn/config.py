"""How a policy is trained and where on the screen it looks.

Stage: learn. Values only; they travel inside a checkpoint.
"""

from __future__ import annotations

from dataclasses import dataclass

from overt.protocol.errors import UsageError

CELL_PX = 4
CELLS = 40  # cells on a side of the part of the screen that the policy sees
VIEW_PX = CELL_PX * CELLS
BAR_PX = 50  # the instruction bar above it, which repeats the goal


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Settings of a training run.

    Attributes:
        cpu_s: CPU-seconds to train for, all threads together; 0 for no such limit.
        steps: Gradient steps to train for; 0 for no such limit. A run limited by
            steps alone is the same each time on one machine.
        seed: Seeds weights and sampling.
        threads: Threads that PyTorch may use.
        batch: Examples a step.
        rate: Highest learning rate.
        decay: Weight decay of AdamW.
        averaging: Share that the running average of weights keeps at each step.
        word_loss: Weight of finding on-screen words.
        naming_loss: Weight of telling the found words of a batch apart.
        words_each: Most on-screen words looked for in an example.
        blind_to_goal: Whether the goal is replaced by a constant, as a baseline.
        area_x_px: Left edge of the task's area in root pixels.
        area_y_px: Upper edge of it.
    """

    cpu_s: float = 150.0
    steps: int = 0
    seed: int = 0
    threads: int = 1
    batch: int = 16
    rate: float = 2e-3
    decay: float = 0.02
    averaging: float = 0.99
    word_loss: float = 0.5
    naming_loss: float = 0.25
    words_each: int = 16
    blind_to_goal: bool = False
    area_x_px: int = 0
    area_y_px: int = 0

    def __post_init__(self) -> None:
        if self.cpu_s <= 0 and self.steps <= 0:
            raise UsageError(
                "Training has no end.",
                remedy="Name CPU-seconds or steps greater than zero.",
            )
        if self.threads < 1 or self.batch < 1:
            raise UsageError("Training needs at least one thread and one example.")

    @property
    def view(self) -> tuple[int, int]:
        """Root pixel (x, y) of the upper left corner of what the policy sees."""
        return self.area_x_px, self.area_y_px + BAR_PX
