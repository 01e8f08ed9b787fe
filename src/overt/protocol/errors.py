"""The errors of overt, one branch a stage, each with the exit code of its command.

A message names the input by id or path and the remedy. It never carries captured
content. A raise changes no state.
"""

from __future__ import annotations


class OvertError(Exception):
    """Base of every error that overt raises on purpose.

    Attributes:
        exit_code: Exit status of a command that ends with this error.
        remedy: What the reader can do about it, as a sentence; may be empty.
    """

    exit_code = 1

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy

    def __str__(self) -> str:
        message = super().__str__()
        return f"{message} {self.remedy}" if self.remedy else message


class UsageError(OvertError):
    """The command or its input file is malformed (exit code 2, as in Click)."""

    exit_code = 2


class ConsentError(OvertError):
    """Recording or sending is not permitted: consent, notice, DPIA or lease."""

    exit_code = 3


class CaptureError(OvertError):
    """The desktop cannot be recorded, or recording had to stop."""

    exit_code = 4


class SealError(OvertError):
    """Sealed bytes do not open or do not verify."""

    exit_code = 5


class VaultError(OvertError):
    """The vault cannot store, find or serve what was asked."""

    exit_code = 6


class GovernError(OvertError):
    """A rule of the programme forbids it: role, policy, grant, halt."""

    exit_code = 7


class DataError(OvertError):
    """A file or record does not have the specified form."""

    exit_code = 8


class NetworkError(OvertError):
    """A server is away; what waits is kept and can be sent again."""

    exit_code = 9
