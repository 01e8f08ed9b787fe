"""`overt train`: a policy from the job's dataset, as a sealed checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from overt.cli.options import maker_options
from overt.cli.output import emit, exit_codes, json_option
from overt.cli.participant import passphrase_option
from overt.protocol.errors import (
    DataError,
    GovernError,
    NetworkError,
    SealError,
    UsageError,
    VaultError,
)

if TYPE_CHECKING:
    from pathlib import Path


@click.command(
    epilog=exit_codes(SealError, VaultError, GovernError, DataError, NetworkError)
)
@maker_options
@click.option("--name", default="trained", show_default=True, help="Of the checkpoint.")
@click.option(
    "--cpu-s",
    type=click.FloatRange(min=0, min_open=True),
    default=150.0,
    show_default=True,
    help="CPU seconds.",
)
@click.option(
    "--steps",
    type=click.IntRange(min=0),
    default=0,
    help="Gradient steps instead of seconds: the same each time.",
)
@click.option("--seed", default=0, show_default=True, help="Of the training.")
@click.option("--blind", is_flag=True, help="Hide the goal: a baseline.")
@passphrase_option
@json_option
def train(
    job: Path,
    key_file: Path,
    server: str,
    broker: str,
    name: str,
    cpu_s: float,
    steps: int,
    seed: int,
    blind: bool,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Train a pixel policy on the CPU, and register it. TensorBoard reads JOB/board.

    The dataset is opened through the broker; the checkpoint is sealed to a key that the
    broker keeps.
    """
    from contextlib import ExitStack

    from rich.console import Console

    from overt.cli.jobs import DATASET
    from overt.cli.making import open_maker
    from overt.research.dataset.sealed import open_dataset

    try:
        from overt.research.learn.checkpoint import seal_checkpoint
        from overt.research.learn.config import TrainConfig
        from overt.research.learn.train import train as run_training
        from overt.research.learn.watch import Bar, Board
    except ModuleNotFoundError as error:
        raise UsageError(
            f"Training needs {error.name}.", remedy="pip install 'overt[learn]'."
        ) from error

    path = checkpoint_path(job, name)
    maker = open_maker(job, server, broker, key_file, passphrase_file)
    dataset = open_dataset(job / DATASET, maker.open(job / DATASET))
    key = maker.fresh_key()
    config = TrainConfig(
        cpu_s=0 if steps else cpu_s, steps=steps, seed=seed, blind_to_goal=blind
    )
    with ExitStack() as stack:
        console = Console(stderr=True)
        bar = stack.enter_context(Bar(console, f"Training {name}"))
        board = stack.enter_context(Board(job / "board" / name))
        made = run_training(dataset, config, [bar, board])
    seal_checkpoint(made, path, key.public)
    maker.register(path, "model", key, made_of=(str(dataset.manifest["dataset"]),))
    emit(made.made_of | {"checkpoint": str(path)}, as_json=as_json)


def checkpoint_path(job: Path, name: str) -> Path:
    """Return where a job's checkpoint of that name lies.

    Raises:
        UsageError: The name is no plain name.
    """
    if not name.replace("-", "").isalnum():
        raise UsageError(f"{name!r:.40} is no name for a checkpoint.")
    return job / "checkpoints" / f"{name}.ckpt.sealed"
