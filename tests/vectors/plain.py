"""Vectors of actions and of the log."""

from __future__ import annotations

import base64
import hashlib
import json

from book import COSIGNED_S, ORIGIN, WITNESS, Book, pretty, signer

from overt.protocol import actions, tlog
from overt.protocol.canonical import b64, canonical_bytes


def add_actions(book: Book) -> None:
    every = [
        actions.Click(12, 20),
        actions.Click(12, 20, "right", 2),
        actions.Drag(1, 2, 3, 4),
        actions.Scroll(5, 6, dy=-3),
        actions.Type("Grüße\n"),
        actions.Type(secret=True),
        actions.Key("ctrl+shift+t"),
        actions.Done(),
        actions.Done("failed"),
    ]
    lines = b"".join(canonical_bytes(actions.action_json(one)) + b"\n" for one in every)
    book.valid("actions.jsonl", "actions", "one action of each form a line", lines)
    for name, what, value, says in (
        ("kind", "an unknown kind", {"action": "hover"}, "No such action: 'hover'"),
        (
            "float",
            "a position between pixels",
            {"action": "click", "x_px": 1.5, "y_px": 2},
            "x_px is not a whole number",
        ),
        (
            "secret",
            "a secret with text",
            {"action": "type", "text": "word", "secret": True},
            "carries text",
        ),
        (
            "button",
            "an unknown button",
            {"action": "click", "x_px": 1, "y_px": 2, "button": "up"},
            "button is none of",
        ),
        (
            "field",
            "a foreign field",
            {"action": "key", "combo": "a", "hold_ms": 5},
            "'hold_ms'",
        ),
        ("lacks", "no position", {"action": "click"}, "lacks 'x_px'"),
    ):
        book.bad(
            f"actions-{name}.jsonl",
            "actions",
            what,
            json.dumps(value).encode() + b"\n",
            "DataError",
            says,
        )


def add_log(book: Book) -> None:
    key = signer("log")
    salts = [hashlib.sha256(b"salt %d" % number).digest() for number in range(5)]
    entries = [canonical_bytes({"kind": "test", "number": n}) for n in range(5)]
    leaves = [tlog.leaf_commitment(*pair) for pair in zip(salts, entries, strict=True)]
    hashes = [tlog.leaf_hash(leaf) for leaf in leaves]
    root = tlog.subtree_hash(hashes)
    tree = {
        "salts": [b64(one) for one in salts],
        "entries": [one.decode() for one in entries],
        "leaves": [one.hex() for one in leaves],
        "root": root.hex(),
    }
    book.valid(
        "log.json", "description", "five entries, their leaves and root", pretty(tree)
    )
    book.valid("log-tile.bin", "tile", "tile/0/000.p/5", b"".join(hashes))
    book.valid(
        "log-entries.bin", "entries", "tile/entries/000.p/5", tlog.pack_entries(leaves)
    )
    note = tlog.sign_checkpoint(tlog.Checkpoint(ORIGIN, 5, root), key)
    book.valid("checkpoint.txt", "checkpoint", "the checkpoint of the five", note)
    other = tlog.sign_checkpoint(tlog.Checkpoint("other.example", 5, root), key)
    foreign = tlog.sign_checkpoint(tlog.Checkpoint(ORIGIN, 5, root), signer("stranger"))
    bad = book.bad
    bad(
        "checkpoint-forged.txt",
        "checkpoint",
        "another size under the signature",
        note.replace(b"\n5\n", b"\n6\n"),
        "SealError",
        "is forged",
    )
    bad(
        "checkpoint-origin.txt",
        "checkpoint",
        "another log's",
        other,
        "SealError",
        "no signature",
    )
    bad(
        "checkpoint-signer.txt",
        "checkpoint",
        "another key's",
        foreign,
        "SealError",
        "no signature",
    )
    bad(
        "checkpoint-torn.txt",
        "checkpoint",
        "it ends within its signature",
        note[:-10],
        "DataError",
        "ends within a line",
    )
    body = f"{ORIGIN}\n05\n{note.split(bytes([10]))[2].decode()}\n"
    line = note.decode().rsplit("\n\n", 1)[1].rsplit(" ", 1)[0]
    blob = tlog.note_key_hash(ORIGIN, key.public_key()) + key.sign(body.encode())
    padded = f"{body}\n{line} {base64.b64encode(blob).decode()}\n".encode()
    bad(
        "checkpoint-size.txt",
        "checkpoint",
        "a size with a leading zero",
        padded,
        "DataError",
        "malformed",
    )


