"""Watchers of a training run: a progress bar and a TensorBoard log.

Stage: learn. Input: `Progress`. Output: a line on the terminal, scalars in a folder.
They see losses alone; the log's file names neither host nor time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress
from torch.utils.tensorboard import SummaryWriter

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from overt.research.learn.train import Progress

_EVERY = 10  # steps between two entries


class Bar:
    """A progress bar on a terminal."""

    def __init__(self, console: Console, title: str = "Training") -> None:
        self._bar = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}% {task.fields[state]}"),
            TimeRemainingColumn(),
            console=console,
        )
        self._task = self._bar.add_task(title, total=1.0, state="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._bar.stop()

    def on_step(self, progress: Progress) -> None:
        """Show how far the run is."""
        losses = " ".join(f"{k} {v:.2f}" for k, v in progress.losses.items())
        state = f"step {progress.step} {losses}"
        self._bar.update(self._task, completed=progress.share, state=state)


class Board:
    """A TensorBoard log in a folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._before = set(folder.iterdir())
        self._writer = SummaryWriter(str(folder))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        """Close the log and name it without the host that its library puts there."""
        self._writer.close()
        made = sorted(set(self._folder.iterdir()) - self._before)
        for number, path in enumerate(made, start=len(self._before)):
            path.chmod(0o600)
            path.rename(self._folder / f"events.out.tfevents.{number}.training")

    def on_step(self, progress: Progress) -> None:
        """Write the losses of every tenth step."""
        if progress.step % _EVERY:
            return
        for name, value in progress.losses.items():
            self._writer.add_scalar(f"loss/{name}", value, progress.step)
