"""A programme in words: what everybody may read of it.

Input: a programme whose signatures were checked. Output: lines of text, not yet freed
of what a steward may have hidden in them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from overt.protocol.programme import Member, Programme

_APPROVALS = {"key": "by key file or passkey", "passkey": "by passkey alone"}


def told(found: Programme) -> list[str]:
    """Return a programme in lines."""
    covers = "yes" if found.dpia_covers_this else "NO"
    rules = [
        " ".join(filter(None, (rule.app, rule.url, rule.title, f"at {rule.level}")))
        for rule in found.allow
    ]
    return [
        f"{found.title} ({found.programme}, version {found.version})",
        f"controller: {found.controller}",
        *(f"purpose {item.id}: {item.title}" for item in found.purposes),
        f"notice {found.notice.version}: {found.notice.digest[:16]}",
        f"DPIA {found.dpia.reference}: covers this configuration: {covers}",
        f"data types: {', '.join(found.data_types)}",
        *(f"recorded: {rule}" for rule in rules),
        "everything else: not recorded",
        f"kept for {found.retention_days} days, in {', '.join(found.regions)}",
        f"a grant covers {found.min_cohort} people at least",
        f"a device records for {found.lease_s} s without the vault's word",
        f"approvals: {_APPROVALS[found.approvals]}",
        *map(_member, found.roster),
    ]


def _member(member: Member) -> str:
    """Return somebody on the roster in a line."""
    more = [f"{len(member.passkeys)} passkeys"] if member.passkeys else []
    more += ["manages participants, approves nothing"] if member.manages else []
    return "; ".join([f"{member.name}: {', '.join(member.roles)}", *more])
