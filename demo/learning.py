"""Learning: train with and without the goal, then test beside the baselines.

Input: the job's sealed dataset. Output: sealed checkpoints and evaluation logs, and
the tables of the report. Two processes run at a time: one for each core.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from statistics import fmean
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from demo.run import Run

BASELINES = ("replay", "untrained", "random")


def _pair(run: Run, commands: Sequence[tuple[str, ...]]) -> list[Any]:
    """Run commands two at a time; return what they say, in order."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda command: run.overt(*command), commands))


def names(run: Run, kind: str) -> list[str]:
    """Return the checkpoints of a kind, one a training seed."""
    return [kind if seed == 0 else f"{kind}-{seed}" for seed in range(run.config.seeds)]


def train(run: Run) -> dict[str, Any]:
    """Train the policy and the policy that is blind to the goal."""
    commands = [
        (
            *("train", *run.job, "--name", name, "--seed", str(seed)),
            *("--cpu-s", str(run.config.train_s)),
            *(("--blind",) if kind == "blind" else ()),
        )
        for seed in range(run.config.seeds)
        for kind in ("trained", "blind")
        for name in [names(run, kind)[seed]]
    ]
    made = _pair(run, commands)
    return {"trained_on": made[0]}


def evaluate(run: Run) -> dict[str, Any]:
    """Test every policy on the same unseen seeds."""
    policies = [*names(run, "trained"), *names(run, "blind"), *BASELINES]
    told = [arg for task in run.config.tasks for arg in ("--task", task)]
    options = ["--episodes", str(run.config.episodes)]
    options += ["--seed-prefix", run.config.seed_prefix]
    found = _pair(
        run,
        [
            ("evaluate", *run.job, "--policy", policy, *told, *options)
            for policy in policies
        ],
    )
    by_name = dict(zip(policies, found, strict=True))
    evaluation = {
        kind: _merged([by_name[name] for name in names(run, kind)])
        for kind in ("trained", "blind")
    } | {name: by_name[name]["tasks"] for name in BASELINES}
    trained = evaluation["trained"]
    return {
        "evaluation": evaluation,
        "tasks": {
            task: {"demos": run.config.demos, **trained[task]} for task in trained
        },
        **{f"{kind}_mean": _mean(table) for kind, table in evaluation.items()},
        "means_by_seed": {
            kind: [by_name[name]["mean"] for name in names(run, kind)]
            for kind in ("trained", "blind")
        },
        "seen_share": by_name["trained"]["seen_share"],
    }


def _mean(table: dict[str, Any]) -> float:
    return round(fmean(row["rate"] for row in table.values()), 4)


def _merged(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Add the counts of several training seeds up."""
    from overt.research.evaluate.scoring import TaskScore, table_json

    tables = [one["tasks"] for one in found]
    return table_json(
        {
            task: TaskScore(
                sum(table[task]["episodes"] for table in tables),
                sum(table[task]["successes"] for table in tables),
            )
            for task in tables[0]
        }
    )
