"""A small world to learn: a light box on a dark screen is to be clicked or typed at."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from overt.protocol.actions import Click, Done, Key, Type, action_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from overt.protocol.actions import Action
    from overt.protocol.records import Pixels

HEIGHT, WIDTH = 230, 180


class World:
    """Rows as an opened dataset gives them."""

    def __init__(self) -> None:
        self.manifest = {"dataset": "ds_a", "grant": "f" * 64, "purpose": "train"}
        self._rows: list[dict[str, Any]] = []

    def rows(self) -> Iterator[dict[str, Any]]:
        return iter(self._rows)

    def episode(
        self, goal: str, steps: list[tuple[Pixels, Action]], status: str = "done"
    ) -> None:
        name = f"task_{len(self._rows):04d}"
        for number, (frame, action) in enumerate(steps):
            data = io.BytesIO()
            Image.fromarray(frame).save(data, "PNG")
            row = {
                "episode": name,
                "step": number,
                "goal": goal,
                "status": status,
                "action": action_json(action),
                "frame_decide": {"bytes": data.getvalue(), "path": None},
                "context": {"tree": {"nodes": [], "stale": False}},
            }
            self._rows.append(row)


def screen(*boxes: tuple[int, int]) -> Pixels:
    frame = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for x, y in boxes:
        frame[y : y + 12, x : x + 20] = 255
    return frame


@pytest.fixture
def draw() -> Any:
    return screen


@pytest.fixture
def new_world() -> type[World]:
    return World


@pytest.fixture
def world() -> World:
    made, rng = World(), np.random.default_rng(0)
    for _ in range(12):
        x, y = int(rng.integers(5, 130)), int(rng.integers(60, 190))
        word = rng.choice(["alpha", "beta", "gamma"])
        steps = [
            (screen((x, y)), Click(x + 10, y + 6)),
            (screen(), Type(str(word))),
            (screen(), Key("Return")),
            (screen(), Done()),
        ]
        made.episode(f'Enter "{word}" and submit', steps)
    return made
