"""The log's mathematics, checked against sigstore's verifier and against tampering."""

from __future__ import annotations

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from sigstore._internal import merkle

from overt.protocol import tlog
from overt.protocol.errors import DataError, SealError

LEAVES = [tlog.leaf_hash(b"leaf %d" % number) for number in range(700)]


def reader(size: int, leaves: list[bytes] = LEAVES) -> tlog.NodeReader:
    """Read stored hashes through tiles, as the log does."""

    def hashes(level: int) -> list[bytes]:
        row = leaves[:size]
        for _ in range(level * tlog.TILE_HEIGHT):
            row = [
                tlog.node_hash(row[at], row[at + 1])
                for at in range(0, len(row) // 2 * 2, 2)
            ]
        return row

    def read(tile: tlog.Tile) -> list[bytes]:
        start = tile.index * tlog.TILE_WIDTH
        found = hashes(tile.level)[start : start + tile.width]
        assert len(found) == tile.width
        return found

    return tlog.node_reader(size, read)


def root(size: int, leaves: list[bytes] = LEAVES) -> bytes:
    return tlog.root_hash(size, reader(size, leaves))


sizes = st.integers(1, len(LEAVES))


def test_root_is_that_of_rfc_6962() -> None:
    # the empty tree and the one-leaf tree of the RFC's reference implementation
    assert root(0).hex().startswith("e3b0c44298fc1c14")
    assert (
        tlog.leaf_hash(b"").hex()
        == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    )


@settings(max_examples=40, deadline=None)
@given(sizes, st.data())
def test_inclusion_verifies_here_and_in_sigstore(
    size: int, data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof = tlog.inclusion_proof(index, size, reader(size))
    tlog.verify_inclusion(LEAVES[index], index, size, proof, root(size))
    inner, border = merkle._decomp_inclusion_proof(index, size)
    assert len(proof) == inner + border
    middle = merkle._chain_inner(LEAVES[index], proof[:inner], index)
    assert merkle._chain_border_right(middle, proof[inner:]) == root(size)


@settings(max_examples=40, deadline=None)
@given(sizes, st.data())
def test_a_changed_inclusion_proof_is_refused(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof = tlog.inclusion_proof(index, size, reader(size))
    wrong: list[tuple[bytes, int, list[bytes]]] = [
        (LEAVES[index - 1] if size > 1 else LEAVES[-1], index, proof),
        (LEAVES[index], index + 1, proof),
        (LEAVES[index], index, [*proof, LEAVES[0]]),
    ]
    if proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        flipped = bytes([proof[at][0] ^ 1]) + proof[at][1:]
        wrong += [
            (LEAVES[index], index, [*proof[:at], flipped, *proof[at + 1 :]]),
            (LEAVES[index], index, proof[:-1]),
        ]
    for leaf, place, path in wrong:
        with pytest.raises(SealError):
            tlog.verify_inclusion(leaf, place, size, path, root(size))


@settings(max_examples=40, deadline=None)
@given(sizes, sizes, st.data())
def test_consistency_verifies_and_tampering_does_not(
    one: int, other: int, data: st.DataObject
) -> None:
    first, second = sorted((one, other))
    proof = tlog.consistency_proof(first, second, reader(second))
    roots = (root(first), root(second))
    tlog.verify_consistency(first, second, proof, roots)
    with pytest.raises(SealError):
        tlog.verify_consistency(first, second, [*proof, LEAVES[0]], roots)
    changed = data.draw(st.integers(0, first - 1))
    rewritten = list(LEAVES)
    rewritten[changed] = tlog.leaf_hash(b"rewritten")
    node = reader(second, rewritten)
    forked = tlog.consistency_proof(first, second, node)
    with pytest.raises(SealError):
        tlog.verify_consistency(
            first, second, forked, (roots[0], root(second, rewritten))
        )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 64), st.integers(0, 64), st.data())
def test_a_head_extends_those_before_it_and_no_others(
    one: int, other: int, data: st.DataObject
) -> None:
    first, second = sorted((one, other))
    older = tlog.Checkpoint("o", first, root(first))
    newer = tlog.Checkpoint("o", second, root(second))
    node = reader(second)
    tlog.check_extends(newer, older, node)
    if first < second:
        with pytest.raises(SealError, match="rolled back"):
            tlog.check_extends(older, newer, reader(first))
    forked = tlog.Checkpoint("o", first, data.draw(st.binary(min_size=32, max_size=32)))
    if forked.root != older.root:
        with pytest.raises(SealError, match="does not extend"):
            tlog.check_extends(newer, forked, node)


def test_every_tree_extends_the_empty_one_but_no_other_root_of_size_0() -> None:
    tlog.verify_consistency(0, 5, [], (tlog.EMPTY_ROOT, root(5)))
    with pytest.raises(SealError):
        tlog.verify_consistency(0, 5, [], (root(1), root(5)))
    with pytest.raises(SealError):
        tlog.verify_consistency(6, 5, [], (root(6), root(5)))


def test_proofs_outside_the_tree_are_refused() -> None:
    with pytest.raises(DataError, match="not in a tree of 5"):
        tlog.inclusion_proof(5, 5, reader(5))
    with pytest.raises(DataError, match="from 6 to 5"):
        tlog.consistency_proof(6, 5, reader(5))


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (tlog.Tile(0, 0), "tile/0/000"),
        (tlog.Tile(0, 1067), "tile/0/x001/067"),
        (tlog.Tile(2, 1234067, 7), "tile/2/x001/x234/067.p/7"),
        (tlog.Tile(1, 5, 255), "tile/1/005.p/255"),
    ],
)
def test_tile_paths_are_those_of_the_specification(tile: tlog.Tile, path: str) -> None:
    assert tile.path == path
    assert tile.entries_path == path.replace(f"tile/{tile.level}/", "tile/entries/")


