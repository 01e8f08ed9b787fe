"""`overt evaluate`: a policy in a real browser on unseen seeds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from overt.cli.files import whole_file
from overt.cli.options import maker_options
from overt.cli.output import emit, exit_codes, json_option
from overt.cli.participant import passphrase_option
from overt.protocol.errors import (
    CaptureError,
    DataError,
    GovernError,
    NetworkError,
    SealError,
    UsageError,
    VaultError,
)

if TYPE_CHECKING:
    from pathlib import Path

    from overt.cli.making import Maker
    from overt.protocol.sealing import SealingPublicKey
    from overt.research.dataset.sealed import Dataset
    from overt.research.evaluate.agent import Policy
    from overt.research.evaluate.desk import Desk
    from overt.research.evaluate.miniwob import MiniWob
    from overt.research.evaluate.suite import Tested
    from overt.research.evaluate.views import View

_TREE_S = 1.0  # that reading what the screen shows may take
BASELINES = ("random", "replay", "untrained")


@click.command(
    epilog=exit_codes(
        CaptureError, SealError, VaultError, GovernError, DataError, NetworkError
    )
)
@maker_options
@click.option(
    "--policy",
    default="trained",
    show_default=True,
    help=f"Name of a checkpoint, or {', '.join(BASELINES)}.",
)
@click.option(
    "--task",
    "tasks",
    multiple=True,
    required=True,
    help="A task of the benchmark, for example click-test-2; repeatable.",
)
@click.option(
    "--episodes",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="How many a task.",
)
@click.option(
    "--seed-prefix",
    default="test",
    show_default=True,
    help="Of the episodes' seeds; another one gives other episodes.",
)
@click.option(
    "--view",
    type=click.Choice(["clear", "words", "masked", "surrogate"]),
    default="clear",
    show_default=True,
    help="Show the policy what a recording at this level would show.",
)
@passphrase_option
@json_option
def evaluate(
    job: Path,
    key_file: Path,
    server: str,
    broker: str,
    policy: str,
    tasks: tuple[str, ...],
    episodes: int,
    seed_prefix: str,
    view: View,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Test a policy on a desktop of its own; success is the full reward only.

    Dataset and checkpoint are opened through the broker. The evaluation log is sealed
    to a key that the broker keeps, in JOB/evaluations, and registered.
    """
    from overt.cli.jobs import DATASET
    from overt.cli.making import open_maker, registered
    from overt.cli.train import checkpoint_path
    from overt.research.dataset.sealed import open_dataset
    from overt.research.evaluate.desk import Desk
    from overt.research.evaluate.miniwob import MiniWob
    from overt.research.evaluate.pages import PageServer
    from overt.research.evaluate.suite import Plan, demonstrations, run_suite
    from overt.research.evaluate.suite import summary as summarise

    maker = open_maker(job, server, broker, key_file, passphrase_file)
    _check(job, policy, tasks)
    dataset = open_dataset(job / DATASET, maker.open(job / DATASET))
    shown = demonstrations(dataset)
    key = maker.fresh_key()
    with PageServer() as pages, Desk(human=False) as desk:
        browser = desk.start_browser(f"{pages.url}{tasks[0]}.html")
        with MiniWob(desk.display, browser.port, pages.url) as env:
            acting = _policy(policy, maker, dataset, env)
            if view != "clear":
                acting = _viewed(acting, view, desk, browser.pid)
            plan = Plan(tasks, episodes, seed_prefix)
            tested = run_suite(env, acting, plan, shown)
            body = {"policy": policy, "view": view} | summarise(
                tested, shown, env.area()
            )
    name = policy if view == "clear" else f"{policy}-{view}"
    path = _seal_log(job, name, tested, body, key.public)
    trained = policy not in BASELINES
    source = checkpoint_path(job, policy) if trained else job / DATASET
    maker.register(path, "evaluation", key, made_of=(registered(source).derived,))
    lines = [
        f"{task:20} {row['successes']}/{row['episodes']}"
        for task, row in body["tasks"].items()
    ]
    emit(body, "\n".join([*lines, f"mean {body['mean']:.2f}"]), as_json=as_json)


def _check(job: Path, policy: str, tasks: tuple[str, ...]) -> None:
    """Check that tasks and policy are there, before a desktop is started.

    Raises:
        UsageError: There is no page of that name.
        DataError: There is no checkpoint of that name.
    """
    from overt.cli.train import checkpoint_path
    from overt.research.evaluate.pages import miniwob_root

    for task in tasks:
        plain = task.replace("-", "").isalnum()
        if not plain or not (miniwob_root() / "miniwob" / f"{task}.html").is_file():
            raise UsageError(f"The benchmark has no task {task!r:.40}.")
    if policy not in {"random", "replay"}:
        path = checkpoint_path(job, "trained" if policy == "untrained" else policy)
        if not path.exists():
            raise DataError(f"There is no {path}.", remedy="Run: overt train.")


def _viewed(policy: Policy, view: View, desk: Desk, pid: int) -> Policy:
    """Put a policy behind a view of the desk's browser.

    Raises:
        UsageError: What masks is not installed.
    """
    from overt.desktop.a11y.accessibility import Accessibility
    from overt.research.evaluate.views import Source, Viewed

    try:
        from overt.redact.pixels import mask
        from overt.redact.text import spans
    except ModuleNotFoundError as error:
        raise UsageError(
            f"Masking needs {error.name}.", remedy="pip install 'overt[mask]'."
        ) from error
    a11y = Accessibility(desk.env["DBUS_SESSION_BUS_ADDRESS"])
    source = Source(
        mask,
        lambda text: spans(text, "words"),
        lambda: a11y.tree(pid, _TREE_S)[0],
    )
    return Viewed(policy, view, source)


def _policy(name: str, maker: Maker, dataset: Dataset, env: MiniWob) -> Policy:
    from random import Random

    from overt.research.evaluate.baselines import RandomPolicy, ReplayPolicy
    from overt.research.evaluate.suite import demonstrations

    if name == "random":
        return RandomPolicy(Random(0), env.area())  # noqa: S311 - a baseline
    if name == "replay":
        return ReplayPolicy(demonstrations(dataset), env.area())
    from overt.cli.train import checkpoint_path
    from overt.research.learn.agent import PolicyAgent
    from overt.research.learn.checkpoint import open_checkpoint, untrained

    path = checkpoint_path(maker.job, "trained" if name == "untrained" else name)
    found = open_checkpoint(path, maker.open(path))
    if name == "untrained":
        found = untrained(0, found.labels, found.config)
    return PolicyAgent(found)


def _seal_log(
    job: Path,
    policy: str,
    tested: list[Tested],
    body: dict[str, Any],
    recipient: SealingPublicKey,
) -> Path:
    from overt.protocol.sealing import seal_blob
    from overt.research.evaluate.suite import log_json

    data = json.dumps(body | {"log": log_json(tested)}).encode()
    blob = seal_blob(data, recipient, {"kind": "evaluation", "policy": policy})
    path = job / "evaluations" / f"{policy}.json.sealed"
    with whole_file(path) as file:
        file.write(blob)
    return path
