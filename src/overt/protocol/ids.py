"""Identifiers: random, typed, without meaning.

An id is a prefix that names its kind and 128 random bits in lower-case base32
(RFC 4648, no padding): `seg_k3v...`. Nothing about a person, a time or a content
can be read from one.
"""

from __future__ import annotations

import base64
import re
import secrets
from typing import Literal

from overt.protocol.errors import DataError

IdKind = Literal[
    "prog",  # programme
    "part",  # participant, a pseudonym
    "dev",  # enrolled device
    "sess",  # recording session
    "seg",  # segment
    "cons",  # consent record
    "rcpt",  # receipt
    "task",  # task episode
    "req",  # access request
    "grant",
    "rel",  # release
    "ds",  # dataset
    "ckpt",  # checkpoint
    "key",  # key of something derived
    "inv",  # invitation
    "own",  # own read
    "rcv",  # recovery
]

_FORM = re.compile(r"([a-z]+)_([a-z2-7]{26})")


def new_id(kind: IdKind) -> str:
    """Return a fresh random id of a kind, for example `seg_` and 26 letters."""
    random = base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()
    return f"{kind}_{random}"


def check_id(value: str, kind: IdKind) -> str:
    """Return the value if it is an id of that kind.

    Raises:
        DataError: The value has another form or names another kind.
    """
    form = _FORM.fullmatch(value) if isinstance(value, str) else None
    if form is None or form.group(1) != kind:
        raise DataError(f"{value!r:.60} is not an id of kind {kind!r}.")
    return value
