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

import pytest
import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import (
    X25519PrivateKey,
    X25519PublicKey,
)
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
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
    assert data[:8] == b"OVERTSL2"
    size, inner = struct.unpack_from("<IQ", data, 8)
    head = data[20 : 20 + size]
    assert len(data) == 1252 + size + inner
    seed = bytes.fromhex(KEYS["ed25519_seeds"]["device"])
    device = Ed25519PrivateKey.from_private_bytes(seed).public_key()
    device.verify(data[-64:], data[:-64])
    info = b"overt segment v2\0" + head
    person = bytes.fromhex(KEYS["sealing_keys"]["person"])
    key = open_box(person, data[20 + size : 1188 + size], info)
    nonce = data[1188 + size : 1200 + size]
    padded = AESGCM(key).decrypt(
        nonce, data[1200 + size : -64], b"overt segment content v2\0"
    )
    length = int.from_bytes(padded[:8], "little")
    assert padded[8 : 8 + length] == (FILES / "segment.bin").read_bytes()
    assert not any(padded[8 + length :])


def test_a_release_opens_from_its_specification() -> None:
    data = (FILES / "release.bin").read_bytes()
    assert data[:8] == b"OVERTRL3"
    (size,) = struct.unpack_from("<I", data, 8)
    head, at = data[12 : 12 + size], 12 + size
    job = bytes.fromhex(KEYS["sealing_keys"]["job"])
    key = open_box(job, data[at : at + 1168], b"overt release v3\0" + head)
    wrapped, at = data[at + 1168 : at + 1216], at + 1228
    size, inner = struct.unpack_from("<IQ", data, at - 12)
    said, sealed = data[at : at + size], data[at + size :]
    bound = b"overt release part v3\0" + json.loads(head)["release"].encode() + b"\0"
    secret = AESGCM(key).decrypt(struct.pack("<QI", 0, 0), wrapped, bound + said)
    content = b"overt segment content v2\0"
    padded = AESGCM(secret).decrypt(sealed[:12], sealed[12:], content)
    length = int.from_bytes(padded[:8], "little")
    assert padded[8 : 8 + length] == (FILES / "segment.bin").read_bytes()
    assert inner == len(sealed)
    # whoever has the key of the names finds the ids
    block = Cipher(algorithms.AES256(bytes(range(32))), modes.ECB())  # noqa: S305 - one block of a random id
    block = block.decryptor()
    for kind, name in json.loads(said).items():
        if kind != "sequence":
            raw = base64.b32decode(name.partition("_")[2].upper() + "======")
            assert block.update(raw).hex() == "0" * 32


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
        held = "segment-1.bin" if version == b"1" else "segment.bin"
        assert content == (FILES / held).read_bytes()


def number(data: bytes, at: int) -> tuple[int, int]:
    """An unsigned number of seven bits a byte, and where it ends."""
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128:
            return value, at


def frames(data: bytes) -> list[tuple[int, bytes]]:
    found, at = [], 8
    while at < len(data):
        kind = data[at]
        if data[:8] == b"OVERTSG1":
            size, crc = struct.unpack_from("<xxxxII", data, at)
            at += 12
        else:
            size, at = number(data, at + 1)
            (crc,) = struct.unpack_from("<I", data, at)
            at += 4
        packed = data[at : at + size]
        assert zlib.crc32(bytes([kind]) + packed) == crc
        stored = kind >= 128
        found.append((kind & 127, packed if stored else zstandard.decompress(packed)))
        at += size
    return found


def planes(data: bytes, count: int, width: int) -> list[int]:
    """Integers from byte planes, lowest bytes first."""
    return [int.from_bytes(data[row::count][:width], "little") for row in range(count)]


def told_input() -> list[list[list[Any]]]:
    told = json.loads((FILES / "segment.json").read_text())
    return [one["events"] for one in told["records"] if one["record"] == "input"]


def test_columns_of_input_are_read_from_their_specification() -> None:
    for name, rows in (("segment.bin", told_input()[1]), ("segment-1.bin", None)):
        payload = next(
            item for kind, item in frames((FILES / name).read_bytes()) if kind == 2
        )
        found = columns_of_input(payload)
        assert rows is None or found == rows
        assert len(found) == (5 if rows is None else 150)


