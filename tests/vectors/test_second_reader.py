"""A second reader, made from docs/spec alone: no line of overt is used.

It opens `sealed.bin` with the parts of RFC 9180 and X-Wing, takes the segment apart,
and recomputes the log's root.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import (
    X25519PrivateKey,
    X25519PublicKey,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FILES = Path(__file__).parent / "files"
KEYS: dict[str, Any] = json.loads((FILES.parent / "keys.json").read_text())
SUITE = b"HPKE" + struct.pack(">HHH", 0x647A, 1, 2)


def extract(salt: bytes, label: bytes, material: bytes) -> bytes:
    message = b"HPKE-v1" + SUITE + label + material
    return hmac.digest(salt or bytes(32), message, "sha256")


def expand(secret: bytes, label: bytes, info: bytes, size: int) -> bytes:
    text = struct.pack(">H", size) + b"HPKE-v1" + SUITE + label + info
    return hmac.digest(secret, text + b"\x01", "sha256")[:size]


def shared_secret(private: bytes, encapsulated: bytes) -> bytes:
    """X-Wing: SHA3-256 over both secrets, X25519's exchange and the label."""
    own = X25519PrivateKey.from_private_bytes(private[64:])
    theirs = encapsulated[1088:]
    parts = [
        MLKEM768PrivateKey.from_seed_bytes(private[:64]).decapsulate(
            encapsulated[:1088]
        ),
        own.exchange(X25519PublicKey.from_public_bytes(theirs)),
        theirs,
        own.public_key().public_bytes_raw(),
        b"\\.//^\\",
    ]
    return hashlib.sha3_256(b"".join(parts)).digest()


def open_box(private: bytes, box: bytes, info: bytes) -> bytes:
    """RFC 9180, sections 5.1 and 6.1, base mode."""
    secret = shared_secret(private, box[:1120])
    context = b"\x00" + extract(b"", b"psk_id_hash", b"")
    context += extract(b"", b"info_hash", info)
    schedule = extract(secret, b"secret", b"")
    key = expand(schedule, b"key", context, 32)
    nonce = expand(schedule, b"base_nonce", context, 12)
    return AESGCM(key).decrypt(nonce, box[1120:], b"")


def test_a_sealed_segment_opens_from_its_specification() -> None:
    data = (FILES / "sealed.bin").read_bytes()
    assert data[:8] == b"OVERTSL1"
    size, inner = struct.unpack_from("<IQ", data, 8)
    head = data[20 : 20 + size]
    assert len(data) == 1252 + size + inner
    seed = bytes.fromhex(KEYS["ed25519_seeds"]["device"])
    device = Ed25519PrivateKey.from_private_bytes(seed).public_key()
    device.verify(data[-64:], data[:-64])
    info = b"overt segment v1\0" + head
    person = bytes.fromhex(KEYS["sealing_keys"]["person"])
    key = open_box(person, data[20 + size : 1188 + size], info)
    nonce = data[1188 + size : 1200 + size]
    padded = AESGCM(key).decrypt(nonce, data[1200 + size : -64], info)
    length = int.from_bytes(padded[:8], "little")
    assert padded[8 : 8 + length] == (FILES / "segment.bin").read_bytes()
    assert not any(padded[8 + length :])


def test_a_spool_file_opens_from_its_specification() -> None:
    for name, version in (("spool.bin", b"2"), ("spool-1.bin", b"1")):
        data = (FILES / name).read_bytes()
        assert data[:8] == b"OVERTSP" + version
        (size,) = struct.unpack_from("<I", data, 8)
        info = b"overt spool v" + version + b"\0" + data[12 : 12 + size]
        person = bytes.fromhex(KEYS["sealing_keys"]["person"])
        key = open_box(person, data[12 + size : 1180 + size], info)
        at, number, content = 1180 + size, 0, b""
        while at < len(data):
            length, crc = struct.unpack_from("<II", data, at)
            sealed = data[at + 8 : at + 8 + length]
            assert zlib.crc32(sealed) == crc
            nonce = struct.pack("<QI", number, 0)
            content += AESGCM(key).decrypt(nonce, sealed, None)
            at, number = at + 8 + length, number + 1
        assert content == (FILES / "segment.bin").read_bytes()


def frames(data: bytes) -> list[tuple[int, bytes]]:
    found, at = [], 8
    while at < len(data):
        kind, size, crc = struct.unpack_from("<BxxxII", data, at)
        packed = data[at + 12 : at + 12 + size]
        assert zlib.crc32(bytes([kind]) + packed) == crc
        found.append((kind, zstandard.decompress(packed)))
        at += 12 + size
    return found


def planes(data: bytes, count: int, width: int) -> list[int]:
    """Integers from byte planes, lowest bytes first."""
    return [int.from_bytes(data[row::count][:width], "little") for row in range(count)]


def test_input_is_read_from_its_specification() -> None:
    told = json.loads((FILES / "segment.json").read_text())
    rows = next(one["events"] for one in told["records"] if one["record"] == "input")
    payload = next(
        item for kind, item in frames((FILES / "segment.bin").read_bytes()) if kind == 2
    )
    count, t_ns, scale = struct.unpack_from("<IqQ", payload)
    at, columns = 20, []
    for width in (8, 1, 1, 2, 2, 2, 4):
        columns.append(planes(payload[at : at + width * count], count, width))
        at += width * count
    x = y = 0
    for row, (step, kind, device, state, dx, dy, detail) in zip(
        rows, zip(*columns, strict=True), strict=True
    ):
        t_ns = (t_ns + step * scale) % 2**64
        x, y = (x + dx) % 2**16, (y + dy) % 2**16
        signed = [value - 2**16 if value >= 2**15 else value for value in (x, y)]
        assert row == [str(t_ns), kind, device, state, *signed, detail]


def test_the_root_of_the_log_is_recomputed() -> None:
    told = json.loads((FILES / "log.json").read_text())
    level = []
    for salt, entry in zip(told["salts"], told["entries"], strict=True):
        raw = base64.urlsafe_b64decode(salt + "=" * (-len(salt) % 4))
        leaf = hashlib.sha256(raw + entry.encode()).digest()
        level.append(hashlib.sha256(b"\x00" + leaf).digest())
    while len(level) > 1:
        pairs = [level[at : at + 2] for at in range(0, len(level), 2)]
        level = [
            hashlib.sha256(b"\x01" + b"".join(pair)).digest() if pair[1:] else pair[0]
            for pair in pairs
        ]
    assert (FILES / "checkpoint.txt").read_text().splitlines()[2] == base64.b64encode(
        level[0]
    ).decode()
