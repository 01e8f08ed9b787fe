"""Approvals by passkey: over exactly this document, on this origin, by this person."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest

from overt.protocol import grants
from overt.protocol.consent import document_digest
from overt.protocol.errors import DataError, GovernError, OvertError, SealError
from overt.protocol.passkeys import Passkey, passkey_problems
from overt.protocol.programme import parse_programme, programme_json
from tests.fakes.authenticator import UP, Authenticator

REP, ANA = Authenticator(seed="rep"), Authenticator(seed="ana")


@pytest.fixture
def keyed(world: Any) -> Any:
    """A world whose programme demands passkeys; rep and ana have them."""
    passkeys = {"rep": (REP.passkey,), "ana": (ANA.passkey,)}
    roster = tuple(
        replace(one, passkeys=passkeys.get(one.name, ()))
        for one in world.programme.roster
    )
    world.programme = world.changed(roster=roster, approvals="passkey")
    return world


def approval(document: Any, name: str, by: Authenticator, **odd: Any) -> Any:
    decision = odd.pop("decision", "approve")
    digest = odd.pop("digest", document_digest(document))
    body = asdict(
        grants.Approval(digest, name, decision, "Because.", "2026-11-23T15:12:00Z")
    )
    return by.sign("approval.v1", body, **odd)


def grant(world: Any, document: Any, approvals: list[Any]) -> grants.Grant:
    return grants.check_grant(
        document, approvals, world.programme, now_utc_s=world.now_utc_s
    )


def test_two_passkeys_grant(keyed: Any) -> None:
    document = keyed.signed_request()
    given = [approval(document, "rep", REP), approval(document, "ana", ANA)]
    assert grant(keyed, document, given).approvers == ("ana", "rep")


def test_where_passkeys_are_demanded_key_files_grant_nothing(keyed: Any) -> None:
    document = keyed.signed_request()
    given = [approval(document, "rep", REP), keyed.approval(document, "ana")]
    with pytest.raises(GovernError, match="signed with passkeys"):
        grant(keyed, document, given)


def test_where_key_files_count_passkeys_count_too(keyed: Any) -> None:
    keyed.programme = keyed.changed(approvals="key")
    document = keyed.signed_request()
    given = [approval(document, "rep", REP), keyed.approval(document, "ana")]
    assert grant(keyed, document, given).approvers == ("ana", "rep")


@pytest.mark.parametrize(
    "odd",
    [
        {"challenge": bytes(32)},  # over another document
        {"origin": "http://localhost:9000"},  # on other pages
        {"origin": "https://evil.example"},
        {"host": "evil.example"},
        {"flags": UP},  # plugged in, its user not verified
        {"flags": 4},  # nobody was there
        {"typed": "webauthn.create"},  # a registration played as an assertion
    ],
)
def test_an_assertion_of_another_kind_signs_nothing(keyed: Any, odd: Any) -> None:
    document = keyed.signed_request()
    given = approval(document, "rep", REP, **odd)
    with pytest.raises(SealError, match="has not signed these bytes"):
        grants.verify_approval(given, keyed.programme)


def test_nobody_signs_with_anothers_passkey(keyed: Any) -> None:
    document = keyed.signed_request()
    with pytest.raises(SealError, match="no passkey of its signer"):
        grants.verify_approval(approval(document, "ben", REP), keyed.programme)
    forged = approval(document, "rep", REP)
    forged["signatures"][0] |= {
        "sig": approval(document, "rep", ANA)["signatures"][0]["sig"]
    }
    with pytest.raises(SealError, match="has not signed"):
        grants.verify_approval(forged, keyed.programme)
    stranger = Authenticator(seed="eve")  # inserted into the database, not the roster
    with pytest.raises(SealError, match="no passkey"):
        grants.verify_approval(approval(document, "rep", stranger), keyed.programme)


def test_a_refusal_cannot_be_turned_into_an_approval(keyed: Any) -> None:
    document = keyed.signed_request()
    refused = approval(document, "rep", REP, decision="refuse")
    approved = approval(document, "rep", REP)
    turned = refused | {"payload": approved["payload"]}
    with pytest.raises(SealError):
        grants.verify_approval(turned, keyed.programme)


def test_a_changed_request_voids_a_passkeys_approval(keyed: Any) -> None:
    document = keyed.signed_request()
    given = [approval(document, "rep", REP), approval(document, "ana", ANA)]
    changed = keyed.signed_request(reason="Something else.")
    with pytest.raises(GovernError, match="changed after an approval"):
        grant(keyed, changed, given)


def test_whoever_manages_participants_approves_nothing(world: Any) -> None:
    roster = tuple(
        replace(one, manages=one.name == "ben2") for one in world.programme.roster
    )
    world.programme = world.changed(roster=roster)
    document = world.signed_request()
    for name in ("ben2", "ben"):  # the same human's other account neither
        given = [world.approval(document, one) for one in ("rep", name)]
        with pytest.raises(GovernError, match=f"{name} manages participants"):
            grant(world, document, given)


@pytest.mark.parametrize(
    "broken",
    [
        {"signatures": []},
        {"signatures": "passkey:"},
        {"signatures": [{"keyid": "passkey:a"}, {"keyid": "passkey:b"}]},
        {"signatures": [{"keyid": "passkey:" + REP.passkey.credential}]},
        {"payload": "!"},
        {"payload": 5},
        {"payloadType": "application/vnd.overt.halt.v1"},
    ],
)
def test_malformed_envelopes_are_refused(keyed: Any, broken: Any) -> None:
    document = keyed.signed_request()
    with pytest.raises(OvertError):
        grants.verify_approval(approval(document, "rep", REP) | broken, keyed.programme)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"origin": "http://vault.example"}, "https://HOST"),
        ({"origin": "https://vault.example/console"}, "https://HOST"),
        ({"public": "?"}, "passkey's key"),
    ],
)
def test_unsound_passkeys_are_named(changes: Any, message: str) -> None:
    found = passkey_problems(replace(REP.passkey, **changes))
    assert any(message in problem for problem in found), found
    assert passkey_problems(Passkey("AA", "AA", "https://vault.example:8443")) == []


def test_a_programme_that_demands_passkeys_needs_two_who_have_one(keyed: Any) -> None:
    body = programme_json(keyed.programme)
    parse_programme(body)
    for member in body["roster"]:
        if member["name"] == "ana":
            member["passkeys"] = []
    with pytest.raises(DataError, match="two humans with the role approver and a pass"):
        parse_programme(body)


def test_one_passkey_is_one_members(keyed: Any) -> None:
    body = programme_json(keyed.programme)
    for member in body["roster"]:
        if member["name"] == "ana":
            member["passkeys"] = [asdict(REP.passkey)]
    with pytest.raises(DataError, match="have one passkey"):
        parse_programme(body)
