"""The fixed keys of the test vectors, and the book that the generator writes."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from overt.protocol import sealing

# the generator is run as a file: the fakes of the tests lie two folders up
sys.path.append(str(Path(__file__).resolve().parents[2]))

SIGNERS = (
    "device",
    "programme-1",
    "programme-2",
    "lease",
    "receipt",
    "log",
    "steward",
    "representative",
    "approver",
    "researcher",
    "stranger",
    "witness",
)
SEALERS = ("person", "job", "stranger")
ORIGIN = "log.example/overt"
WITNESS = "witness.example/w1"
COSIGNED_S = 1_795_428_000  # 2026-11-23T10:00:00Z
PASSPHRASE = "test vectors"  # noqa: S105 - of a test file
EXPIRES_UTC_S = 4_000_000_000


def signer(name: str) -> Ed25519PrivateKey:
    seed = hashlib.sha256(f"overt test vector {name}".encode()).digest()
    return Ed25519PrivateKey.from_private_bytes(seed)


def sealer(name: str) -> sealing.SealingKey:
    seed = hashlib.shake_256(f"overt test vector {name}".encode()).digest(96)
    return sealing.SealingKey(seed)


def an_id(kind: str, letter: str = "a") -> str:
    return f"{kind}_{letter * 26}"


def pretty(value: Any) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True) + "\n").encode()


class Book:
    """The files and what is said of each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.index: list[dict[str, Any]] = []
        (folder / "files").mkdir(parents=True, exist_ok=True)

    def valid(self, name: str, kind: str, what: str, data: bytes, **more: Any) -> bytes:
        return self._add(name, data, {"kind": kind, "what": what, "valid": True} | more)

    def bad(
        self, name: str, kind: str, what: str, data: bytes, error: str, says: str
    ) -> None:
        fault = {"error": error, "says": says}
        self._add(name, data, {"kind": kind, "what": what, "valid": False} | fault)

    def kept(self, name: str) -> bytes | None:
        """Return a sealed file that was written before."""
        path = self.folder / "files" / name
        return path.read_bytes() if path.exists() else None

    def _add(self, name: str, data: bytes, entry: dict[str, Any]) -> bytes:
        (self.folder / "files" / name).write_bytes(data)
        self.index.append({"file": name} | entry)
        return data


def flipped(data: bytes, at: int) -> bytes:
    changed = bytearray(data)
    changed[at] ^= 1
    return bytes(changed)