def test_tiles_of_a_tree() -> None:
    assert list(tlog.tiles_of(0)) == []
    assert list(tlog.tiles_of(256)) == [tlog.Tile(0, 0), tlog.Tile(1, 0, 1)]
    # the example of C2SP tlog-tiles: 70 000 entries
    tiles = list(tlog.tiles_of(70_000))
    assert tlog.Tile(0, 273, 112) in tiles
    assert tlog.Tile(1, 1, 17) in tiles
    assert tiles[-1] == tlog.Tile(2, 0, 1)
    assert len(tiles) == 274 + 2 + 1


def test_tile_and_bundle_bytes_round_trip_and_refuse_torn_ones() -> None:
    assert tlog.split_tile(b"".join(LEAVES[:256])) == LEAVES[:256]
    for torn in (b"", b"x" * 31, b"".join(LEAVES[:257])):
        with pytest.raises(DataError, match="whole hashes"):
            tlog.split_tile(torn)
    bundle = tlog.pack_entries(LEAVES[:3])
    assert tlog.unpack_entries(bundle) == LEAVES[:3]
    for torn in (bundle[:-1], bundle + b"\x00"):
        with pytest.raises(DataError, match="ends within"):
            tlog.unpack_entries(torn)


def test_leaf_commitment_needs_its_salt() -> None:
    salt = bytes(range(32))
    assert tlog.leaf_commitment(salt, b"e") == hashlib.sha256(salt + b"e").digest()
    with pytest.raises(DataError, match="salt"):
        tlog.leaf_commitment(b"short", b"e")


def test_signed_note_has_the_specified_form() -> None:
    key = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)
    checkpoint = tlog.Checkpoint("vault.example/log", 700, root(700))
    note = tlog.sign_checkpoint(checkpoint, key)
    body, signature = note.decode().split("\n\n")
    assert body.splitlines()[:2] == ["vault.example/log", "700"]
    dash, name, blob = signature.strip().split(" ")
    assert (dash, name) == ("—", "vault.example/log")
    raw = base64.b64decode(blob)
    public = key.public_key()
    material = b"vault.example/log\n\x01" + public.public_bytes_raw()
    assert raw[:4] == hashlib.sha256(material).digest()[:4]
    public.verify(raw[4:], (body + "\n").encode())
    assert tlog.open_checkpoint(note, "vault.example/log", public) == checkpoint
    vkey = tlog.verifier_key("vault.example/log", public)
    assert vkey.startswith(f"vault.example/log+{raw[:4].hex()}+")


def test_a_checkpoint_of_others_or_changed_is_refused() -> None:
    key, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    note = tlog.sign_checkpoint(tlog.Checkpoint("a", 2, root(2)), key)
    public = key.public_key()
    with pytest.raises(SealError, match="no signature"):
        tlog.open_checkpoint(note, "a", other.public_key())
    with pytest.raises(SealError, match="no signature"):
        tlog.open_checkpoint(note, "b", public)
    with pytest.raises(SealError, match="forged"):
        tlog.open_checkpoint(note.replace(b"\n2\n", b"\n3\n"), "a", public)
    for torn in (b"", note[:-1], note[:20], b"\xff" + note):
        with pytest.raises((DataError, SealError)):
            tlog.open_checkpoint(torn, "a", public)
    for name in ("", "two words", "a+b"):
        with pytest.raises(DataError, match="cannot name"):
            tlog.sign_checkpoint(tlog.Checkpoint(name, 2, root(2)), key)


def test_signatures_of_witnesses_are_passed_over() -> None:
    key, witness = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    checkpoint = tlog.Checkpoint("a", 2, root(2))
    note = tlog.sign_checkpoint(checkpoint, key)
    cosigned = tlog.sign_checkpoint(checkpoint, witness).split(b"\n\n")[1]
    assert tlog.open_checkpoint(note + cosigned, "a", key.public_key()) == checkpoint
