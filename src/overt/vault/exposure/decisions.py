"""What the policy answers for every role, and which permissions are alive now.

Stage: an adapter of the exposure audit. In: the policy, the rows; out: reaches and
trials. The policy is asked, not read: for each role every action, and for each role one
read in every circumstance that must deny it. It grants nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from overt.protocol.errors import GovernError
from overt.protocol.programme import FORBIDDEN_PURPOSES, ROLES
from overt.vault.exposure.findings import Exposure, Reach, Trial, place
from overt.vault.govern.callers import Caller
from overt.vault.govern.policy import Reading, SegmentFacts, check, may_read
from overt.vault.govern.requests import request_files
from overt.vault.store.rows import InvitationRow, WebSessionRow

if TYPE_CHECKING:
    from overt.protocol.programme import Programme
    from overt.vault.store.database import Database

POLICY = "policy"
ALL_ROLES = (*ROLES, "participant", "former", "nobody")
ACTIONS = (
    "record", "consent", "withdraw", "send", "see_readers", "see_state",
    "see_requests", "invite", "make_person_key", "request", "approve", "halt",
    "release",
)  # fmt: skip
_FACTS = SegmentFacts(
    "seg_x", erased=False, withdrawn=False, purposes=("agents",), covered=True
)
_READING = Reading(halted=False, purpose="agents", approvers=2, expires_s=2, now_s=1)
# each of these must deny, whoever asks
_DENIED: dict[str, tuple[SegmentFacts, Reading]] = {
    "without approvals": (_FACTS, replace(_READING, approvers=0)),
    "with one approval": (_FACTS, replace(_READING, approvers=1)),
    "after the grant": (_FACTS, replace(_READING, now_s=2)),
    "while halted": (_FACTS, replace(_READING, halted=True)),
    "beyond cohort or fields": (replace(_FACTS, covered=False), _READING),
    "after erasure": (replace(_FACTS, erased=True), _READING),
    "after withdrawal": (replace(_FACTS, withdrawn=True), _READING),
    "for a purpose nobody agreed to": (replace(_FACTS, purposes=()), _READING),
}


def table() -> dict[str, list[str]]:
    """Return what each role may do, by the policy's own answer."""
    return {role: [one for one in ACTIONS if _may(role, one)] for role in ALL_ROLES}


def _caller(role: str) -> Caller:
    return Caller("exposure-audit", (role,), "")


def _may(role: str, action: str) -> bool:
    try:
        check(_caller(role), action, "prog_x", halted=False)
    except GovernError:
        return False
    return True


def ask_policy() -> Exposure:
    """Return which roles may read under a grant, and every trial without one."""
    reaches, trials = [], []
    for role in ALL_ROLES:
        caller = _caller(role)
        if may_read(caller, _FACTS, _READING):
            how = "under a grant that two people approved"
            expected = role == "researcher"
            reaches.append(
                Reach(f"role {role}", "segments", POLICY, how, expected=expected)
            )
        for what, (facts, reading) in _denied().items():
            opened = may_read(caller, facts, reading)
            why = "allowed" if opened else "denied"
            trials.append(
                Trial(f"role {role}", "segments", f"{POLICY}, {what}", opened, why=why)
            )
    return place(reaches=reaches, trials=trials)


def _denied() -> dict[str, tuple[SegmentFacts, Reading]]:
    forbidden = {
        f"for {purpose}": (
            replace(_FACTS, purposes=(purpose,)),
            replace(_READING, purpose=purpose),
        )
        for purpose in FORBIDDEN_PURPOSES
    }
    return {**_DENIED, **forbidden}


def alive(database: Database, programme: Programme, now_s: int) -> Exposure:
    """Return grants in force as reaches, and tokens alive as counts."""
    reaches = []
    for request_id, file in request_files(database):
        if file.state(programme, now_s) == "granted":
            who = file.request(programme).requester
            how = f"until {file.request(programme).expires_utc_s}"
            where = f"grant {request_id}"
            reaches.append(Reach(who, "segments", where, how, expected=True))
    with database.read() as session:
        sessions = session.scalar(
            select(func.count()).where(WebSessionRow.expires_s > now_s)
        )
        invitations = session.scalar(
            select(func.count()).where(
                InvitationRow.state == "open", InvitationRow.expires_s > now_s
            )
        )
    if sessions:
        how = f"{sessions} alive"
        reaches.append(
            Reach("members logged in", "facts", "console sessions", how, expected=True)
        )
    if invitations:
        how = f"{invitations} open"
        reaches.append(
            Reach("holders of invitations", "facts", "enrolment", how, expected=True)
        )
    return place(reaches=reaches)
