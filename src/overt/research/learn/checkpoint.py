"""A trained policy as bytes, and at rest.

Stage: learn. Input: weights and what they were made of. Output: bytes that load
without running code (`weights_only`), sealed to the job's key. The sealed file says in
clear which dataset and grant the weights come from, so that a withdrawal finds them.
"""

from __future__ import annotations

import io
import os
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from overt.protocol.errors import DataError
from overt.protocol.sealing import SealingKey, SealingPublicKey, open_blob, seal_blob
from overt.research.learn.config import TrainConfig
from overt.research.learn.labels import Labels
from overt.research.learn.model import PixelPolicy

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = "overt-checkpoint-1"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A policy and where it comes from.

    Attributes:
        config: How it was trained.
        labels: Its action types.
        weights: Tensors by name.
        made_of: Dataset, grant, purpose, examples, steps, CPU-seconds.
    """

    config: TrainConfig
    labels: Labels
    weights: dict[str, Tensor]
    made_of: dict[str, Any] = field(default_factory=dict)

    def policy(self) -> PixelPolicy:
        """Return the network with these weights, ready to act.

        Raises:
            DataError: The weights do not fit the network.
        """
        policy = PixelPolicy(len(self.labels.names), self.labels.history_size)
        try:
            policy.load_state_dict(self.weights)
        except RuntimeError as error:
            raise DataError("A checkpoint's weights do not fit the policy.") from error
        return policy.eval()


def untrained(seed: int, labels: Labels, config: TrainConfig) -> Checkpoint:
    """Return a checkpoint with random weights, as a baseline."""
    state = torch.get_rng_state()
    torch.manual_seed(seed)
    policy = PixelPolicy(len(labels.names), labels.history_size)
    torch.set_rng_state(state)
    return Checkpoint(config, labels, policy.state_dict(), {"steps": 0})


def checkpoint_bytes(checkpoint: Checkpoint) -> bytes:
    """Return a checkpoint as bytes."""
    data = io.BytesIO()
    body = {
        "format": FORMAT,
        "config": asdict(checkpoint.config),
        "labels": list(checkpoint.labels.names),
        "made_of": checkpoint.made_of,
        "weights": checkpoint.weights,
    }
    torch.save(body, data)
    return data.getvalue()


def parse_checkpoint(data: bytes) -> Checkpoint:
    """Read a checkpoint; nothing in it is run.

    Raises:
        DataError: The bytes are no checkpoint of this format.
    """
    try:
        body = torch.load(io.BytesIO(data), weights_only=True, map_location="cpu")
        found = body["format"]
    except Exception as error:  # PyTorch raises anything at foreign bytes
        raise DataError("A file is no overt checkpoint.") from error
    if found != FORMAT:
        raise DataError(f"A checkpoint is not of format {FORMAT}.")
    try:
        config, names = TrainConfig(**body["config"]), tuple(body["labels"])
        return Checkpoint(config, Labels(names), body["weights"], body["made_of"])
    except (KeyError, TypeError) as error:
        raise DataError("A checkpoint lacks parts or has foreign ones.") from error


def seal_checkpoint(
    checkpoint: Checkpoint, path: Path, recipient: SealingPublicKey
) -> None:
    """Write a checkpoint, sealed to one key; the file is there whole or not at all."""
    context = {"kind": "checkpoint"} | {
        name: str(checkpoint.made_of.get(name, "")) for name in ("dataset", "grant")
    }
    blob = seal_blob(checkpoint_bytes(checkpoint), recipient, context)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(blob)
            file.flush()
            os.fsync(file.fileno())
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def open_checkpoint(path: Path, key: SealingKey) -> Checkpoint:
    """Open a sealed checkpoint.

    Raises:
        DataError: The file is missing or is no checkpoint.
        SealError: Another key, or altered bytes.
    """
    try:
        blob = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"The checkpoint {path.name} cannot be read.",
            remedy="Train one: overt train.",
        ) from error
    return parse_checkpoint(open_blob(blob, key))
