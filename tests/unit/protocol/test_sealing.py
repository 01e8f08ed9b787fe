"""Sealed bytes open for one key in one context, or not at all."""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, replace
from typing import Any

import pytest

from overt.protocol import sealing
from overt.protocol.canonical import canonical_bytes
from overt.protocol.errors import DataError, SealError

DATA = b"content of a segment" * 50


def sealed(world: Any, data: bytes = DATA) -> bytes:
    return sealing.seal_segment(data, world.header, world.person.public, world.device)


def opened(world: Any, data: bytes) -> bytes:
    """Open as the broker does: parse, verify, open."""
    parsed = sealing.parse_sealed(data)
    sealing.verify_sealed(parsed, world.device.public_key())
    return sealing.open_segment(parsed, world.person)


def resigned(world: Any, data: bytes) -> bytes:
    """Sign altered bytes anew: a dishonest device."""
    body = data[: -sealing.SIGNATURE_BYTES]
    return body + bytes(world.device.sign(body))


def test_a_segment_opens_for_its_person(world: Any) -> None:
    data = sealed(world)
    assert opened(world, data) == DATA
    assert sealing.parse_sealed(data).header == world.header
    assert DATA[:20] not in data


def test_two_seals_of_the_same_bytes_share_nothing_secret(world: Any) -> None:
    first, second = (sealing.parse_sealed(sealed(world)) for _ in range(2))
    assert first.box != second.box
    assert first.ciphertext != second.ciphertext


def test_another_person_cannot_open(world: Any) -> None:
    parsed = sealing.parse_sealed(sealed(world))
    with pytest.raises(SealError):
        sealing.open_segment(parsed, world.sealing_key("another"))


def test_an_altered_region_is_refused(world: Any) -> None:
    data = sealed(world)
    head = 20 + len(canonical_bytes(asdict(world.header)))
    box = head + sealing.BOX_BYTES
    regions = {
        "magic": 3, "header size": 8, "ciphertext size": 12, "header": 25,
        "box": head + 5, "box end": box - 1, "nonce": box, "ciphertext": box + 40,
        "tag": len(data) - 65, "signature": len(data) - 1,
    }  # fmt: skip
    for region, at in regions.items():
        changed = bytearray(data)
        changed[at] ^= 1
        with pytest.raises((DataError, SealError)):
            pytest.fail(f"{region}: {opened(world, bytes(changed))!r}")


@pytest.mark.parametrize("at", [5, 1168, 1168 + 30, -70])
def test_an_alteration_signed_by_its_device_still_does_not_open(
    world: Any, at: int
) -> None:
    data = bytearray(sealed(world))
    start = 20 + len(canonical_bytes(asdict(world.header)))
    data[at + (start if at > 0 else len(data))] ^= 1
    with pytest.raises(SealError, match="not open"):
        opened(world, resigned(world, bytes(data)))


@pytest.mark.parametrize("field", ["person", "device", "consent", "segment", "day"])
def test_a_swapped_header_does_not_open(world: Any, field: str) -> None:
    data = sealed(world)
    old = canonical_bytes(asdict(world.header))
    changed = asdict(world.header) | {field: "z" * len(getattr(world.header, field))}
    swapped = resigned(world, data.replace(old, canonical_bytes(changed), 1))
    with pytest.raises(SealError, match="not open"):
        opened(world, swapped)


def test_a_box_of_another_segment_does_not_open(world: Any) -> None:
    first = sealing.parse_sealed(sealed(world))
    other = replace(world.header, sequence=1)
    second = sealing.parse_sealed(
        sealing.seal_segment(DATA, other, world.person.public, world.device)
    )
    with pytest.raises(SealError):
        sealing.open_segment(replace(first, box=second.box), world.person)


def test_a_foreign_signature_is_refused(world: Any) -> None:
    parsed = sealing.parse_sealed(sealed(world))
    with pytest.raises(SealError, match="not signed by its device"):
        sealing.verify_sealed(parsed, world.key("eve").public_key())


def test_truncated_and_lengthened_segments_are_refused(world: Any) -> None:
    data = sealed(world, b"")
    for size in range(0, len(data), 7):
        with pytest.raises(DataError):
            sealing.parse_sealed(data[:size])
    with pytest.raises(DataError, match="after its end"):
        sealing.parse_sealed(data + b"x")


