"""Cosignatures in their specified bytes, and what a witness accepts."""

from __future__ import annotations

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from overt.protocol import tlog
from overt.protocol.errors import DataError, SealError
from overt.protocol.tlog.witnessing import (
    RefusedSubmissionError,
    Submission,
    accept,
    read_submission,
)

LOG = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)
OUTSIDE = Ed25519PrivateKey.from_private_bytes(b"\x02" * 32)
KEY = tlog.WitnessKey("witness.test/1", OUTSIDE.public_key())
ORIGIN = "vault.test/log"


class Tree:
    """A log of so many leaves, held in memory."""

    def __init__(self, size: int, salt: bytes = b"") -> None:
        self.leaves = [tlog.leaf_hash(salt + b"%d" % one) for one in range(size)]
        root = tlog.subtree_hash(self.leaves) if size else tlog.EMPTY_ROOT
        self.head = tlog.Checkpoint(ORIGIN, size, root)
        self.note = tlog.sign_checkpoint(self.head, LOG)

    def node(self, level: int, index: int) -> bytes:
        return tlog.subtree_hash(self.leaves[index << level : (index + 1) << level])

    def since(self, old: int) -> Submission:
        size = self.head.size
        proof = tlog.consistency_proof(old, size, self.node) if old else []
        return Submission(old, tuple(proof), self.note)


def taken(sent: Submission, seen: tuple[int, bytes] | None) -> tlog.Checkpoint:
    return accept(read_submission(sent.raw), ORIGIN, LOG.public_key(), seen)


def test_a_cosignature_is_what_the_specification_says() -> None:
    tree = Tree(5)
    line = tlog.cosign(tree.head, KEY.name, OUTSIDE, 1_700_000_000)
    mark, name, blob = line.decode().rstrip("\n").split(" ")
    raw = base64.b64decode(blob)
    public = OUTSIDE.public_key().public_bytes_raw()
    digest = hashlib.sha256(b"witness.test/1\n\x04" + public).digest()[:4]
    assert (mark, name, raw[:4]) == ("\u2014", "witness.test/1", digest)
    assert int.from_bytes(raw[4:12], "big") == 1_700_000_000
    root = base64.b64encode(tree.head.root).decode()
    message = f"cosignature/v1\ntime 1700000000\n{ORIGIN}\n5\n{root}\n"
    OUTSIDE.public_key().verify(raw[12:], message.encode())


def test_the_log_and_its_witness_sign_one_note() -> None:
    tree = Tree(5)
    line = tlog.cosign(tree.head, KEY.name, OUTSIDE, 7)
    note = tlog.with_cosignatures(tree.note, line)
    assert tlog.open_checkpoint(note, ORIGIN, LOG.public_key()) == tree.head
    assert tlog.cosigned_at(note, tlog.witness_key(KEY.text)) == 7


def test_what_a_witness_has_not_signed_is_not_cosigned() -> None:
    tree, other = Tree(5), Tree(6)
    with pytest.raises(SealError, match="not cosigned"):
        tlog.cosigned_at(tree.note, KEY)
    line = tlog.cosign(other.head, KEY.name, OUTSIDE, 7)
    with pytest.raises(SealError, match="forged"):
        tlog.cosigned_at(tlog.with_cosignatures(tree.note, line), KEY)
    later = line.replace(line[-20:-5], base64.b64encode(b"0" * 15)[:15])
    with pytest.raises((SealError, DataError)):
        tlog.cosigned_at(tlog.with_cosignatures(other.note, later), KEY)


@pytest.mark.parametrize(
    "text", ["", "a+b", "a+00000000+AAAA", KEY.text[:-4], KEY.text.replace("1+", "2+")]
)
def test_malformed_witness_keys_are_refused(text: str) -> None:
    with pytest.raises(DataError):
        tlog.witness_key(text)
    with pytest.raises(DataError):
        tlog.witness_key(tlog.verifier_key(ORIGIN, LOG.public_key()))


def test_a_logs_key_is_read_back() -> None:
    text = tlog.verifier_key(ORIGIN, LOG.public_key())
    assert tlog.read_verifier_key(text) == (ORIGIN, LOG.public_key())
    with pytest.raises(DataError):
        tlog.read_verifier_key(KEY.text)


@pytest.mark.parametrize("old", [0, 1, 3, 4, 7])
def test_a_head_that_extends_the_last_one_is_accepted(old: int) -> None:
    seen = (old, Tree(old).head.root) if old else None
    assert taken(Tree(7).since(old), seen) == Tree(7).head


@pytest.mark.parametrize(
    ("sent", "seen", "status"),
    [
        (Tree(3).since(2), (5, Tree(5).head.root), 409),  # rolled back
        (Tree(3).since(0), (5, Tree(5).head.root), 409),
        (Tree(7).since(5), (5, Tree(5, b"x").head.root), 422),  # forked
        (Tree(5).since(5), (5, Tree(5, b"x").head.root), 409),
        (Submission(7, (), Tree(5).note), (7, Tree(7).head.root), 400),
        (Submission(0, (), Tree(5).note.replace(b"5", b"6", 1)), None, 403),
        (Submission(5, (bytes(32),), Tree(7).note), (5, Tree(5).head.root), 422),
    ],
)
def test_what_contradicts_the_last_head_is_not_cosigned(
    sent: Submission, seen: tuple[int, bytes] | None, status: int
) -> None:
    with pytest.raises(RefusedSubmissionError) as refused:
        taken(sent, seen)
    assert refused.value.status == status


@pytest.mark.parametrize(
    "body",
    [b"", b"old 1", b"old x\n\nnote", b"old 01\n\nnote", b"new 1\n\nnote",
     b"old 1\n!!\n\nnote", b"old 1\nAAAA\n\nnote", b"old 1\n\n"],
)  # fmt: skip
def test_malformed_submissions_are_refused(body: bytes) -> None:
    with pytest.raises(DataError):
        read_submission(body)
