"""The mathematics of the transparency log: tree, proofs, tiles, checkpoints.

Stage: under the vault's log and whoever verifies it. In: leaf bytes, stored hashes,
notes; out: roots, proofs, tile paths, signed checkpoints. It never does I/O and never
sees an entry: a leaf is a salted commitment (`leaf_commitment`).

Sources: RFC 9162, section 2.1 (the Merkle tree of RFC 6962); C2SP tlog-tiles,
tlog-checkpoint and signed-note (https://c2sp.org).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature

from overt.protocol.errors import DataError, SealError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

HASH_BYTES = 32
SALT_BYTES = 32
TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
EMPTY_ROOT = hashlib.sha256(b"").digest()

# (level, index) -> hash of the complete subtree over leaves
# [index * 2**level, (index + 1) * 2**level)
NodeReader = Callable[[int, int], bytes]

_NOTE_ED25519 = b"\x01"
_SIGNATURE_MARK = "— "


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
    if len(hashes) == 1:
        return hashes[0]
    split = _split(len(hashes))
    return node_hash(subtree_hash(hashes[:split]), subtree_hash(hashes[split:]))


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


@dataclass(frozen=True, slots=True)
class Tile:
    """A tile's place in the tree (C2SP tlog-tiles).

    Attributes:
        level: Tile level: its hashes stand at tree level 8 * `level`.
        index: Number of the tile on its level.
        width: Hashes in it, 1 to 256.
    """

    level: int
    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """Path of the tile below the log's folder."""
        return f"tile/{self.level}/{_numbered(self.index, self.width)}"

    @property
    def entries_path(self) -> str:
        """Path of the entry bundle that belongs to a tile of level 0."""
        return f"tile/entries/{_numbered(self.index, self.width)}"


def _numbered(index: int, width: int) -> str:
    digits = str(index)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    parts = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    path = "/".join([*(f"x{part}" for part in parts[:-1]), parts[-1]])
    return path if width == TILE_WIDTH else f"{path}.p/{width}"


def tiles_of(size: int) -> Iterator[Tile]:
    """Yield every tile of a tree of `size` leaves, level by level."""
    level, count = 0, size
    while count:
        full, rest = divmod(count, TILE_WIDTH)
        yield from (Tile(level, index) for index in range(full))
        if rest:
            yield Tile(level, full, rest)
        level, count = level + 1, full


def split_tile(data: bytes) -> list[bytes]:
    """Return the hashes of a tile's bytes.

    Raises:
        DataError: The length is no multiple of 32 or names more than 256 hashes.
    """
    if len(data) % HASH_BYTES or not 0 < len(data) <= HASH_BYTES * TILE_WIDTH:
        raise DataError(f"A tile has {len(data)} bytes, which are no whole hashes.")
    return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]


def node_reader(size: int, read: Callable[[Tile], Sequence[bytes]]) -> NodeReader:
    """Return a reader of stored hashes over the tiles of a tree of `size` leaves.

    Args:
        size: Leaves of the tree.
        read: Returns the hashes of a tile.
    """

    def node(level: int, index: int) -> bytes:
        tile_level, inner = divmod(level, TILE_HEIGHT)
        first = index << inner
        number, offset = divmod(first, TILE_WIDTH)
        count = size >> (TILE_HEIGHT * tile_level)
        width = min(TILE_WIDTH, count - number * TILE_WIDTH)
        hashes = read(Tile(tile_level, number, width))
        return subtree_hash(hashes[offset : offset + (1 << inner)])

    return node


def pack_entries(leaves: Sequence[bytes]) -> bytes:
    """Return an entry bundle: each leaf's data behind its big-endian 16-bit length."""
    return b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in leaves)


def unpack_entries(data: bytes) -> list[bytes]:
    """Return the leaf data of an entry bundle.

    Raises:
        DataError: The bundle ends within an entry.
    """
    leaves, at = [], 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if at + 2 > len(data) or end > len(data):
            raise DataError("An entry bundle of the log ends within an entry.")
        leaves.append(data[at + 2 : end])
        at = end
    return leaves


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


def sign_checkpoint(checkpoint: Checkpoint, key: Ed25519PrivateKey) -> bytes:
    """Return the checkpoint as a signed note.

    Raises:
        DataError: The origin is empty or holds white space or a plus sign.
    """
    name = checkpoint.origin
    if not name or "+" in name or len(name.split()) != 1 or name != name.strip():
        raise DataError(f"{name!r:.60} cannot name a log: no spaces, no plus sign.")
    signature = key.sign(checkpoint.body.encode())
    blob = base64.b64encode(note_key_hash(name, key.public_key()) + signature).decode()
    return f"{checkpoint.body}\n{_SIGNATURE_MARK}{name} {blob}\n".encode()


def open_checkpoint(note: bytes, origin: str, public: Ed25519PublicKey) -> Checkpoint:
    """Return the checkpoint of a signed note; signatures of others are passed over.

    Raises:
        DataError: The note is malformed or of another log.
        SealError: The log's key has not signed it.
    """
    body, lines = _parse_note(note)
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
    body, lines = _parse_note(note)
    origin = body.split("\n", 1)[0]
    return _parse_body(body, origin), [name for name, _ in lines]


def _parse_note(note: bytes) -> tuple[str, list[tuple[str, bytes]]]:
    try:
        text = note.decode()
        body, block = text.rsplit("\n\n", 1)
        if not block.endswith("\n"):
            raise DataError("A checkpoint ends within a line.")
        lines = []
        for line in block.removesuffix("\n").split("\n"):
            mark, name, blob = line.split(" ")
            if mark != _SIGNATURE_MARK.strip():
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
