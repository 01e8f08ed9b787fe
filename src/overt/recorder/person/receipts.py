"""The receipts that the participant keeps, checked again whenever they are shown.

Input: the home's receipts folder. Output: receipts that the programme's vault has
signed. Never shows one that does not verify.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from overt.protocol.consent import Receipt
from overt.protocol.errors import DataError
from overt.protocol.signing import trusted_keys, verify_document
from overt.recorder.person.consenting import kept_receipts

if TYPE_CHECKING:
    from overt.protocol.programme import Programme
    from overt.recorder.person.home import Home


def verified_receipts(home: Home, programme: Programme) -> list[Receipt]:
    """Return every kept receipt, oldest first.

    Raises:
        SealError: One is not signed by the vault.
        DataError: One is malformed.
    """
    keys = trusted_keys([programme.service_key("receipt")])
    found = []
    for paper in kept_receipts(home):
        try:
            body = verify_document(paper["receipt"], "receipt.v1", keys)
            found.append(Receipt(**body))
        except (KeyError, TypeError) as error:
            raise DataError("A kept receipt is malformed.") from error
    return sorted(found, key=lambda receipt: (receipt.day, receipt.log_index))
