"""Heads that every named witness has cosigned: asked for, kept, and waited for.

Stage: beside the log's writer, before a release. In: the log's folder and the signed
list of witnesses; out: a freshly cosigned head that covers given entries, or a raise.
What a witness answers counts by its signature alone. Where a witness has seen another
tree, nothing is released until people have looked.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from overt.protocol.errors import NetworkError, OvertError, SealError, VaultError
from overt.protocol.tlog import (
    Checkpoint,
    consistency_proof,
    cosigned_at,
    open_checkpoint,
    with_cosignatures,
    witness_key,
)
from overt.protocol.tlog.witnessing import Submission
from overt.vault.log.folder import WITNESSED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from overt.protocol.programme import Witness
    from overt.vault.log.folder import LogFolder

FRESH_S = 60  # how far a cosignature's time may be from the broker's
_REMEDY = "Start the witness, or ask whoever runs it; reading waits."
_TRIES = 3
TIMEOUT_S = 10.0


@dataclass
class Witnessed:
    """Cosigned heads of one log.

    Attributes:
        folder: The log's folder.
        origin: The log's name.
        log: The log's public key.
        client: Calls witnesses; made when the first is called.
        clock: Unix seconds now.
    """

    folder: LogFolder
    origin: str
    log: Ed25519PublicKey
    client: httpx.Client | None = None
    clock: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._sizes: dict[str, int] = {}  # what each witness saw last, by key

    def cover(self, size: int, witnesses: Sequence[Witness]) -> None:
        """Return once every witness has freshly cosigned a head of `size` or more.

        Raises:
            NetworkError: A witness is away.
            VaultError: A witness refuses: it saw another log.
            SealError: A witness's cosignature does not hold or is not fresh.
        """
        if not witnesses:
            return
        with self._lock:
            if not self._covers(size, witnesses):
                self._renew(witnesses)

    def _covers(self, size: int, witnesses: Sequence[Witness]) -> bool:
        note = self.folder.read(WITNESSED)
        if note is None:
            return False
        try:
            head = open_checkpoint(note, self.origin, self.log)
            self._check(note, witnesses)
        except OvertError:
            return False
        return head.size >= size

    def _check(self, note: bytes, witnesses: Sequence[Witness]) -> None:
        for one in witnesses:
            key = witness_key(one.key)
            if abs(self.clock() - cosigned_at(note, key)) > FRESH_S:
                raise SealError(f"The cosignature of witness {key.name} is not fresh.")

    def _renew(self, witnesses: Sequence[Witness]) -> None:
        note = self.folder.read("checkpoint") or b""
        head = open_checkpoint(note, self.origin, self.log)
        for one in witnesses:
            note = with_cosignatures(note, self._ask(one, head, note))
        self._check(note, witnesses)
        try:
            self.folder.write(WITNESSED, note)
        except OSError as error:
            raise VaultError("The witnessed head cannot be written.") from error

    def _ask(self, witness: Witness, head: Checkpoint, note: bytes) -> bytes:
        """Submit a head; where the witness saw another size, prove from there."""
        name = witness_key(witness.key).name
        for _ in range(_TRIES):
            old = self._sizes.get(witness.key, 0)
            answer = self._post(witness, self._submission(old, head, note))
            if answer.status_code == 200:
                self._sizes[witness.key] = head.size
                return answer.content
            if answer.status_code != 409 or not answer.text.strip().isdecimal():
                break
            seen = int(answer.text)
            if seen > head.size or seen == old:
                raise VaultError(
                    f"Witness {name} has seen another log of {seen} entries; this one"
                    f" has {head.size}: it was rolled back or forked.",
                    remedy="Compare with the witness before anything is read.",
                )
            self._sizes[witness.key] = seen
        raise VaultError(f"Witness {name} does not cosign ({answer.status_code}).")

    def _submission(self, old: int, head: Checkpoint, note: bytes) -> bytes:
        nodes = self.folder.nodes(head.size)
        proof = consistency_proof(old, head.size, nodes) if old else []
        plain = b"\n".join(note.split(b"\n")[:5]) + b"\n"  # the log's own signature
        return Submission(old, tuple(proof), plain).raw

    def _post(self, witness: Witness, body: bytes) -> httpx.Response:
        self.client = self.client or httpx.Client(timeout=TIMEOUT_S, trust_env=False)
        try:
            return self.client.post(f"{witness.url}/add-checkpoint", content=body)
        except httpx.HTTPError as error:
            name = witness_key(witness.key).name
            raise NetworkError(f"Witness {name} is away.", remedy=_REMEDY) from error
