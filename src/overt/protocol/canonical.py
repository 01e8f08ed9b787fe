"""Canonical bytes of JSON values (RFC 8785), base64url, SHA-256."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from typing import Any

import rfc8785

from overt.protocol.errors import DataError

Json = dict[str, Any]
_PLAIN = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)
_INTEGERS = 2**53 - 1


def _is_plain(value: Any) -> bool:
    """Whether Python's own encoder gives a value's canonical form.

    It does for texts, truth values, null and safe integers, and for lists and objects
    of them whose names are ASCII: their order is the same by code point and by UTF-16.
    """
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return True
    if kind is int:
        return bool(-_INTEGERS <= value <= _INTEGERS)
    if kind is list or kind is tuple:
        return all(_is_plain(one) for one in value)
    return kind is dict and _is_plain_object(value)


def _is_plain_object(value: Json) -> bool:
    for name, one in value.items():  # a loop: entries of the log are made by thousands
        if type(name) is not str or not name.isascii():
            return False
        if type(one) is not str and not _is_plain(one):
            return False
    return True


def canonical_bytes(value: Any) -> bytes:
    """Return the RFC 8785 serialisation of a JSON value.

    Raises:
        DataError: The value has no JSON form (a float that is not finite, an
            integer beyond 2**53, a foreign type).
    """
    try:
        if _is_plain(value):  # the same bytes in a third of the time
            return _PLAIN.encode(value).encode()
        return rfc8785.dumps(value)
    except rfc8785.CanonicalizationError as error:
        raise DataError(f"A value has no canonical JSON form: {error}.") from error
    except (UnicodeEncodeError, RecursionError) as error:
        raise DataError("A value has no canonical JSON form.") from error


def parse_json(data: bytes, *, what: str) -> Json:
    """Parse bytes that must be one JSON object.

    Raises:
        DataError: The bytes are no JSON object; the message names `what`.
    """
    try:
        text = data.decode(json.detect_encoding(data), "surrogatepass")
        value = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{what} is not JSON.") from error
    if not isinstance(value, dict):
        raise DataError(f"{what} is not a JSON object.")
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)  # made once, not per call


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 of the bytes as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def b64(data: bytes) -> str:
    """Return base64url without padding (RFC 4648, section 5)."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def unb64(text: str, *, what: str) -> bytes:
    """Decode base64url without padding; each value has one spelling only.

    Raises:
        DataError: The text is not base64url; the message names `what`.
    """
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError, TypeError) as error:
        raise DataError(f"{what} is not base64url.") from error
    if b64(data) != text:  # other alphabet, padding, stray bits or characters
        raise DataError(f"{what} is not base64url.")
    return data
