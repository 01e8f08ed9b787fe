"""Trajectories of two people, and where they come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from overt.research.dataset.rows import Origin
from overt.research.refine.episodes import refine, trajectories

if TYPE_CHECKING:
    from overt.research.refine.episodes import Trajectory


@pytest.fixture
def origin() -> Origin:
    return Origin("ds_a", "prog_a", "rel_a", "f" * 64, "train-agents")


@pytest.fixture
def episodes(new_desk: Any) -> list[Trajectory]:
    segments = []
    for name in "ab":
        desk = new_desk(session=f"sess_{name}", person=f"part_{name}")
        for number in range(2):
            desk.begin(f"task_{name}{number}", f'Enter "{name}{number}" and submit')
            desk.context("window", title="Form", url="http://127.0.0.1/form")
            desk.wait(200)
            desk.glide(60 + number, 70)
            desk.paint((50, 60, 30, 20), 90)
            desk.click()
            desk.wait(200)
            desk.type(f"{name}{number}")
            desk.end(f"task_{name}{number}")
            desk.paint((50, 60, 30, 20), 200)
        segments += desk.finish()
    return trajectories(refine(segments))
