"""Sealing: HPKE to a key pair, sealed blobs, sealed segments.

HPKE (RFC 9180) in base mode with the hybrid KEM ML-KEM-768 + X25519, HKDF-SHA256 and
AES-256-GCM. A segment gets a key of its own; the key is sealed to the person's vault
key, the bytes are padded (Padmé, Nikitin et al. 2019: at most 12 % more, and log log
of the size leaks) and encrypted under it, and the device signs the whole. The header
binds the box, not the ciphertext, so that a release names people anew and decrypts
nothing. Specified in docs/spec/sealed-segment.md.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import (
    MLKEM768PrivateKey,
    MLKEM768PublicKey,
)
from cryptography.hazmat.primitives.asymmetric.x25519 import (
    X25519PrivateKey,
    X25519PublicKey,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from overt.protocol.canonical import Json, canonical_bytes, parse_json, sha256_hex
from overt.protocol.errors import DataError, SealError
from overt.protocol.forms import read_form

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

_CONTENT = b"overt segment content v2\0"
SUITE = "HPKE base, MLKEM768-X25519, HKDF-SHA256, AES-256-GCM"
MAGIC = b"OVERTSL2"
_MAGIC_1 = b"OVERTSL1"
BLOB_MAGIC = b"OVERTBL1"
KEY_BYTES, NONCE_BYTES, TAG_BYTES, SIGNATURE_BYTES = 32, 12, 16, 64
BOX_BYTES = 1120 + KEY_BYTES + TAG_BYTES  # encapsulated key, sealed 32-byte key
_MLKEM_SEED, _MLKEM_PUBLIC, _X25519 = 64, 1184, 32
_HPKE = hpke.Suite(
    hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM
)


class SealingPublicKey:
    """The public half of a sealing key pair: 1184 + 32 bytes."""

    def __init__(self, raw: bytes) -> None:
        if len(raw) != _MLKEM_PUBLIC + _X25519:
            raise DataError("A sealing public key does not have 1216 bytes.")
        self.raw = raw
        try:
            mlkem = MLKEM768PublicKey.from_public_bytes(raw[:_MLKEM_PUBLIC])
        except ValueError as error:
            raise DataError("A sealing public key is none.") from error
        x25519 = X25519PublicKey.from_public_bytes(raw[_MLKEM_PUBLIC:])
        self._key = hpke.MLKEM768X25519PublicKey(mlkem, x25519)

    def seal(self, secret: bytes, info: bytes) -> bytes:
        """Return HPKE's encapsulated key and ciphertext of a short secret.

        Raises:
            SealError: The public key is of low order: it would protect nothing.
        """
        try:
            return _HPKE.encrypt(secret, self._key, info=info)
        except ValueError as error:
            raise SealError("A sealing public key is of low order.") from error


class SealingKey:
    """A sealing key pair: 64 bytes ML-KEM seed and 32 bytes X25519 scalar."""

    def __init__(self, raw: bytes) -> None:
        if len(raw) != _MLKEM_SEED + _X25519:
            raise DataError("A sealing key does not have 96 bytes.")
        self.raw = raw
        self._mlkem = MLKEM768PrivateKey.from_seed_bytes(raw[:_MLKEM_SEED])
        self._x25519 = X25519PrivateKey.from_private_bytes(raw[_MLKEM_SEED:])
        self._key = hpke.MLKEM768X25519PrivateKey(self._mlkem, self._x25519)

    @cached_property
    def public(self) -> SealingPublicKey:
        """The public half."""
        return SealingPublicKey(
            self._mlkem.public_key().public_bytes_raw()
            + self._x25519.public_key().public_bytes_raw()
        )

    @classmethod
    def generate(cls) -> SealingKey:
        """Make a fresh key pair."""
        return cls(os.urandom(_MLKEM_SEED + _X25519))

    def open(self, box: bytes, info: bytes) -> bytes:
        """Open what `SealingPublicKey.seal` made for the same `info`.

        Raises:
            SealError: Another key, another `info`, or altered bytes.
        """
        try:
            return _HPKE.decrypt(box, self._key, info=info)
        except (InvalidTag, ValueError) as error:
            raise SealError("A sealed key does not open with this key.") from error


def padded_size(size_bytes: int) -> int:
    """Return the Padmé length of a size: at most 12 % more."""
    if size_bytes < 2:
        return size_bytes
    exponent = size_bytes.bit_length() - 1
    mask = (1 << (exponent - exponent.bit_length())) - 1
    return (size_bytes + mask) & ~mask


def pad(data: bytes, block_bytes: int = 1) -> bytes:
    """Prefix the length (u64, little endian) and pad with zeros to Padmé size.

    Args:
        data: The plaintext.
        block_bytes: The padded size is a multiple of this as well.
    """
    whole = struct.pack("<Q", len(data)) + data
    size_bytes = -(-padded_size(len(whole)) // block_bytes) * block_bytes
    return whole + bytes(size_bytes - len(whole))


def unpad(data: bytes) -> bytes:
    """Take the padding away.

    Raises:
        DataError: The length does not fit.
    """
    if len(data) < 8 or (size := struct.unpack_from("<Q", data)[0]) > len(data) - 8:
        raise DataError("Sealed bytes have a wrong padding.")
    return data[8 : 8 + size]


def _encrypt(key: bytes, data: bytes, context: bytes, block_bytes: int = 1) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, pad(data, block_bytes), context)


def _decrypt(key: bytes, data: bytes, context: bytes) -> bytes:
    try:
        padded = AESGCM(key).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], context)
    except (InvalidTag, ValueError) as error:
        raise SealError("Sealed bytes do not open: altered, or another key.") from error
    return unpad(padded)


def seal_blob(data: bytes, recipient: SealingPublicKey, context: Json) -> bytes:
    """Seal a file of any kind to one key: `OVERTBL1`, context, box, ciphertext.

    Args:
        data: The plaintext.
        recipient: Whose key opens it.
        context: What the file is (ids, kind); stands in clear, is authenticated.
    """
    head = canonical_bytes(context)
    key = os.urandom(KEY_BYTES)
    box = recipient.seal(key, b"overt blob v1\0" + head)
    prefix = BLOB_MAGIC + struct.pack("<I", len(head)) + head
    return prefix + box + _encrypt(key, data, prefix)


def blob_context(blob: bytes) -> Json:
    """Return a sealed blob's context without opening it.

    Raises:
        DataError: The bytes are no sealed blob.
    """
    return parse_json(_blob_head(blob), what="A sealed file's context")


def _blob_head(blob: bytes) -> bytes:
    if not blob.startswith(BLOB_MAGIC) or len(blob) < 12:
        raise DataError("A file does not begin like an overt sealed file.")
    (size,) = struct.unpack_from("<I", blob, 8)
    if len(blob) < 12 + size + BOX_BYTES + NONCE_BYTES + TAG_BYTES:
        raise DataError("A sealed file is truncated.")
    return blob[12 : 12 + size]


def open_blob(blob: bytes, key: SealingKey) -> bytes:
    """Open a sealed blob.

    Raises:
        DataError: The bytes are no sealed blob.
        SealError: Another key, or altered bytes.
    """
    head = _blob_head(blob)
    start = 12 + len(head)
    secret = key.open(blob[start : start + BOX_BYTES], b"overt blob v1\0" + head)
    return _decrypt(secret, blob[start + BOX_BYTES :], blob[:start])


@dataclass(frozen=True, slots=True)
class SealedHeader:
    """What a sealed segment says of itself in clear. No content, a date, no time.

    Attributes:
        segment: Segment id.
        session: Recording session id.
        sequence: Number of the segment in its session.
        person: Pseudonym.
        device: Device id.
        programme: Programme id.
        consent: Consent record id.
        day: UTC date of sealing, `YYYY-MM-DD`.
    """

    segment: str
    session: str
    sequence: int
    person: str
    device: str
    programme: str
    consent: str
    day: str


@dataclass(frozen=True, slots=True)
class SealedSegment:
    """A sealed segment taken apart; nothing in it is opened.

    Attributes:
        header: What it says of itself.
        box: The segment key, sealed to the person's vault key.
        ciphertext: Nonce, AES-256-GCM ciphertext, tag.
        signature: The device's Ed25519 signature.
        signed: The bytes that the signature covers.
    """

    header: SealedHeader
    box: bytes
    ciphertext: bytes
    signature: bytes
    signed: bytes


def box_info(header: SealedHeader) -> bytes:
    """Return the HPKE `info` that binds a segment's key to its header."""
    return b"overt segment v2\0" + canonical_bytes(_told(header))


