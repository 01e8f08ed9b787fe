"""Signed documents: DSSE envelopes with Ed25519 signatures, and thresholds.

A signed document is a JSON object `{"payloadType", "payload", "signatures"}` as in
the Dead Simple Signing Envelope, version 1: the signature covers the pre-auth
encoding of type and payload, so that a document of one type never passes for one of
another. Source: https://github.com/secure-systems-lab/dsse (protocol.md).
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from overt.protocol.canonical import (
    Json,
    b64,
    canonical_bytes,
    parse_json,
    sha256_hex,
    unb64,
)
from overt.protocol.errors import DataError, SealError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TYPE_PREFIX = "application/vnd.overt."


def key_id(public: Ed25519PublicKey) -> str:
    """Return a public key's id: the first 16 hex digits of its SHA-256."""
    return sha256_hex(public.public_bytes_raw())[:16]


def device_id(public: Ed25519PublicKey) -> str:
    """Return the id that a device with a signing key must have: it names that key.

    A segment's key opens only under the header that it was sealed with, and the header
    names the device: so it names the device's key too, and nobody can put another one
    in its place by signing the same bytes anew.
    """
    digest = hashlib.sha256(b"overt device v1\0" + public.public_bytes_raw()).digest()
    return "dev_" + base64.b32encode(digest[:16]).decode().rstrip("=").lower()


def public_key(text: str) -> Ed25519PublicKey:
    """Read a base64url Ed25519 public key (32 bytes).

    Raises:
        DataError: The text is no such key.
    """
    try:
        return Ed25519PublicKey.from_public_bytes(unb64(text, what="a public key"))
    except ValueError as error:
        raise DataError("A public key does not have 32 bytes.") from error


def public_text(public: Ed25519PublicKey) -> str:
    """Return a public key as base64url."""
    return b64(public.public_bytes_raw())


def pre_auth(payload_type: str, payload: bytes) -> bytes:
    """Return the bytes that a signature covers: the pre-auth encoding."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign_document(kind: str, body: Json, keys: Sequence[Ed25519PrivateKey]) -> Json:
    """Return a DSSE envelope over a JSON body.

    Args:
        kind: The document's type without prefix, for example `programme.v1`.
        body: The JSON object to sign; it is serialised by RFC 8785.
        keys: The signers, one signature each.
    """
    payload = canonical_bytes(body)
    payload_type = TYPE_PREFIX + kind
    message = pre_auth(payload_type, payload)
    return {
        "payloadType": payload_type,
        "payload": b64(payload),
        "signatures": [
            {"keyid": key_id(key.public_key()), "sig": b64(key.sign(message))}
            for key in keys
        ],
    }


def verify_document(
    envelope: Json,
    kind: str,
    trusted: Mapping[str, Ed25519PublicKey],
    *,
    threshold: int = 1,
) -> Json:
    """Return the body of an envelope that enough trusted keys have signed.

    Args:
        envelope: The DSSE envelope.
        kind: The type that the document must have, without prefix.
        trusted: The keys that count, by key id (`key_id`).
        threshold: How many distinct trusted keys must have signed.

    Raises:
        DataError: The envelope is malformed or of another type.
        SealError: Fewer than `threshold` trusted keys have signed these bytes.
    """
    try:
        payload_type, text = envelope["payloadType"], envelope["payload"]
        signatures = [
            (str(item["keyid"]), item["sig"]) for item in envelope["signatures"]
        ]
    except (KeyError, TypeError) as error:
        raise DataError(f"A signed {kind} document is not a DSSE envelope.") from error
    if payload_type != TYPE_PREFIX + kind:
        raise DataError(f"A document is of type {payload_type!r:.80}, not {kind!r}.")
    payload = unb64(text, what=f"the payload of a {kind} document")
    message = pre_auth(payload_type, payload)
    good = {
        name
        for name, signature in signatures
        if (key := trusted.get(name)) is not None and _signed(key, signature, message)
    }
    if len(good) < max(threshold, 1):
        raise SealError(
            f"A {kind} document has {len(good)} valid signatures of trusted keys;"
            f" {max(threshold, 1)} are needed."
        )
    return parse_json(payload, what=f"The payload of a {kind} document")


def _signed(key: Ed25519PublicKey, signature: str, message: bytes) -> bool:
    try:
        key.verify(unb64(signature, what="a signature"), message)
    except (InvalidSignature, DataError):
        return False
    return True


def trusted_keys(keys: Sequence[Ed25519PublicKey]) -> dict[str, Ed25519PublicKey]:
    """Index public keys by their key id, as `verify_document` takes them."""
    return {key_id(key): key for key in keys}
