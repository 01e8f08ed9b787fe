"""Watchers show losses, and name no host."""

from __future__ import annotations

import io
import socket
from typing import TYPE_CHECKING

from rich.console import Console

from overt.research.learn.train import Progress
from overt.research.learn.watch import Bar, Board

if TYPE_CHECKING:
    from pathlib import Path


def test_bar_shows_losses() -> None:
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=120)
    with Bar(console) as bar:
        bar.on_step(Progress(20, 0.5, {"type": 1.25}))
    assert "type 1.25" in text.getvalue()


def test_board_writes_scalars_without_the_host(tmp_path: Path) -> None:
    folder = tmp_path / "board"
    with Board(folder) as board:
        for step in range(1, 31):
            board.on_step(Progress(step, step / 30, {"place": 2.0}))
    (log,) = folder.iterdir()
    assert log.name == "events.out.tfevents.0.training"
    assert b"loss/place" in log.read_bytes()
    assert socket.gethostname().encode() not in log.read_bytes()
