"""A witness: cosigns a log's heads, each only if it extends the one before.

Stage: outside of the vault; anybody can run one. In: `add-checkpoint` (C2SP
tlog-witness); out: a cosignature, or a refusal. It remembers, durably and before it
answers, the last head of each log, so that no two of its cosignatures contradict each
other. It sees heads and proofs alone: never an entry.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool

from overt.protocol.canonical import canonical_bytes
from overt.protocol.errors import DataError, VaultError
from overt.protocol.tlog import cosign
from overt.protocol.tlog.checkpoint import read_checkpoint
from overt.protocol.tlog.witnessing import (
    RefusedSubmissionError,
    accept,
    read_submission,
)
from overt.vault.store.files import write_durably

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

ADD_CHECKPOINT = "/add-checkpoint"
MOST_BYTES = 64 << 10
_SIZE = "text/x.tlog.size"


@dataclass(frozen=True)
class Witness:
    """One witness with its memory.

    Attributes:
        name: Its name.
        key: What it cosigns with.
        logs: Whose heads it cosigns: the log's key by origin.
        memory: The file of the heads seen last.
        clock: Unix seconds now.
    """

    name: str
    key: Ed25519PrivateKey
    logs: Mapping[str, Ed25519PublicKey]
    memory: Path
    clock: Callable[[], float] = time.time
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, body: bytes) -> bytes:
        """Return the cosignature line for a submitted head.

        Raises:
            RefusedSubmissionError: It is not cosigned; `status` says why.
            VaultError: The memory cannot be read or written; nothing is cosigned.
        """
        try:
            sent = read_submission(body)
            origin = read_checkpoint(sent.note)[0].origin
        except DataError as error:
            raise RefusedSubmissionError(str(error), 400) from error
        log = self.logs.get(origin)
        if log is None:
            raise RefusedSubmissionError("This witness does not know that log.", 404)
        with self._lock:
            heads = self._heads()
            head = accept(sent, origin, log, heads.get(origin))
            self._keep(heads | {origin: (head.size, head.root)})
        return cosign(head, self.name, self.key, int(self.clock()))

    def _heads(self) -> dict[str, tuple[int, bytes]]:
        try:
            kept = json.loads(self.memory.read_bytes())
            return {
                origin: (int(size), bytes.fromhex(root))
                for origin, (size, root) in kept.items()
            }
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise VaultError(
                f"The witness's memory {self.memory} cannot be read.",
                remedy="Bring it back; a witness that forgot cosigns nothing.",
            ) from error

    def _keep(self, heads: dict[str, tuple[int, bytes]]) -> None:
        body = {origin: [size, root.hex()] for origin, (size, root) in heads.items()}
        try:
            write_durably(self.memory, canonical_bytes(body))
        except OSError as error:
            raise VaultError("The witness's memory cannot be written.") from error


def create_app(witness: Witness) -> FastAPI:
    """Return the witness's server: one route."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)

    @app.post(ADD_CHECKPOINT)
    async def add_checkpoint(request: Request) -> Response:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > MOST_BYTES:
                return Response("The submission is too large.\n", 413)
        try:
            line = await run_in_threadpool(witness.add, bytes(body))
        except RefusedSubmissionError as refused:
            if refused.status == 409:
                return Response(f"{refused.size}\n", 409, media_type=_SIZE)
            return Response(f"{refused}\n", refused.status, media_type="text/plain")
        except VaultError as error:
            return Response(f"{error}\n", 503, media_type="text/plain")
        return Response(line, media_type="text/plain")

    return app
