"""A test of one policy over tasks and seeds; what it did, as an evaluation log.

Input: the environment, a policy, tasks, a seed prefix. Output: one `Tested` an
episode. Seeds whose goal cannot be typed are passed over, the same for every policy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from overt.protocol.actions import Done, action_json, parse_action
from overt.protocol.errors import DataError
from overt.research.evaluate.agent import frame_hash, quoted_credential, run_agent
from overt.research.evaluate.baselines import Demonstration, goal_words, overlap
from overt.research.evaluate.scoring import mean_rate, score, seen_share, table_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from overt.research.dataset.sealed import Dataset
    from overt.research.evaluate.agent import Policy, Trial
    from overt.research.evaluate.miniwob import MiniWob

_MOST_SKIPPED = 20
_NEAREST = 10


@dataclass(frozen=True, slots=True)
class Tested:
    """One test episode.

    Attributes:
        task: Name of the task.
        seed: Its seed.
        trial: What the policy did and what came of it.
    """

    task: str
    seed: str
    trial: Trial


@dataclass(frozen=True, slots=True)
class Plan:
    """What a test consists of.

    Attributes:
        tasks: Names of tasks.
        episodes: Episodes of each.
        seed_prefix: Seeds are this, a hyphen and a number.
    """

    tasks: tuple[str, ...]
    episodes: int
    seed_prefix: str


def run_suite(
    env: MiniWob, policy: Policy, plan: Plan, shown: Sequence[Demonstration]
) -> list[Tested]:
    """Let a policy do every episode of a plan.

    An episode ends after `steps_allowed` actions, whatever the policy.

    Raises:
        CaptureError: Display or browser are gone.
        DataError: Too many seeds of a task have goals that cannot be typed.
    """
    tested = []
    for task in plan.tasks:
        for seed, goal in _goals(env, task, plan.episodes, plan.seed_prefix):
            limit = steps_allowed(goal, shown)
            trial = run_agent(policy, env, goal, limit, credential=_credential)
            tested.append(Tested(task, seed, trial))
    return tested


def _credential(goal: str) -> str:
    """Return the goal's password; nothing where an agent asks for one in vain."""
    try:
        return quoted_credential(goal)
    except DataError:
        return ""


def _goals(
    env: MiniWob, task: str, episodes: int, prefix: str
) -> Iterator[tuple[str, str]]:
    """Yield seeds with their goals on the screen, as many as asked for."""
    made = 0
    for number in range(episodes + _MOST_SKIPPED):
        if made == episodes:
            return
        seed = f"{prefix}-{number}"
        try:
            goal = env.reset(task, seed)
        except DataError:
            continue
        made += 1
        yield seed, goal
    if made < episodes:
        raise DataError(f"Too many goals of {task} with prefix {prefix} are not ASCII.")


def demonstrations(dataset: Dataset) -> list[Demonstration]:
    """Return a dataset's successful episodes, for replay."""
    from overt.research.dataset.sealed import decode_png

    episodes: dict[str, list[dict[str, Any]]] = {}
    for row in dataset.rows():
        if row["status"] == "done":
            episodes.setdefault(row["episode"], []).append(row)
    found = []
    for rows in episodes.values():
        steps = [
            (decode_png(row["frame_decide"]["bytes"]), parse_action(row["action"]))
            for row in sorted(rows, key=lambda row: int(row["step"]))
        ]
        acted = [(frame, act) for frame, act in steps if not isinstance(act, Done)]
        if acted:
            found.append(Demonstration(rows[0]["goal"], acted))
    return found


def steps_allowed(goal: str, shown: Sequence[Demonstration]) -> int:
    """Return twice the length of the longest demonstration of tasks like this one.

    Like it are the demonstrations whose goals share the most words with it, at least
    ten of them: a dataset names goals, not tasks.
    """
    words = frozenset(goal_words(goal))
    nearest = sorted(
        shown, key=lambda one: -overlap(words, frozenset(goal_words(one.goal)))
    )
    return 2 * max((len(one.steps) for one in nearest[:_NEAREST]), default=1)


def summary(
    tested: Sequence[Tested],
    shown: Sequence[Demonstration],
    area: tuple[int, int, int, int],
) -> dict[str, Any]:
    """Return scores per task, their mean, and how much stood in training."""
    outcomes: dict[str, list[bool]] = {}
    for one in tested:
        outcomes.setdefault(one.task, []).append(one.trial.success)
    table = score(outcomes)
    trained = {(one.goal, frame_hash(one.steps[0][0], area)) for one in shown}
    return {
        "tasks": table_json(table),
        "mean": round(mean_rate(table), 4),
        "seen_share": round(
            seen_share(
                [(one.trial.goal, one.trial.first_frame) for one in tested], trained
            ),
            4,
        ),
    }


def log_json(tested: Sequence[Tested]) -> list[dict[str, Any]]:
    """Return the evaluation log: what was done in each episode, without screens."""
    return [
        {
            "task": one.task,
            "seed": one.seed,
            "goal": one.trial.goal,
            "success": one.trial.success,
            "raw_reward": one.trial.raw_reward,
            "seconds": round(one.trial.seconds, 3),
            "actions": [action_json(action) for action in one.trial.actions],
        }
        for one in tested
    ]