_NAMES = tuple(item.name for item in fields(SealedHeader))


def _told(header: SealedHeader) -> Json:
    return {name: getattr(header, name) for name in _NAMES}


def seal_segment(
    data: bytes,
    header: SealedHeader,
    recipient: SealingPublicKey,
    device: Ed25519PrivateKey,
    *,
    block_bytes: int = 1,
) -> bytes:
    """Seal a segment's bytes under a fresh key to a person's vault key, and sign.

    Args:
        data: The segment.
        header: What it says of itself in clear.
        recipient: The person's vault key.
        device: Signs the whole.
        block_bytes: The padded size is a multiple of this.
    """
    info = box_info(header)
    key = os.urandom(KEY_BYTES)
    head = canonical_bytes(_told(header))
    ciphertext = _encrypt(key, data, _CONTENT, block_bytes)
    signed = b"".join(
        [
            MAGIC,
            struct.pack("<IQ", len(head), len(ciphertext)),
            head,
            recipient.seal(key, info),
            ciphertext,
        ]
    )
    return signed + device.sign(signed)


def parse_sealed(data: bytes) -> SealedSegment:
    """Take a sealed segment apart.

    Raises:
        DataError: The bytes are no sealed segment, or are truncated.
    """
    if data.startswith(_MAGIC_1):
        raise DataError(
            "A sealed segment is of version 1; this overt reads version 2.",
            remedy="Send it again with this version of overt.",
        )
    if not data.startswith(MAGIC) or len(data) < 20:
        raise DataError("A file does not begin like an overt sealed segment.")
    head_size, size = struct.unpack_from("<IQ", data, 8)
    box_at = 20 + head_size
    at = box_at + BOX_BYTES
    if len(data) != at + size + SIGNATURE_BYTES:
        raise DataError("A sealed segment is truncated or has bytes after its end.")
    body = parse_json(data[20:box_at], what="A sealed segment's header")
    header = read_form(SealedHeader, body, what="A sealed segment's header")
    end = at + size
    return SealedSegment(header, data[box_at:at], data[at:end], data[end:], data[:end])


