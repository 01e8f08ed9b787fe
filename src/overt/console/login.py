"""Logging in with a member's key: a signed document for a one-time code.

Stage: before every page. In: a document `console-login.v1` that a member signs on
their own machine; out: who it is, by the roster of the signed programme. The server
never has a member's key or password, and a document works once, here, for two minutes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from overt.protocol.calls import MAX_SKEW_S
from overt.protocol.errors import DataError, GovernError, SealError
from overt.protocol.signing import (
    public_key,
    sign_document,
    trusted_keys,
    verify_document,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from overt.protocol.canonical import Json
    from overt.protocol.programme import Member, Programme

KIND = "console-login.v1"


@dataclass(frozen=True, slots=True)
class Login:
    """A member's wish to open the console.

    Attributes:
        programme: Programme id, so that no other server can pass it on.
        member: Name on the roster.
        nonce: Random, fresh for each login.
        utc_s: Unix seconds now.
    """

    programme: str
    member: str
    nonce: str
    utc_s: int


def sign_login(login: Login, key: Ed25519PrivateKey) -> Json:
    """Return the document to post to `/console/login`."""
    return sign_document(KIND, asdict(login), [key])


def verify_login(
    envelope: Json, programme: Programme, *, now_utc_s: int
) -> tuple[Login, Member]:
    """Return a login and the member who signed it. The nonce is not checked here.

    Raises:
        GovernError: Not on the roster, another programme, or the time is off.
        SealError: Somebody else signed it.
        DataError: The document is malformed.
    """
    members = {member.name: public_key(member.key) for member in programme.roster}
    keys = trusted_keys(list(members.values()))
    try:
        login = Login(**verify_document(envelope, KIND, keys))
        fits = isinstance(login.utc_s, int) and 16 <= len(login.nonce) <= 128
    except TypeError as error:
        raise DataError("A login document is malformed.") from error
    if not fits:
        raise DataError("A login document is malformed.")
    if login.programme != programme.programme:
        raise GovernError("The login is for another programme.")
    if abs(now_utc_s - login.utc_s) > MAX_SKEW_S:
        raise GovernError(
            "The login's time is off.", remedy="Set the clock and log in again."
        )
    return login, _signer(envelope, login, programme)


def _signer(envelope: Json, login: Login, programme: Programme) -> Member:
    try:
        member = programme.member(login.member)
    except DataError as error:
        raise GovernError(str(error)) from error
    try:
        verify_document(envelope, KIND, trusted_keys([public_key(member.key)]))
    except SealError as error:
        raise SealError("The login is signed by somebody else's key.") from error
    return member
