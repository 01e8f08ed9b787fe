"""Vectors of the binary formats: segment, sealed segment, blob, release, spool."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, replace
from pathlib import Path

from book import EXPIRES_UTC_S, Book, an_id, flipped, pretty, sealer, signer
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from one_segment import HEADER, described, masked_records, the_records

from overt.protocol import release, sealing
from overt.protocol import segment as segments
from overt.protocol.canonical import canonical_bytes
from overt.recorder.spool import SpoolHead, SpoolWriter, form


def segment_1() -> bytes:
    """Return a segment that a recorder of version 1 wrote; nothing makes one now."""
    return (Path(__file__).parent / "files" / "segment-1.bin").read_bytes()


def _add_masked(book: Book, start: bytes) -> None:
    records = masked_records()
    says = pretty({"records": [described(one) for one in records]})
    book.valid("texts.json", "description", "what segment-texts.bin holds", says)
    parts = b"".join(map(segments.encode_record, records))
    book.valid(
        "segment-texts.bin",
        "segment",
        "a goal, a screen and keys below level clear: placeholders",
        start + parts + segments.end_segment(len(records)),
        described="texts.json",
    )


def add_segments(book: Book) -> tuple[bytes, bytes]:
    records = the_records()
    start, parts = (
        segments.begin_segment(HEADER),
        list(map(segments.encode_record, records)),
    )
    data = b"".join([start, *parts, segments.end_segment(len(parts))])
    says = pretty(
        {
            "header": {
                k: str(v) if k.endswith("_ns") else v for k, v in asdict(HEADER).items()
            },
            "records": [described(one) for one in records],
        }
    )
    book.valid("segment.json", "description", "what segment.bin holds", says)
    book.valid(
        "segment.bin",
        "segment",
        "a segment with every kind of record",
        data,
        described="segment.json",
    )
    book.valid("segment-1.bin", "segment", "one of version 1", segment_1())
    _add_masked(book, start)
    empty = start + segments.end_segment(0)
    book.valid("segment-empty.bin", "segment", "a segment without records", empty)
    wrong = "DataError"
    book.bad(
        "segment-torn.bin",
        "segment",
        "it ends within a frame",
        data[:-40],
        wrong,
        "truncated",
    )
    book.bad(
        "segment-open.bin",
        "segment",
        "its end record is missing",
        start + b"".join(parts),
        wrong,
        "before its end record",
    )
    book.bad(
        "segment-flipped.bin",
        "segment",
        "one bit of a payload is flipped",
        flipped(data, len(start) + 30),
        wrong,
        "checksum is wrong",
    )
    book.bad(
        "segment-count.bin",
        "segment",
        "its end record counts wrong",
        start + parts[0] + segments.end_segment(2),
        wrong,
        "record count is wrong",
    )
    book.bad(
        "segment-more.bin",
        "segment",
        "a record follows its end",
        empty + parts[0],
        wrong,
        "follow a segment's end",
    )
    book.bad(
        "segment-unknown.bin",
        "segment",
        "a record of type 100",
        start + segments._frame(100, b""),
        wrong,
        "unknown type 100",
    )
    book.bad(
        "segment-event.bin",
        "segment",
        "an input record shorter than its count",
        start + segments._frame(2, bytes([5]) + bytes(19)),
        wrong,
        "malformed",
    )
    foreign = json.dumps(asdict(HEADER) | {"employer": "x"}).encode()
    book.bad(
        "segment-rows.bin",
        "segment",
        "a row of a form that there is not",
        start + segments._frame(9, bytes(3)),
        wrong,
        "malformed",
    )
    book.bad(
        "segment-header.bin",
        "segment",
        "its header has a foreign field",
        segments.MAGIC + segments._frame(1, foreign),
        wrong,
        "'employer'",
    )
    return data, empty


SEALED = sealing.SealedHeader(
    an_id("seg"),
    an_id("sess"),
    0,
    an_id("part"),
    an_id("dev"),
    an_id("prog"),
    an_id("cons"),
    "2026-11-23",
)


def add_sealed(book: Book, content: bytes) -> bytes:
    person, device = sealer("person").public, signer("device")
    data = book.kept("sealed.bin") or sealing.seal_segment(
        content, SEALED, person, device
    )
    book.valid(
        "sealed.bin", "sealed", "segment.bin, sealed", data, holds=["segment.bin"]
    )
    book.bad(
        "sealed-torn.bin",
        "sealed",
        "its last byte is missing",
        data[:-1],
        "DataError",
        "truncated",
    )
    book.bad(
        "sealed-1.bin",
        "sealed",
        "it is of version 1",
        b"OVERTSL1" + data[8:],
        "DataError",
        "is of version 1",
    )
    book.bad(
        "sealed-magic.bin",
        "sealed",
        "another magic",
        flipped(data, 0),
        "DataError",
        "does not begin like",
    )
    book.bad(
        "sealed-body.bin",
        "sealed",
        "one bit of the ciphertext is flipped",
        flipped(data, -200),
        "SealError",
        "not signed by its device",
    )
    head = canonical_bytes(asdict(SEALED))
    for name, what, old, new in (
        (
            "sealed-person.bin",
            "another person's name, signed anew",
            SEALED.person,
            an_id("part", "b"),
        ),
        (
            "sealed-consent.bin",
            "another consent's name, signed anew",
            SEALED.consent,
            an_id("cons", "b"),
        ),
    ):
        changed = data[:-64].replace(head, head.replace(old.encode(), new.encode()))
        book.bad(
            name,
            "sealed",
            what,
            changed + device.sign(changed),
            "SealError",
            "does not open",
        )
    changed = flipped(data[:-64], -100)
    book.bad(
        "sealed-dishonest.bin",
        "sealed",
        "an altered ciphertext, signed anew",
        changed + device.sign(changed),
        "SealError",
        "do not open",
    )
    foreign = data[:-64] + signer("stranger").sign(data[:-64])
    book.bad(
        "sealed-foreign.bin",
        "sealed",
        "signed by another device",
        foreign,
        "SealError",
        "not signed by its device",
    )
    text = canonical_bytes(asdict(SEALED)).replace(b'"sequence":0', b'"sequence":"')
    book.bad(
        "sealed-header.bin",
        "sealed",
        "a header that is no JSON",
        data.replace(head, text, 1),
        "DataError",
        "header is not JSON",
    )
    return data


def add_blobs(book: Book) -> None:
    content = b"a dataset" * 10
    data = book.kept("blob.bin") or sealing.seal_blob(
        content, sealer("job").public, {"kind": "dataset", "id": an_id("ds")}
    )
    book.valid("blob.txt", "description", "what blob.bin holds", content)
    book.valid(
        "blob.bin", "blob", "blob.txt, sealed to the job", data, holds=["blob.txt"]
    )
    book.bad(
        "blob-torn.bin",
        "blob",
        "it ends within its box",
        data[:900],
        "DataError",
        "truncated",
    )
    book.bad(
        "blob-context.bin",
        "blob",
        "its context is altered",
        data.replace(b"dataset", b"reports", 1),
        "SealError",
        "does not open",
    )
    book.bad(
        "blob-body.bin",
        "blob",
        "one bit of the ciphertext is flipped",
        flipped(data, -1),
        "SealError",
        "do not open",
    )


NAMES_KEY = bytes(range(32))


def add_releases(book: Book, sealed: bytes) -> None:
    header = release.ReleaseHeader(
        an_id("rel"), an_id("prog"), an_id("req"), "0" * 64, EXPIRES_UTC_S, 1
    )
    data = book.kept("release.bin")
    job = sealer("job").public
    if data is None:
        writer = release.ReleaseWriter(header, job)
        data = writer.head + released(writer, sealed)
    begun = len(release.ReleaseWriter(header, job).head)
    book.valid(
        "release.bin",
        "release",
        "sealed.bin, released to the job under fresh names",
        data,
        holds=["segment.bin"],
    )
    short = book.kept("release-short.bin")
    if short is None:
        writer = release.ReleaseWriter(replace(header, segments=2), job)
        short = writer.head + released(writer, sealed)
    book.bad(
        "release-short.bin",
        "release",
        "one of two segments",
        short,
        "DataError",
        "1 of 2 segments",
    )
    book.bad(
        "release-torn.bin",
        "release",
        "it ends within a segment",
        data[:-9],
        "DataError",
        "truncated",
    )
    book.bad(
        "release-box.bin",
        "release",
        "one bit of the box of its key is flipped",
        flipped(data, begun - 20),
        "SealError",
        "does not open",
    )
    book.bad(
        "release-key.bin",
        "release",
        "one bit of a segment's wrapped key is flipped",
        flipped(data, begun + 5),
        "SealError",
        "does not open",
    )
    moved = book.kept("release-moved.bin")
    if moved is None:
        writer = release.ReleaseWriter(header, job)
        released(writer, sealed)
        moved = writer.head + released(writer, sealed)
    book.bad(
        "release-moved.bin",
        "release",
        "the key of its second segment stands before the first",
        moved,
        "SealError",
        "does not open",
    )
    book.bad(
        "release-1.bin",
        "release",
        "it is of version 1",
        release.MAGIC[:-1] + b"1" + data[8:],
        "DataError",
        "is of version 1",
    )
    body = asdict(header) | {"expires_utc_s": "never"}
    head = canonical_bytes(body)
    book.bad(
        "release-header.bin",
        "release",
        "an expiry that is no number",
        release.MAGIC + len(head).to_bytes(4, "little") + head,
        "DataError",
        "expires_utc_s is not a whole number",
    )


def released(writer: release.ReleaseWriter, sealed: bytes) -> bytes:
    parsed = sealing.parse_sealed(sealed)
    secret = sealing.open_box(parsed, sealer("person"))
    said = release.ReleaseNames(NAMES_KEY).of(parsed.header)
    return writer.part(said, secret, len(parsed.ciphertext)) + parsed.ciphertext


def as_version_1(content: bytes) -> bytes:
    """Return a spool file as the first recorders wrote it: one frame, another info."""
    said = SpoolHead(HEADER.segment, HEADER.session, 0, str(HEADER.started_utc_ns))
    head, key = canonical_bytes(asdict(said)), os.urandom(32)
    sealed = AESGCM(key).encrypt(form.nonce(0), content, None)
    box = sealer("person").public.seal(key, form.info(1, head))
    start = b"OVERTSP1" + len(head).to_bytes(4, "little") + head
    return start + box + form.framed(sealed)


def add_spool(book: Book) -> None:
    data = book.kept("spool.bin")
    if data is None:
        path = book.folder / "files" / "spool.part"
        writer = SpoolWriter(path, HEADER, sealer("person").public)
        for record in the_records():
            writer.append(segments.encode_record(record))
            writer.commit()
        writer.close()
        data = path.read_bytes()
        path.unlink()
    book.valid(
        "spool.bin", "spool", "segment.bin in the spool", data, holds=["segment.bin"]
    )
    old = book.kept("spool-1.bin")
    book.valid(
        "spool-1.bin",
        "spool",
        "the same, written by a recorder of version 1",
        old if old is not None else as_version_1(segment_1()),
        holds=["segment-1.bin"],
    )
    book.bad(
        "spool-newer.bin",
        "spool",
        "a version that is not known",
        data.replace(b"OVERTSP2", b"OVERTSP3"),
        "DataError",
        "of a newer recorder",
    )
    book.bad(
        "spool-torn.bin",
        "spool",
        "it ends within its head",
        data[:40],
        "DataError",
        "truncated in its head",
    )
    book.bad(
        "spool-magic.bin",
        "spool",
        "another magic",
        flipped(data, 1),
        "DataError",
        "does not begin like",
    )
    book.bad(
        "spool-head.bin",
        "spool",
        "its head is altered",
        data.replace(b'"sequence":0', b'"sequence":1'),
        "SealError",
        "does not open",
    )
