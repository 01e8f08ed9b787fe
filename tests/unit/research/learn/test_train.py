"""A policy learns a small world, acts in it, and rests sealed."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from overt.protocol.actions import Click, Done, Key, Type
from overt.protocol.errors import DataError, SealError
from overt.protocol.sealing import SealingKey, blob_context
from overt.research.learn.agent import PolicyAgent
from overt.research.learn.checkpoint import (
    checkpoint_bytes,
    open_checkpoint,
    parse_checkpoint,
    seal_checkpoint,
    untrained,
)
from overt.research.learn.config import TrainConfig
from overt.research.learn.labels import Labels
from overt.research.learn.train import Progress, train

if TYPE_CHECKING:
    from pathlib import Path

LABELS = Labels(("click", "type", "key:Return", "done"))


class Steps:
    """Keeps what a watcher is told."""

    def __init__(self) -> None:
        self.seen: list[Progress] = []

    def on_step(self, progress: Progress) -> None:
        self.seen.append(progress)


def test_policy_learns_to_click_and_to_type(world: Any, draw: Any) -> None:
    steps = Steps()
    config = TrainConfig(cpu_s=0, steps=70, batch=6, averaging=0.9)
    agent = PolicyAgent(train(world, config, [steps]))
    assert steps.seen[-1].share == 1
    assert steps.seen[-1].losses["type"] < steps.seen[0].losses["type"]
    goal = 'Enter "delta" and submit'
    hits = 0
    for x, y in [(20, 80), (100, 100), (60, 150), (120, 180), (30, 170)]:
        action = agent.act(draw((x, y)), goal, [])
        assert isinstance(action, Click)
        hits += x <= action.x_px < x + 20 and y <= action.y_px < y + 12
    assert hits >= 4
    typed = agent.act(draw(), goal, [Click(5, 80)])
    assert typed == Type("delta")
    assert agent.act(draw(), goal, [Click(5, 80), Type("a")]) == Key("Return")


def test_same_seed_gives_the_same_weights(world: Any) -> None:
    config = TrainConfig(cpu_s=0, steps=2, batch=2)
    one, other = train(world, config), train(world, config)
    for name, weight in one.weights.items():
        assert torch.equal(weight, other.weights[name])
    different = train(world, TrainConfig(cpu_s=0, steps=2, batch=2, seed=1))
    assert any(
        not torch.equal(weight, different.weights[name])
        for name, weight in one.weights.items()
    )


def test_cpu_seconds_end_a_run_and_threads_are_put_back(world: Any) -> None:
    threads = torch.get_num_threads()
    made = train(world, TrainConfig(cpu_s=0.3, batch=2, threads=2))
    assert made.made_of["steps"] >= 1
    assert 0.3 <= made.made_of["cpu_s"] < 5
    assert torch.get_num_threads() == threads


def test_checkpoint_says_what_it_is_made_of(world: Any) -> None:
    made = train(world, TrainConfig(cpu_s=0, steps=1, batch=2))
    again = parse_checkpoint(checkpoint_bytes(made))
    assert again.made_of["dataset"] == "ds_a"
    assert again.made_of["examples"] == 48
    assert again.config == made.config
    assert again.labels == made.labels


def test_agent_does_not_stop_unless_it_may(draw: Any) -> None:
    config = TrainConfig(steps=1)
    made = untrained(0, Labels(("done", "click")), config)
    made.weights["types.bias"] += torch.tensor([50.0, 0.0])
    assert isinstance(PolicyAgent(made).act(draw(), "go", []), Click)
    assert PolicyAgent(made, may_stop=True).act(draw(), "go", []) == Done()


@pytest.mark.parametrize("goal", ["", "   ", "??", "word " * 90, "größer"])
def test_agent_takes_any_goal_and_screen(draw: Any, goal: str) -> None:
    agent = PolicyAgent(untrained(3, LABELS, TrainConfig(steps=1)))
    frame = draw()
    first = agent.act(frame, goal, [])
    assert first == agent.act(frame.copy(), goal, [])
    agent.act(np.zeros((40, 30, 3), np.uint8), goal, [Key("F1")])


def test_blind_agent_does_not_read_the_goal(draw: Any) -> None:
    config = TrainConfig(steps=1, blind_to_goal=True)
    agent = PolicyAgent(untrained(3, LABELS, config))
    frame = draw((20, 80))
    assert agent.act(frame, "one", []) == agent.act(frame, "click other", [])


def test_untrained_depends_on_its_seed_alone() -> None:
    config = TrainConfig(steps=1)
    torch.manual_seed(5)
    one = untrained(1, LABELS, config).weights
    state = torch.random.get_rng_state()
    other = untrained(1, LABELS, config).weights
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert torch.equal(state, torch.random.get_rng_state())


def test_rests_sealed(tmp_path: Path) -> None:
    key, path = SealingKey.generate(), tmp_path / "made" / "policy.sealed"
    made = untrained(0, LABELS, TrainConfig(steps=1))
    made.made_of["dataset"] = "ds_a"
    seal_checkpoint(made, path, key.public)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert blob_context(path.read_bytes())["dataset"] == "ds_a"
    assert b"key:Return" not in path.read_bytes()
    opened = open_checkpoint(path, key)
    assert all(torch.equal(opened.weights[n], w) for n, w in made.weights.items())
    with pytest.raises(SealError):
        open_checkpoint(path, SealingKey.generate())
    with pytest.raises(DataError, match="cannot be read"):
        open_checkpoint(tmp_path / "none", key)


def test_foreign_bytes_are_no_checkpoint() -> None:
    for data in (b"", b"junk", b"PK\x03\x04 and more"):
        with pytest.raises(DataError):
            parse_checkpoint(data)


def test_weights_of_another_shape_do_not_fit() -> None:
    made = untrained(0, LABELS, TrainConfig(steps=1))
    made.weights["types.bias"] = torch.zeros(9)
    with pytest.raises(DataError, match="do not fit"):
        made.policy()