@pytest.mark.parametrize(
    "change", [{"sequence": "0"}, {"sequence": True}, {"day": None}, {"title": "x"}]
)
def test_headers_of_another_form_are_refused(
    world: Any, change: dict[str, Any]
) -> None:
    head = json.dumps(asdict(world.header) | change).encode()
    size = sealing.NONCE_BYTES + sealing.TAG_BYTES
    prefix = sealing.MAGIC + struct.pack("<IQ", len(head), size) + head
    with pytest.raises(DataError, match="A sealed segment's header"):
        sealing.parse_sealed(prefix + bytes(sealing.BOX_BYTES + size + 64))


def test_a_segments_key_comes_out_by_its_persons_key_and_opens_it_alone(
    world: Any,
) -> None:
    parsed, other = sealing.parse_sealed(sealed(world)), world.sealing_key("other")
    secret = sealing.open_box(parsed, world.person)
    assert sealing.decrypt_segment(parsed.ciphertext, secret) == DATA
    with pytest.raises(SealError):
        sealing.open_box(parsed, other)
    elsewhere = replace(parsed, header=replace(parsed.header, sequence=9))
    with pytest.raises(SealError):
        sealing.open_box(elsewhere, world.person)
    for key in (bytes(32), secret[:-1]):
        with pytest.raises(SealError):
            sealing.decrypt_segment(parsed.ciphertext, key)


def test_a_blob_opens_for_its_key_in_its_context(world: Any) -> None:
    context = {"kind": "dataset", "id": "ds_1"}
    blob = sealing.seal_blob(DATA, world.person.public, context)
    assert sealing.blob_context(blob) == context
    assert sealing.open_blob(blob, world.person) == DATA
    with pytest.raises(SealError):
        sealing.open_blob(blob, world.sealing_key("another"))
    renamed = blob.replace(b"dataset", b"reports", 1)
    assert sealing.blob_context(renamed)["kind"] == "reports"
    with pytest.raises(SealError):
        sealing.open_blob(renamed, world.person)


def test_every_truncation_and_some_flips_of_a_blob_are_refused(world: Any) -> None:
    blob = sealing.seal_blob(b"abc", world.person.public, {"kind": "x"})
    for size in range(0, len(blob), 5):
        with pytest.raises((DataError, SealError)):
            sealing.open_blob(blob[:size], world.person)
    for at in range(0, len(blob), 37):
        changed = bytearray(blob)
        changed[at] ^= 0x10
        with pytest.raises((DataError, SealError)):
            sealing.open_blob(bytes(changed), world.person)


@pytest.mark.parametrize("size", [*range(70), 999, 1000, 4097, 1 << 20])
def test_padding_hides_the_size_and_is_taken_away(size: int) -> None:
    data = bytes(size)
    padded = sealing.pad(data)
    assert sealing.unpad(padded) == data
    assert len(padded) == sealing.padded_size(len(padded))  # a fixed point


@pytest.mark.parametrize("data", [b"", b"1234567", struct.pack("<Q", 1)])
def test_a_wrong_padding_is_refused(data: bytes) -> None:
    with pytest.raises(DataError, match="padding"):
        sealing.unpad(data)


@pytest.mark.parametrize("raw", [b"", bytes(1215), bytes(1217), b"\xff" * 1216])
def test_what_is_no_public_key_is_refused(raw: bytes) -> None:
    with pytest.raises(DataError):
        sealing.SealingPublicKey(raw)


def test_a_public_key_of_low_order_seals_nothing(world: Any) -> None:
    weak = sealing.SealingPublicKey(world.person.public.raw[:1184] + bytes(32))
    with pytest.raises(SealError, match="low order"):
        weak.seal(b"secret", b"")


def test_what_is_no_private_key_is_refused() -> None:
    with pytest.raises(DataError):
        sealing.SealingKey(bytes(95))


def test_the_digest_is_of_the_sealed_bytes(world: Any) -> None:
    data = sealed(world)
    assert sealing.sealed_digest(data) != sealing.sealed_digest(data[:-1])
    assert len(sealing.sealed_digest(data)) == 64
