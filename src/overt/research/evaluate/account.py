"""The worker's account on disk: scripted actions, injected events, screens before.

Input: an `Episode`. Output: one line of `episodes.jsonl` and one `NNNN.npz` with the
screens, in a folder that only its owner can read: it holds typed passwords. A check
of a recording reads it; refine, training and evaluation never do.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from overt.protocol.actions import action_json

if TYPE_CHECKING:
    from pathlib import Path

    from overt.protocol.records import Pixels
    from overt.research.evaluate.worker import Episode

_LOG = "episodes.jsonl"


class Account:
    """A folder of episodes, mode 0700, files 0600."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
        self._folder = folder
        self._count = sum(1 for _ in folder.glob("*.npz"))

    def add(self, episode: Episode) -> int:
        """Write an episode; return its number."""
        number = self._count
        self._count += 1
        self._write_screens(number, episode)
        line = json.dumps({"number": number, **episode_json(episode)})
        with _open_private(self._folder / _LOG, os.O_APPEND) as log:
            log.write(line.encode() + b"\n")
        return number

    def episodes(self) -> list[dict[str, Any]]:
        """Read what `add` wrote, as JSON objects."""
        path = self._folder / _LOG
        lines = path.read_text().splitlines() if path.exists() else []
        return [json.loads(line) for line in lines]

    def screens(self, number: int) -> list[Pixels]:
        """Read the screens before each action of an episode (not of `done`)."""
        with np.load(self._folder / f"{number:04d}.npz") as stored:
            return [stored[f"s{nth}"] for nth in range(len(stored.files))]

    def _write_screens(self, number: int, episode: Episode) -> None:
        screens = [done.before for done in episode.actions if done.before is not None]
        path = self._folder / f"{number:04d}.npz"
        named = {f"s{nth}": pixels for nth, pixels in enumerate(screens)}
        with _open_private(path, os.O_TRUNC) as file:
            np.savez_compressed(file, allow_pickle=False, **named)


def episode_json(episode: Episode) -> dict[str, Any]:
    """Return an episode as JSON, without its screens, with its canaries."""
    return {
        "task": episode.task,
        "seed": episode.seed,
        "goal": episode.goal,
        "status": episode.status,
        "seconds": round(episode.seconds, 3),
        "withheld": episode.withheld,
        "canaries": list(episode.canaries),
        "actions": [
            {"t_ns": done.t_ns, **action_json(done.action)} for done in episode.actions
        ],
        "injected": [asdict(event) for event in episode.injected],
    }


def _open_private(path: Path, flag: int) -> Any:
    """Open a file for writing that only its owner can read."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | flag, 0o600), "wb")
