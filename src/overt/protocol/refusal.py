"""What a server's answer that is no success says, as an error.

Stage: between a server's answer and whoever called. Input: status and body. Output:
the error that `routes.py` says the body names, with its remedy. Lengths are bounded,
since the server may be anybody's. No I/O.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from overt.protocol import errors
from overt.protocol.canonical import parse_json
from overt.protocol.errors import (
    DataError,
    GovernError,
    NetworkError,
    OvertError,
    VaultError,
)

if TYPE_CHECKING:
    from overt.protocol.canonical import Json

MAX_SENTENCE: Final = 400  # characters
_AWAY: Final = frozenset({502, 503, 504})
# where the body names no class of `errors`: the vault's own are subclasses of these
_BY_STATUS: Final[dict[int, type[OvertError]]] = {
    400: DataError,
    401: GovernError,
    403: GovernError,
    413: DataError,
    423: GovernError,
}


def refusal(status: int, body: bytes, *, server: str) -> OvertError:
    """Return the error that an answer carries.

    A status of 502 to 504 is a `NetworkError` whatever the body names: what waits is
    kept and can be tried again.

    Args:
        status: The HTTP status, 300 or above.
        body: The answer's bytes; need not be JSON.
        server: Base URL; stands in the message.
    """
    answer = _said(body)
    sentence = str(answer.get("error") or f"Status {status}.")[:MAX_SENTENCE]
    remedy = str(answer.get("remedy") or "")[:MAX_SENTENCE]
    kind = _kind(status, str(answer.get("code", "")))
    return kind(f"The server {server} refuses: {sentence}", remedy=remedy)


def _said(body: bytes) -> Json:
    try:
        return parse_json(body, what="An error")
    except OvertError:
        return {}


def _kind(status: int, code: str) -> type[OvertError]:
    if status in _AWAY:
        return NetworkError
    named = getattr(errors, code, None)
    if isinstance(named, type) and issubclass(named, OvertError):
        return named
    return _BY_STATUS.get(status, VaultError)
