"""Cosignatures: a witness's word that it saw no older head contradicted.

In: a head, a witness's key, a time; out: lines of a signed note, or the time at which a
named witness cosigned. No I/O. Source: C2SP tlog-cosignature, version 1
(https://c2sp.org/tlog-cosignature).
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
from overt.protocol.tlog.checkpoint import SIGNATURE_MARK, check_name, note_lines

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from overt.protocol.tlog.checkpoint import Checkpoint

_COSIGNATURE_V1 = b"\x04"
_TIME_BYTES = 8
_SIGNATURE_BYTES = 64


@dataclass(frozen=True, slots=True)
class WitnessKey:
    """A witness as verifiers know it.

    Attributes:
        name: Its name, without spaces and plus signs.
        public: Its Ed25519 key.
    """

    name: str
    public: Ed25519PublicKey

    @property
    def hash(self) -> bytes:
        """The key's hash in signature lines, 4 bytes."""
        material = self.name.encode() + b"\n" + _COSIGNATURE_V1
        return hashlib.sha256(material + self.public.public_bytes_raw()).digest()[:4]

    @property
    def text(self) -> str:
        """The key as verifiers take it: `name+hash+base64`."""
        raw = _COSIGNATURE_V1 + self.public.public_bytes_raw()
        return f"{self.name}+{self.hash.hex()}+{base64.b64encode(raw).decode()}"


def witness_key(text: str) -> WitnessKey:
    """Read a witness's verifier key.

    Raises:
        DataError: It is malformed, of another kind, or its hash is not its own.
    """
    try:
        name, digest, encoded = text.split("+", 2)
        raw = base64.b64decode(encoded, validate=True)
        if raw[:1] != _COSIGNATURE_V1:
            raise DataError("A witness's key is none for cosignatures (version 1).")
        key = WitnessKey(name, Ed25519PublicKey.from_public_bytes(raw[1:]))
    except (ValueError, binascii.Error) as error:
        raise DataError("A witness's key is no name+hash+base64.") from error
    check_name(name)
    if key.hash.hex() != digest:
        raise DataError(f"The key of witness {name:.60} does not have its own hash.")
    return key


def _message(checkpoint_body: str, time_s: int) -> bytes:
    return f"cosignature/v1\ntime {time_s}\n{checkpoint_body}".encode()


def cosign(
    checkpoint: Checkpoint, name: str, key: Ed25519PrivateKey, time_s: int
) -> bytes:
    """Return the signature line of a witness over a head, at a time (Unix seconds)."""
    check_name(name)
    digest = WitnessKey(name, key.public_key()).hash
    signature = key.sign(_message(checkpoint.body, time_s))
    blob = digest + time_s.to_bytes(_TIME_BYTES, "big") + signature
    return f"{SIGNATURE_MARK}{name} {base64.b64encode(blob).decode()}\n".encode()


def cosigned_at(note: bytes, witness: WitnessKey) -> int:
    """Return when a witness cosigned a note's head, Unix seconds.

    Raises:
        SealError: It has not, or its signature does not hold.
        DataError: The note is malformed.
    """
    body, lines = note_lines(note)
    for name, blob in lines:
        if name != witness.name or blob[:4] != witness.hash:
            continue
        if len(blob) != 4 + _TIME_BYTES + _SIGNATURE_BYTES:
            raise SealError(f"The cosignature of witness {name} has another length.")
        time_s = int.from_bytes(blob[4 : 4 + _TIME_BYTES], "big")
        try:
            witness.public.verify(blob[4 + _TIME_BYTES :], _message(body, time_s))
        except InvalidSignature as error:
            raise SealError(f"The cosignature of witness {name} is forged.") from error
        return time_s
    raise SealError(f"The log's head is not cosigned by witness {witness.name}.")


def with_cosignatures(note: bytes, lines: bytes) -> bytes:
    """Return a signed note with a witness's signature lines below its own.

    Raises:
        DataError: The lines are no signature lines.
    """
    joined = note + lines
    note_lines(joined)
    return joined
