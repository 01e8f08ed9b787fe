"""Each role's whole table of rights, and that nothing but a signature widens it."""

from __future__ import annotations

import itertools
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overt.protocol.errors import GovernError
from overt.protocol.programme import FORBIDDEN_PURPOSES, ROLES
from overt.vault.govern import policy
from overt.vault.govern.callers import Caller
from overt.vault.govern.policy import Reading, SegmentFacts, check, may_read
from overt.vault.govern.roster import Roster

# role: what it may do on a programme; what is not here is refused
RIGHTS = {
    "participant": {
        "record", "consent", "withdraw", "send", "see_readers", "read_own",
        "object_recovery",
    },
    "former": {"withdraw", "see_readers"},
    "steward": {
        "see_state", "see_requests", "invite", "make_person_key", "halt",
        "change_programme", "see_derived", "decide_derived",
    },
    "representative": {
        "see_state", "see_requests", "halt", "see_derived", "decide_derived",
        "cosign_recovery",
    },
    "approver": {"see_requests", "approve", "see_derived"},
    "researcher": {
        "see_requests", "request", "release", "register", "see_derived", "export",
    },
    "auditor": {"see_state", "see_requests", "see_derived"},
    "operator": {"see_state"},
    "exposure": {"halt"},  # the audit of the server, which can stop and not start
    "nobody": set(),
}  # fmt: skip
STOPPED_BY_HALT = {"release", "read_own", "cosign_recovery", "send", "export"}
# every fact that one read hangs on, and the value that allows it
GOOD = Reading(halted=False, purpose="agents", approvers=2, expires_s=100, now_s=99)
SEGMENT = SegmentFacts(
    "seg", erased=False, withdrawn=False, purposes=("agents",), covered=True
)


def caller(*roles: str) -> Caller:
    return Caller("somebody", roles, "")


def allowed(role: str, action: str, *, halted: bool = False) -> bool:
    try:
        check(caller(role), action, "prog", halted=halted)
    except GovernError:
        return False
    return True


def actions() -> set[str]:
    """Return every action of the schema."""
    schema = re.sub("//.*", "", policy.sources()["overt.cedarschema"])
    named = re.findall(r"action (.*?) appliesTo", schema, re.DOTALL)
    return set(re.findall(r'"(\w+)"', " ".join(named)))


def test_the_table_names_every_role_and_every_action() -> None:
    assert set(RIGHTS) == {*ROLES, "participant", "former", "exposure", "nobody"}
    assert set().union(*RIGHTS.values()) == actions() - {"read"}


@pytest.mark.parametrize("role", RIGHTS)
def test_a_role_may_do_what_the_table_says_and_nothing_else(role: str) -> None:
    found = {action for action in actions() if allowed(role, action)}
    assert found == RIGHTS[role]
    halted = {action for action in actions() if allowed(role, action, halted=True)}
    assert halted == RIGHTS[role] - STOPPED_BY_HALT


def test_roles_add_up_and_nothing_more_comes_of_two() -> None:
    for one, other in itertools.combinations(RIGHTS, 2):
        both = caller(one, other)
        for action in actions() - RIGHTS[one] - RIGHTS[other]:
            with pytest.raises(GovernError):
                check(both, action, "prog", halted=False)


@pytest.mark.parametrize("role", RIGHTS)
def test_researchers_alone_read_and_only_under_a_grant(role: str) -> None:
    assert may_read(caller(role), SEGMENT, GOOD) == (role == "researcher")


@given(
    erased=st.booleans(), withdrawn=st.booleans(), covered=st.booleans(),
    halted=st.booleans(), approvers=st.integers(0, 3), now_s=st.integers(98, 102),
    purpose=st.sampled_from(("agents", "study", *FORBIDDEN_PURPOSES)),
    agreed=st.sets(st.sampled_from(("agents", "study", *FORBIDDEN_PURPOSES))),
)  # fmt: skip
@settings(deadline=None, max_examples=150)
def test_a_read_needs_every_condition(
    erased: bool, withdrawn: bool, covered: bool, halted: bool,  # noqa: FBT001
    approvers: int, now_s: int, purpose: str, agreed: set[str],
) -> None:  # fmt: skip
    segment = SegmentFacts(
        "seg", erased=erased, withdrawn=withdrawn, purposes=tuple(agreed),
        covered=covered,
    )  # fmt: skip
    reading = Reading(
        halted=halted, purpose=purpose, approvers=approvers, expires_s=100, now_s=now_s
    )
    expected = (
        not (erased or withdrawn or halted)
        and covered
        and approvers >= 2
        and now_s < 100
        and purpose in agreed
        and purpose not in FORBIDDEN_PURPOSES
    )
    assert may_read(caller("researcher"), segment, reading) == expected


def _policies(monkeypatch: pytest.MonkeyPatch, sources: dict[str, str]) -> None:
    monkeypatch.setattr(policy, "sources", lambda: sources)


EVERYTHING = '@id("x") permit (principal, action, resource);'
_EDITS = st.one_of(
    st.tuples(st.just("add"), st.sampled_from([EVERYTHING, " ", "//", "\n"])),
    st.tuples(st.just("cut"), st.integers(0, 3000)),
    st.tuples(st.just("drop"), st.sampled_from(sorted(policy.sources()))),
)


def _edited(edit: tuple[str, Any]) -> dict[str, str]:
    what, value = edit
    sources = dict(policy.sources())
    if what == "add":
        sources["reading.cedar"] += value
    elif what == "cut":
        text = sources["roles.cedar"]
        place = value % len(text)
        sources["roles.cedar"] = text[:place] + text[place + 1 :]
    else:
        del sources[value]
    return sources


@given(edit=_EDITS)
@settings(deadline=None, max_examples=60)
def test_no_change_of_a_policy_widens_anything_before_it_is_signed(
    edit: tuple[str, Any],
) -> None:
    """Whatever is edited: other bytes than the signed ones, and a server that stops."""
    signed = policy.policies_digest()
    sources = _edited(edit)
    with pytest.MonkeyPatch.context() as patch:
        _policies(patch, sources)
        assert policy.policies_digest() != signed


def test_a_server_with_other_policies_decides_nothing(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = world.granted()
    sources = policy.sources() | {"zz.cedar": EVERYTHING}
    _policies(monkeypatch, sources)
    with pytest.raises(GovernError, match="other access policies"):
        Roster(world.database, world.anchor).programme()
    world.stop()
    world.start()
    answer = world.release(request)
    assert answer.status_code == 403
    assert "other access policies" in answer.json()["error"]


def test_a_programme_that_names_no_policies_is_not_served(world: Any) -> None:
    with pytest.raises(GovernError, match="other access policies"):
        Roster(world.database, world.anchor).install(
            world.programme(version=2, policies="")
        )
