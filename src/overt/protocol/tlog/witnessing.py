"""What a witness is asked and answers: `add-checkpoint` of C2SP tlog-witness.

In: a request's bytes and the head that the witness saw last; out: the head that it may
cosign, or a refusal with the status that the protocol names. No I/O, and no key: who
holds one cosigns what `accept` returns. Source: https://c2sp.org/tlog-witness.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING

from overt.protocol.errors import DataError, GovernError, OvertError, SealError
from overt.protocol.tlog.checkpoint import open_checkpoint
from overt.protocol.tlog.tree import EMPTY_ROOT, HASH_BYTES, verify_consistency

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from overt.protocol.tlog.checkpoint import Checkpoint

MOST_PROOF = 63  # hashes of a consistency proof


@dataclass(frozen=True, slots=True)
class Submission:
    """What a log sends to a witness.

    Attributes:
        old: Size of the tree that the witness is thought to have seen last.
        proof: Consistency proof from there to the new head.
        note: The new head as a signed note.
    """

    old: int
    proof: tuple[bytes, ...]
    note: bytes

    @property
    def raw(self) -> bytes:
        """The request's body."""
        lines = [f"old {self.old}", *(base64.b64encode(x).decode() for x in self.proof)]
        return "\n".join(lines).encode() + b"\n\n" + self.note


class RefusedSubmissionError(GovernError):
    """A witness does not cosign.

    Attributes:
        status: The HTTP status that tlog-witness names.
        size: With 409, the size that the witness saw last.
    """

    def __init__(self, message: str, status: int, size: int = 0) -> None:
        super().__init__(message)
        self.status, self.size = status, size


def read_submission(body: bytes) -> Submission:
    """Read a request's body.

    Raises:
        DataError: It is malformed.
    """
    head, _, note = body.partition(b"\n\n")
    first, *hashes = head.decode("ascii", "replace").split("\n")
    word, _, digits = first.partition(" ")
    try:
        proof = tuple(base64.b64decode(line, validate=True) for line in hashes)
    except (ValueError, binascii.Error) as error:
        raise DataError("A consistency proof is not base64.") from error
    sound = len(proof) <= MOST_PROOF and all(len(x) == HASH_BYTES for x in proof)
    plain = digits.isdecimal() and str(int(digits)) == digits
    if word != "old" or not plain or not sound or not note:
        raise DataError("A submission is no old size, proof and checkpoint.")
    return Submission(int(digits), proof, note)


def accept(
    sent: Submission, origin: str, log: Ed25519PublicKey, seen: tuple[int, bytes] | None
) -> Checkpoint:
    """Return the head that may be cosigned: it extends what was seen.

    Args:
        sent: The submission.
        origin: The log's name.
        log: The key that signs its checkpoints.
        seen: Size and root of the head that was cosigned last; none at first.

    Raises:
        RefusedSubmissionError: With 403, the log has not signed it; 400, it is smaller
            than it says; 409, another head was seen last; 422, the proof does not hold.
    """
    try:
        head = open_checkpoint(sent.note, origin, log)
    except OvertError as error:
        raise RefusedSubmissionError(str(error), 403) from error
    size, root = seen or (0, EMPTY_ROOT)
    if sent.old > head.size:
        raise RefusedSubmissionError("The old size is above the checkpoint's.", 400)
    if sent.old != size:
        raise RefusedSubmissionError(f"Seen last: {size} entries.", 409, size)
    if head.size == size and head.root != root:
        raise RefusedSubmissionError(f"Another tree of {size} was seen.", 409, size)
    try:
        verify_consistency(size, head.size, sent.proof, (root, head.root))
    except SealError as error:
        raise RefusedSubmissionError(str(error), 422) from error
    return head
