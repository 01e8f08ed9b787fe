"""The Merkle tree of the log: hashes, roots, proofs.

In: leaf bytes, stored hashes; out: roots, proofs, verdicts. No I/O, and never an entry:
a leaf is a salted commitment (`leaf_commitment`). Source: RFC 9162, section 2.1 (the
tree of RFC 6962).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from overt.protocol.errors import DataError, SealError

HASH_BYTES = 32
SALT_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()

# (level, index) -> hash of the complete subtree over leaves
# [index * 2**level, (index + 1) * 2**level)
NodeReader = Callable[[int, int], bytes]


def leaf_commitment(salt: bytes, entry: bytes) -> bytes:
    """Return the leaf data of an entry: SHA-256 over its salt and its bytes.

    Raises:
        DataError: The salt has not 32 bytes.
    """
    if len(salt) != SALT_BYTES:
        raise DataError(f"A log entry's salt has {len(salt)} bytes, not {SALT_BYTES}.")
    return hashlib.sha256(salt + entry).digest()


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf (RFC 9162, 2.1.1)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node (RFC 9162, 2.1.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def subtree_hash(hashes: Sequence[bytes]) -> bytes:
    """Return the root over hashes of one level, at least one (RFC 9162, 2.1.1)."""
    row = list(hashes)
    while len(row) > 1:  # in pairs; an odd one at the end goes up as it is
        pairs = zip(row[::2], row[1::2], strict=False)
        row = [node_hash(*pair) for pair in pairs] + row[len(row) & ~1 :]
    return row[0]


def _split(size: int) -> int:
    """Return the largest power of two below `size` (>= 2)."""
    return 1 << ((size - 1).bit_length() - 1)


def _range_hash(start: int, end: int, node: NodeReader) -> bytes:
    size = end - start
    if size & (size - 1) == 0 and start % size == 0:
        return node(size.bit_length() - 1, start // size)
    middle = start + _split(size)
    return node_hash(_range_hash(start, middle, node), _range_hash(middle, end, node))


def root_hash(size: int, node: NodeReader) -> bytes:
    """Return the root of the first `size` leaves from stored hashes."""
    return _range_hash(0, size, node) if size else EMPTY_ROOT


def inclusion_proof(index: int, size: int, node: NodeReader) -> list[bytes]:
    """Return the audit path of a leaf (RFC 9162, 2.1.3.1).

    Raises:
        DataError: The leaf is not in a tree of that size.
    """
    if not 0 <= index < size:
        raise DataError(f"Leaf {index} is not in a tree of {size} leaves.")
    return _path(index, 0, size, node)


def _path(index: int, start: int, end: int, node: NodeReader) -> list[bytes]:
    if end - start == 1:
        return []
    middle = start + _split(end - start)
    if index < middle:
        rest = _path(index, start, middle, node)
        return [*rest, _range_hash(middle, end, node)]
    rest = _path(index, middle, end, node)
    return [*rest, _range_hash(start, middle, node)]


def consistency_proof(first: int, second: int, node: NodeReader) -> list[bytes]:
    """Return the proof that the first tree is a prefix (RFC 9162, 2.1.4.1).

    Raises:
        DataError: `first` is not between 1 and `second`.
    """
    if not 0 < first <= second:
        raise DataError(f"No consistency proof leads from {first} to {second} leaves.")
    return _consistency(first, 0, second, node, whole=True)


def _consistency(
    first: int, start: int, end: int, node: NodeReader, *, whole: bool
) -> list[bytes]:
    if first == end:
        return [] if whole else [_range_hash(start, end, node)]
    middle = start + _split(end - start)
    if first <= middle:
        rest = _consistency(first, start, middle, node, whole=whole)
        return [*rest, _range_hash(middle, end, node)]
    rest = _consistency(first, middle, end, node, whole=False)
    return [*rest, _range_hash(start, middle, node)]


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Check that a leaf hash stands at an index of a tree (RFC 9162, 2.1.3.2).

    Raises:
        SealError: The proof does not lead from this leaf to this root.
    """
    failed = SealError(f"The inclusion proof of log entry {index} does not verify.")
    if not 0 <= index < size:
        raise failed
    position, last, result = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise failed
        if position & 1 or position == last:
            result = node_hash(sibling, result)
            while position & 1 == 0 and position:
                position, last = position >> 1, last >> 1
        else:
            result = node_hash(result, sibling)
        position, last = position >> 1, last >> 1
    if last or result != root:
        raise failed


def verify_consistency(
    first: int, second: int, proof: Sequence[bytes], roots: tuple[bytes, bytes]
) -> None:
    """Check that one tree extends another (RFC 9162, 2.1.4.2).

    Args:
        first: Leaves of the older tree; 0 is extended by every tree.
        second: Leaves of the newer tree.
        proof: The consistency proof.
        roots: Roots of the older and the newer tree.

    Raises:
        SealError: The newer tree does not extend the older one.
    """
    failed = SealError(f"The log of {second} entries does not extend that of {first}.")
    if first == 0 and roots[0] == EMPTY_ROOT and not proof:
        return
    if not 0 < first <= second:
        raise failed
    if first == second:
        if proof or roots[0] != roots[1]:
            raise failed
        return
    path = [roots[0], *proof] if first & (first - 1) == 0 else list(proof)
    if not path or _chain(first - 1, second - 1, path) != (*roots, 0):
        raise failed


def _chain(first: int, last: int, path: Sequence[bytes]) -> tuple[bytes, bytes, int]:
    """Return the older root, the newer root and what is left of the path's height."""
    while first & 1:
        first, last = first >> 1, last >> 1
    older = newer = path[0]
    for sibling in path[1:]:
        if last == 0:
            return older, newer, -1
        if first & 1 or first == last:
            older, newer = node_hash(sibling, older), node_hash(sibling, newer)
            while first & 1 == 0 and first:
                first, last = first >> 1, last >> 1
        else:
            newer = node_hash(newer, sibling)
        first, last = first >> 1, last >> 1
    return older, newer, last