def columns_of_input(payload: bytes) -> list[list[Any]]:
    count, t_ns, scale = struct.unpack_from("<IqQ", payload)
    at, columns = 20, []
    for width in (8, 1, 1, 2, 2, 2, 4):
        columns.append(planes(payload[at : at + width * count], count, width))
        at += width * count
    x = y = 0
    found: list[list[Any]] = []
    for step, kind, device, state, dx, dy, detail in zip(*columns, strict=True):
        t_ns = (t_ns + step * scale) % 2**64
        x, y = (x + dx) % 2**16, (y + dy) % 2**16
        signed = [value - 2**16 if value >= 2**15 else value for value in (x, y)]
        found.append([str(t_ns), kind, device, state, *signed, detail])
    return found


def signed_number(data: bytes, at: int) -> tuple[int, int]:
    value, at = number(data, at)
    return (-(value // 2) - 1 if value % 2 else value // 2), at


def test_rows_of_input_are_read_from_their_specification() -> None:
    content = (FILES / "segment.bin").read_bytes()
    payload = next(item for kind, item in frames(content) if kind == 9)
    unit = 1_000_000 if payload[0] else 1
    t, at = signed_number(payload, 1)
    step = x = y = state = key = 0
    devices = [0] * 6
    found: list[list[Any]] = []
    while at < len(payload):
        head, at = payload[at], at + 1
        form, turn = head % 8, head // 32
        if turn == 7:
            turn, at = number(payload, at)
        step += -(turn // 2) - 1 if turn % 2 else turn // 2
        t += step
        new_device = None
        if head & 8:
            new_device, at = payload[at], at + 1
        if head & 16:
            state, at = number(payload, at)
        kind = {
            1: 1,
            2: 1,
            3: 2,
            4: 3,
            5: 4,
            6: 5,
            7: payload[min(at, len(payload) - 1)],
        }[form]
        dx = dy = 0
        if form == 1:
            dx, dy = payload[at] // 16, payload[at] % 16
            dx, dy, at = dx - 16 * (dx > 7), dy - 16 * (dy > 7), at + 1
        elif form in {2, 7}:
            dx, at = signed_number(payload, at + (form == 7))
            dy, at = signed_number(payload, at)
        x, y = (x + dx + 2**15) % 2**16 - 2**15, (y + dy + 2**15) % 2**16 - 2**15
        if new_device is not None:
            devices[kind] = new_device
        detail = 0
        if kind > 1:
            detail, at = number(payload, at)
        if kind > 3:
            key = detail - 1 if detail else key
            detail = key
        row = [str(t * unit), kind, devices[kind], state, x, y, detail]
        found.append(row)
    assert found == told_input()[0]


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


def test_a_cosignature_is_checked_as_c2sp_says() -> None:
    """C2SP tlog-cosignature, version 1, and the verifier keys of C2SP signed-note."""
    told = json.loads((FILES / "witness.json").read_text())
    name, digest, encoded = told["key"].split("+", 2)
    raw = base64.b64decode(encoded)
    own = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4]
    assert (raw[0], own.hex()) == (4, digest)
    text, signatures = (FILES / "cosigned.txt").read_text().split("\n\n")
    prefix = f"\u2014 {name} "
    (line,) = [one for one in signatures.splitlines() if one.startswith(prefix)]
    blob = base64.b64decode(line.removeprefix(prefix))
    assert (blob[:4], int.from_bytes(blob[4:12], "big")) == (own, told["time_s"])
    signed = f"cosignature/v1\ntime {told['time_s']}\n{text}\n"
    Ed25519PublicKey.from_public_bytes(raw[1:]).verify(blob[12:], signed.encode())


def roots(
    first: int, size: int, proof: list[bytes], older: bytes | None
) -> tuple[bytes, bytes]:
    """Both roots that a proof leads to, by the definition of RFC 6962, 2.1.2.

    `older` is the root of the older tree where the proof leaves it out.
    """
    if first == size:
        known = proof.pop() if older is None else older
        return known, known
    left = 1 << (size - 1).bit_length() - 1
    other = proof.pop()
    if first <= left:
        old, new = roots(first, left, proof, older)
        return old, hashlib.sha256(b"\x01" + new + other).digest()
    old, new = roots(first - left, size - left, proof, None)
    return (
        hashlib.sha256(b"\x01" + other + old).digest(),
        hashlib.sha256(b"\x01" + other + new).digest(),
    )


@pytest.mark.parametrize(
    "path", sorted(FILES.glob("consistency-*-*.json")), ids=lambda path: path.stem
)
def test_a_consistency_proof_leads_to_both_roots(path: Path) -> None:
    told = json.loads(path.read_text())
    proof = [bytes.fromhex(one) for one in told["proof"]]
    found = roots(told["first"], told["second"], proof, bytes.fromhex(told["roots"][0]))
    assert [one.hex() for one in found] == told["roots"]
    assert not proof
