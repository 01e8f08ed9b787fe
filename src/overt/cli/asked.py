"""An access request in words: what an approver reads before they sign.

Input: a request whose signature was checked, and its programme. Output: lines of text.
Whatever the requester wrote stands on one line with nothing hidden in it, so that it
cannot pass for another line. It never asks the server.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from overt.cli.output import plain
from overt.protocol.grants import request_problems

if TYPE_CHECKING:
    from overt.protocol.grants import AccessRequest
    from overt.protocol.programme import Programme


def words(
    asked: AccessRequest, programme: Programme, digest: str, *, now_utc_s: int
) -> str:
    """Return the request as a reader sees it, with the digest that is signed.

    Args:
        asked: The request.
        programme: The programme, verified up to its keys.
        digest: `document_digest` of the signed request.
        now_utc_s: Unix seconds now.
    """
    rows = {
        "Request": asked.request,
        "Asked by": asked.requester,
        "Purpose": _purpose(asked, programme),
        "Reason": asked.reason,
        "People": _people(asked),
        "Data": ", ".join(asked.fields),
        "Level": f"{asked.level}, at most",
        "Region": asked.region,
        "Until": _until(asked.expires_utc_s, now_utc_s),
        "In clear": _export(asked),
        "Digest": digest,
    }
    lines = [f"{name:10}{plain(text)}" for name, text in rows.items()]
    lines += [
        f"{'Never':10}It can never be granted: {plain(problem)}"
        for problem in request_problems(asked, programme)
    ]
    return "\n".join(lines)


def _purpose(asked: AccessRequest, programme: Programme) -> str:
    for purpose in programme.purposes:
        if purpose.id == asked.purpose:
            return f"{purpose.title} ({purpose.id}): {purpose.text}"
    return f"{asked.purpose}, which the programme does not have"


def _people(asked: AccessRequest) -> str:
    if not asked.cohort:
        return "all who agreed to this purpose"
    names = sorted({*asked.cohort})
    return f"{len(names)} named pseudonyms: {', '.join(names)}"


def _export(asked: AccessRequest) -> str:
    if not asked.export:
        return "no export"
    return f"{', '.join(asked.derived)}, EXPORTED TO {asked.export}"


def _until(expires_utc_s: int, now_utc_s: int) -> str:
    try:
        day = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(expires_utc_s))
    except (OverflowError, OSError, ValueError):
        return f"{expires_utc_s} s since 1970"
    left = expires_utc_s - now_utc_s
    if left <= 0:
        return f"{day}: it has expired"
    return f"{day}, {left / 86400:.1f} days from now"
