"""The vault's refusals that a caller can tell apart, and their HTTP statuses.

Stage: at the border of the vault's processes. In: errors; out: problem JSON
`{"error", "remedy", "code"}` as protocol/routes.py says. No answer carries content.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi.responses import JSONResponse

from overt.protocol.errors import (
    ConsentError,
    DataError,
    GovernError,
    NetworkError,
    OvertError,
    SealError,
    UsageError,
    VaultError,
)

if TYPE_CHECKING:
    from fastapi import FastAPI, Request


class UnsignedError(GovernError):
    """A call that nobody known has signed."""


class ReplayError(GovernError):
    """A call that was made before."""


class HaltedError(GovernError):
    """The programme is halted."""


class ConflictError(VaultError):
    """Something else is there under this id."""


class NotFoundError(VaultError):
    """There is no such thing."""


class TooLargeError(DataError):
    """A body beyond the limit."""


class TooSlowError(DataError):
    """A body that does not come to its end."""


# the first class that fits decides
_STATUSES: tuple[tuple[type[OvertError], int], ...] = (
    (UnsignedError, 401),
    (ReplayError, 409),
    (HaltedError, 423),
    (ConflictError, 409),
    (NotFoundError, 404),
    (TooLargeError, 413),
    (TooSlowError, 408),
    (GovernError, 403),
    (ConsentError, 403),
    (SealError, 403),
    (DataError, 400),
    (UsageError, 400),
    (VaultError, 503),
    (NetworkError, 503),
)


def status_of(error: OvertError) -> int:
    """Return the HTTP status of an error."""
    for kind, status in _STATUSES:
        if isinstance(error, kind):
            return status
    return 500


def _answer(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, OvertError):
        raise error
    body = {
        "error": Exception.__str__(error),
        "remedy": error.remedy,
        "code": type(error).__name__,
    }
    return JSONResponse(body, status_of(error))


def answer_refusals(app: FastAPI) -> None:
    """Let an app answer overt's errors as problem JSON."""
    app.add_exception_handler(OvertError, _answer)