def add_cosignatures(book: Book) -> None:
    note = (book.folder / "files" / "checkpoint.txt").read_bytes()
    head = tlog.open_checkpoint(note, ORIGIN, signer("log").public_key())

    def cosigned(who: str = "witness", name: str = WITNESS) -> bytes:
        line = tlog.cosign(head, name, signer(who), COSIGNED_S)
        return tlog.with_cosignatures(note, line)

    key = tlog.WitnessKey(WITNESS, signer("witness").public_key())
    told = {"key": key.text, "time_s": COSIGNED_S}
    book.valid("witness.json", "description", "the witness's key, and when it signed",
               pretty(told))  # fmt: skip
    book.valid("cosigned.txt", "cosigned", "the checkpoint, cosigned", cosigned())
    body, line = cosigned().rsplit(b" ", 1)
    blob = base64.b64decode(line)
    later = blob[:4] + (COSIGNED_S + 1).to_bytes(8, "big") + blob[12:]
    for name, what, changed, says in (
        ("later", "another time than was signed", later, "is forged"),
        ("torn", "a byte short", blob[:-1], "another length"),
    ):
        book.bad(f"cosigned-{name}.txt", "cosigned", what,
                 body + b" " + base64.b64encode(changed) + b"\n",
                 "SealError", says)  # fmt: skip
    for name, what, other in (
        ("none", "without a cosignature", note),
        ("key", "another key's under the witness's name", cosigned("stranger")),
        ("name", "the witness's key under another name", cosigned(name="other")),
    ):
        book.bad(f"cosigned-{name}.txt", "cosigned", what, other,
                 "SealError", "not cosigned by witness")  # fmt: skip


def add_consistency(book: Book) -> None:
    hashes = [tlog.leaf_hash(b"leaf %d" % number) for number in range(13)]

    def proof(first: int, second: int, **odd: object) -> bytes:
        path = tlog.consistency_proof(first, second, _node(hashes))
        told = {
            "first": first,
            "second": second,
            "roots": [
                tlog.subtree_hash(hashes[:size]).hex() for size in (first, second)
            ],
            "proof": [one.hex() for one in path],
        }
        return pretty(told | odd)

    for first, second in ((1, 2), (4, 13), (5, 8), (6, 7), (7, 13), (8, 13), (13, 13)):
        book.valid(f"consistency-{first}-{second}.json", "consistency",
                   f"a tree of {second} leaves extends that of {first}",
                   proof(first, second))  # fmt: skip
    good = json.loads(proof(7, 13))
    for name, what, odd in (
        ("swapped", "two hashes change places", {"proof": good["proof"][::-1]}),
        ("longer", "a hash too much", {"proof": [*good["proof"], hashes[0].hex()]}),
        ("shorter", "a hash is missing", {"proof": good["proof"][:-1]}),
        ("forked", "another older root", {"roots": ["ab" * 32, good["roots"][1]]}),
    ):
        book.bad(f"consistency-{name}.json", "consistency", what, proof(7, 13, **odd),
                 "SealError", "does not extend")  # fmt: skip


def _node(hashes: list[bytes]) -> tlog.NodeReader:
    def node(level: int, index: int) -> bytes:
        return tlog.subtree_hash(hashes[index << level : (index + 1) << level])

    return node