def verify_sealed(sealed: SealedSegment, device: Ed25519PublicKey) -> None:
    """Check that the device signed the sealed segment.

    Raises:
        SealError: It did not, or the bytes were altered.
    """
    try:
        device.verify(sealed.signature, sealed.signed)
    except InvalidSignature as error:
        raise SealError(
            f"Segment {sealed.header.segment} is not signed by its device."
        ) from error


def open_segment(sealed: SealedSegment, key: SealingKey) -> bytes:
    """Open a sealed segment with the person's vault key.

    Raises:
        SealError: Another key, or altered bytes.
    """
    return decrypt_segment(sealed.ciphertext, open_box(sealed, key))


def open_box(sealed: SealedSegment, key: SealingKey) -> bytes:
    """Return a segment's key, opened with the person's vault key.

    Raises:
        SealError: Another key, or altered bytes.
    """
    return key.open(sealed.box, box_info(sealed.header))


def decrypt_segment(ciphertext: bytes, secret: bytes) -> bytes:
    """Open a segment's ciphertext with its own key.

    Raises:
        SealError: Another key, or altered bytes.
    """
    return _decrypt(secret, ciphertext, _CONTENT)


def sealed_digest(data: bytes) -> str:
    """Return the SHA-256 of a sealed segment as receipts and the log name it."""
    return sha256_hex(data)
