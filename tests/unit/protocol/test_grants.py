"""A grant is two people's approval of one exact request, or nothing."""

from __future__ import annotations

from typing import Any

import pytest

from overt.protocol import grants
from overt.protocol.consent import document_digest
from overt.protocol.errors import DataError, GovernError, OvertError, SealError
from overt.protocol.programme import FORBIDDEN_PURPOSES


def grant(world: Any, document: Any, approvals: list[Any]) -> grants.Grant:
    return grants.check_grant(
        document, approvals, world.programme, now_utc_s=world.now_utc_s
    )


def test_two_people_of_whom_one_is_the_representative_grant(world: Any) -> None:
    document = world.signed_request()
    approvals = [world.approval(document, name) for name in ("rep", "ana")]
    granted = grant(world, document, approvals)
    assert granted.digest == document_digest(document)
    assert granted.approvers == ("ana", "rep")
    assert granted.request == world.request()


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "two people"),
        (["rep"], "two people"),
        (["rep", "rep"], "two people"),
        (["ana", "ben"], "representative"),
        (["ben", "ben2"], "two people"),  # one human with two accounts
        (["rep", "res"], "their own request"),
        (["rep", "ana", "res2"], "their own request"),  # the requester's other account
        (["rep", "sam"], "sam is not an approver"),
        (["rep", "aud"], "aud is not an approver"),
    ],
)
def test_other_approvers_grant_nothing(
    world: Any, names: list[str], message: str
) -> None:
    document = world.signed_request()
    approvals = [world.approval(document, name) for name in names]
    with pytest.raises(GovernError, match=message):
        grant(world, document, approvals)


def test_somebody_else_cannot_sign_an_approval(world: Any) -> None:
    document = world.signed_request()
    forged = world.approval(document, "rep", key="ana")
    with pytest.raises(SealError):
        grant(world, document, [forged, world.approval(document, "ana")])
    stranger = world.approval(document, "rep", key="eve")
    with pytest.raises(SealError):
        grant(world, document, [stranger, world.approval(document, "ana")])


def test_an_approver_off_the_roster_is_refused(world: Any) -> None:
    document = world.signed_request()
    unknown = world.approval(document, "eve", key="ana")
    with pytest.raises(GovernError, match="'eve' is not on"):
        grant(world, document, [unknown])


def test_one_refusal_refuses(world: Any) -> None:
    document = world.signed_request()
    approvals = [world.approval(document, name) for name in ("rep", "ana")]
    approvals.append(
        world.approval(document, "ben", decision="refuse", reason="too broad")
    )
    with pytest.raises(GovernError, match="ben refused"):
        grant(world, document, approvals)


def test_a_request_changed_after_its_approval_is_not_granted(world: Any) -> None:
    approved = world.signed_request()
    approvals = [world.approval(approved, name) for name in ("rep", "ana")]
    changed = world.signed_request(expires_utc_s=world.now_utc_s + 7200)
    with pytest.raises(GovernError, match="changed after an approval"):
        grant(world, changed, approvals)
    decorated = approved | {"note": "altered outside the signature"}
    with pytest.raises(GovernError, match="changed after an approval"):
        grant(world, decorated, approvals)


def test_a_grant_ends(world: Any) -> None:
    document = world.signed_request()
    approvals = [world.approval(document, name) for name in ("rep", "ana")]
    end = world.now_utc_s + 3600
    grants.check_grant(document, approvals, world.programme, now_utc_s=end - 1)
    with pytest.raises(GovernError, match="expired"):
        grants.check_grant(document, approvals, world.programme, now_utc_s=end)


@pytest.mark.parametrize("purpose", FORBIDDEN_PURPOSES)
def test_forbidden_purposes_stay_forbidden(world: Any, purpose: str) -> None:
    document = world.signed_request(purpose=purpose)
    approvals = [world.approval(document, name) for name in ("rep", "ana")]
    with pytest.raises(GovernError, match="forbidden, whoever approves"):
        grant(world, document, approvals)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"programme": "prog_" + "z" * 26}, "another programme"),
        ({"purpose": "sell"}, "purpose that the programme does not have"),
        ({"fields": ()}, "fields"),
        ({"fields": ("audio",)}, "fields"),
        ({"fields": ("screen", "timing")}, "timing of input, but for no input"),
        ({"region": "moon"}, "regions"),
        ({"level": "everything"}, "level is none of masked"),
        ({"level": "off"}, "level is none of masked"),
        ({"cohort": ("p1", "p2", "p3", "p4")}, "smaller than 5"),
        ({"cohort": ("p1",) * 9}, "smaller than 5"),  # one person named nine times
    ],
)
def test_a_request_past_its_bounds_is_never_granted(
    world: Any, changes: dict[str, Any], message: str
) -> None:
    document = world.signed_request(**changes)
    approvals = [world.approval(document, name) for name in ("rep", "ana")]
    with pytest.raises(GovernError, match=message):
        grant(world, document, approvals)


def test_only_researchers_request(world: Any) -> None:
    document = world.signed_request(requester="ana")
    with pytest.raises(GovernError, match="ana is not a researcher"):
        grants.verify_request(document, world.programme)


def test_nobody_requests_in_anothers_name(world: Any) -> None:
    forged = grants.sign_request(world.request(), world.key("ana"))
    with pytest.raises(SealError):
        grants.verify_request(forged, world.programme)


@pytest.mark.parametrize(
    "changes",
    [
        {"fields": "input"},
        {"expires_utc_s": "never"},
        {"expires_utc_s": None},
        {"cohort": None},
        {"purpose": ["train-agents"]},
    ],
)
def test_malformed_requests_are_refused(world: Any, changes: dict[str, Any]) -> None:
    body = world.body(world.request(), **changes)
    document = grants.sign_document("access-request.v1", body, [world.key("res")])
    with pytest.raises(DataError, match="An access request: "):
        grants.verify_request(document, world.programme)


def test_an_approval_is_no_request_and_the_reverse(world: Any) -> None:
    document = world.signed_request()
    approval = world.approval(document, "rep")
    with pytest.raises(OvertError):
        grants.verify_request(approval, world.programme)
    with pytest.raises(OvertError):
        grants.verify_approval(document, world.programme)


def test_a_decision_is_one_of_two_words(world: Any) -> None:
    document = world.signed_request()
    odd = world.approval(document, "rep", decision="Approve")
    with pytest.raises(DataError, match="decision is none of approve, refuse"):
        grants.verify_approval(odd, world.programme)
