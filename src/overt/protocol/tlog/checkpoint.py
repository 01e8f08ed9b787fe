"""Checkpoints: the log's signed heads, as signed notes.

In: a head and a key, or a note; out: a note, or a head whose signature holds. No I/O.
Sources: C2SP tlog-checkpoint and signed-note (https://c2sp.org).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from overt.protocol.errors import DataError, SealError
from overt.protocol.tlog.tree import (
    HASH_BYTES,
    consistency_proof,
    verify_consistency,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from overt.protocol.tlog.tree import NodeReader

_NOTE_ED25519 = b"\x01"
SIGNATURE_MARK = "— "


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head (C2SP tlog-checkpoint).

    Attributes:
        origin: Name of the log, also the name of its signing key.
        size: Number of leaves.
        root: Root hash, 32 bytes.
    """

    origin: str
    size: int
    root: bytes

    @property
    def body(self) -> str:
        """The note's text, the part that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def note_key_hash(name: str, public: Ed25519PublicKey) -> bytes:
    """Return a note key's hash, 4 bytes (C2SP signed-note, Ed25519)."""
    material = name.encode() + b"\n" + _NOTE_ED25519 + public.public_bytes_raw()
    return hashlib.sha256(material).digest()[:4]


def verifier_key(name: str, public: Ed25519PublicKey) -> str:
    """Return the key as verifiers take it: `name+hash+base64` (C2SP signed-note)."""
    encoded = base64.b64encode(_NOTE_ED25519 + public.public_bytes_raw()).decode()
    return f"{name}+{note_key_hash(name, public).hex()}+{encoded}"


def read_verifier_key(text: str) -> tuple[str, Ed25519PublicKey]:
    """Read a log's key as `verifier_key` writes it; return the log's name and key.

    Raises:
        DataError: It is malformed, of another kind, or its hash is not its own.
    """
    try:
        name, digest, encoded = text.split("+", 2)
        raw = base64.b64decode(encoded, validate=True)
        public = Ed25519PublicKey.from_public_bytes(raw[1:])
    except (ValueError, binascii.Error) as error:
        raise DataError("A log's key is no name+hash+base64.") from error
    check_name(name)
    if raw[:1] != _NOTE_ED25519 or note_key_hash(name, public).hex() != digest:
        raise DataError(f"The key of log {name:.60} is of another kind or hash.")
    return name, public


def check_name(name: str) -> None:
    """Check that a name may name a log or a witness (C2SP signed-note).

    Raises:
        DataError: It is empty or holds white space or a plus sign.
    """
    if not name or "+" in name or len(name.split()) != 1 or name != name.strip():
        raise DataError(f"{name!r:.60} cannot name a log: no spaces, no plus sign.")


def sign_checkpoint(checkpoint: Checkpoint, key: Ed25519PrivateKey) -> bytes:
    """Return the checkpoint as a signed note.

    Raises:
        DataError: The origin is empty or holds white space or a plus sign.
    """
    name = checkpoint.origin
    check_name(name)
    signature = key.sign(checkpoint.body.encode())
    blob = base64.b64encode(note_key_hash(name, key.public_key()) + signature).decode()
    return f"{checkpoint.body}\n{SIGNATURE_MARK}{name} {blob}\n".encode()


def open_checkpoint(note: bytes, origin: str, public: Ed25519PublicKey) -> Checkpoint:
    """Return the checkpoint of a signed note; signatures of others are passed over.

    Raises:
        DataError: The note is malformed or of another log.
        SealError: The log's key has not signed it.
    """
    body, lines = note_lines(note)
    expected = note_key_hash(origin, public)
    for name, blob in lines:
        if name == origin and blob[:4] == expected:
            try:
                public.verify(blob[4:], body.encode())
            except InvalidSignature as error:
                raise SealError(f"The checkpoint of {origin} is forged.") from error
            return _parse_body(body, origin)
    raise SealError(f"The checkpoint carries no signature of {origin}'s key.")


def read_checkpoint(note: bytes) -> tuple[Checkpoint, list[str]]:
    """Return a checkpoint and the names under it; no signature is checked.

    Raises:
        DataError: The note is malformed.
    """
    body, lines = note_lines(note)
    origin = body.split("\n", 1)[0]
    return _parse_body(body, origin), [name for name, _ in lines]


def note_lines(note: bytes) -> tuple[str, list[tuple[str, bytes]]]:
    """Return a signed note's text and its lines: name, key hash with signature.

    Raises:
        DataError: The note is malformed.
    """
    try:
        text = note.decode()
        body, block = text.rsplit("\n\n", 1)
        if not block.endswith("\n"):
            raise DataError("A checkpoint ends within a line.")
        lines = []
        for line in block.removesuffix("\n").split("\n"):
            mark, name, blob = line.split(" ")
            if mark != SIGNATURE_MARK.strip():
                raise DataError("A checkpoint's signature line has another form.")
            lines.append((name, base64.b64decode(blob, validate=True)))
    except (UnicodeDecodeError, ValueError, binascii.Error) as error:
        raise DataError("A checkpoint is not a signed note.") from error
    return body + "\n", lines


def _parse_body(body: str, origin: str) -> Checkpoint:
    lines = body.split("\n")
    try:
        name, digits, encoded = lines[:3]
        size, root = int(digits), base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error) as error:
        raise DataError("A checkpoint's text is malformed.") from error
    checkpoint = Checkpoint(name, size, root)
    if (
        name != origin
        or size < 0
        or len(root) != HASH_BYTES
        or not body.startswith(checkpoint.body)
    ):
        raise DataError(f"A checkpoint's text is malformed or not of log {origin}.")
    return checkpoint


def check_extends(newer: Checkpoint, older: Checkpoint, node: NodeReader) -> None:
    """Check that one head's tree begins with another's, by stored hashes of the newer.

    Raises:
        SealError: It does not: the log was rolled back or forked.
        DataError: A stored hash is malformed.
    """
    if older.size > newer.size:
        raise SealError(
            f"The log has {newer.size} entries and had {older.size}: rolled back."
        )
    proof = consistency_proof(older.size, newer.size, node) if older.size else []
    verify_consistency(older.size, newer.size, proof, (older.root, newer.root))
