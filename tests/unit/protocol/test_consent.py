"""The decision to record refuses whatever is missing; documents are of one form."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from overt.protocol import consent as consents
from overt.protocol.errors import DataError, SealError

NOW_NS = 1_000_000_000_000


def decide(world: Any, **changes: Any) -> consents.Allowed | consents.Refused:
    given = {
        "programme": world.programme,
        "consent": world.consent(),
        "lease": consents.HeldLease(world.lease(), NOW_NS - 10**9),
        "withdrawn": False,
        "boottime_ns": NOW_NS,
    } | changes
    return consents.decide(
        given.pop("programme"), given.pop("consent"), given.pop("lease"), **given
    )


def test_what_was_agreed_is_allowed(world: Any) -> None:
    assert decide(world) == consents.Allowed(("input", "screen"))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"consent": None}, "no-consent"),
        ({"consent": None, "lease": None}, "no-consent"),
        ({"withdrawn": True}, "withdrawn"),
        ({"lease": None}, "no-lease"),
        ({"boottime_ns": NOW_NS + 59 * 10**9}, "no-lease"),
        ({"boottime_ns": NOW_NS - 2 * 10**9}, "no-lease"),  # the clock went back
    ],
)
def test_missing_things_refuse(world: Any, changes: dict[str, Any], code: str) -> None:
    refused = decide(world, **changes)
    assert isinstance(refused, consents.Refused)
    assert refused.code == code
    assert refused.reason


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"notice_digest": "0" * 64}, "notice-changed"),
        ({"programme": "prog_" + "z" * 26}, "consent-mismatch"),
        ({"purposes": {"train-agents": False}}, "nothing-agreed"),
        ({"purposes": {}}, "nothing-agreed"),
        ({"purposes": {"train-agents": True, "other": True}}, "consent-mismatch"),
        ({"purposes": {"discipline": True}}, "consent-mismatch"),
        ({"data_types": {"input": False}}, "nothing-agreed"),
        ({"data_types": {"input": True, "audio": True}}, "consent-mismatch"),
        ({"retention_days": 29}, "consent-mismatch"),
    ],
)
def test_a_consent_that_does_not_fit_refuses(
    world: Any, changes: dict[str, Any], code: str
) -> None:
    refused = decide(world, consent=world.consent(**changes))
    assert isinstance(refused, consents.Refused)
    assert refused.code == code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"state": "halted", "reason": "wrong permission"}, "halted"),
        ({"state": "unheard of"}, "halted"),
        ({"version": 2}, "consent-mismatch"),
        ({"duration_s": 0}, "no-lease"),
        ({"duration_s": 1}, "no-lease"),
        ({"duration_s": -5}, "no-lease"),
    ],
)
def test_a_lease_that_does_not_run_refuses(
    world: Any, changes: dict[str, Any], code: str
) -> None:
    held = consents.HeldLease(world.lease(**changes), NOW_NS - 10**9)
    refused = decide(world, lease=held)
    assert isinstance(refused, consents.Refused)
    assert refused.code == code


def test_no_dpia_for_exactly_this_configuration_refuses(world: Any) -> None:
    longer = world.changed(retention_days=20)
    refused = decide(world, programme=longer)
    assert isinstance(refused, consents.Refused)
    assert refused.code == "no-dpia"


def test_a_long_lease_is_cut_to_the_programmes(world: Any) -> None:
    held = consents.HeldLease(world.lease(duration_s=10**6), 0)
    assert held.remaining_s(0, 60) == 60
    assert held.remaining_s(61 * 10**9, 60) < 0


def test_consent_is_read_from_its_device_only(world: Any) -> None:
    document = consents.sign_consent(world.consent(), world.device)
    read = consents.verify_consent(document, world.device.public_key())
    assert read == world.consent()
    with pytest.raises(SealError):
        consents.verify_consent(document, world.key("another").public_key())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"purposes": {"train-agents": 1}}, "purposes: train-agents"),
        ({"purposes": ["train-agents"]}, "purposes"),
        ({"data_types": {"input": "yes"}}, "data_types: input"),
        ({"schema": "something else"}, "schema"),
        ({"retention_days": "30"}, "retention_days"),
        ({"mood": "fine"}, "foreign field 'mood'"),
    ],
)
def test_a_malformed_consent_names_the_field(
    world: Any, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        consents.parse_consent(world.body(world.consent(), **changes))


def test_a_consent_without_a_field_is_refused(world: Any) -> None:
    body = world.body(world.consent())
    del body["notice_digest"]
    with pytest.raises(DataError, match="lacks 'notice_digest'"):
        consents.parse_consent(body)


def receipt(world: Any) -> consents.Receipt:
    return consents.Receipt(
        receipt="rcpt_" + "b" * 26,
        kind="segment",
        subject="seg_" + "b" * 26,
        digest="1" * 64,
        programme=world.programme.programme,
        log_index=3,
        day="2026-11-23",
    )


def test_a_receipt_is_for_exactly_these_bytes(world: Any) -> None:
    document = consents.sign_receipt(receipt(world), world.key("receipt"))
    read = consents.verify_receipt(document, world.programme, digest="1" * 64)
    assert read == receipt(world)
    with pytest.raises(SealError, match="something else"):
        consents.verify_receipt(document, world.programme, digest="2" * 64)


@pytest.mark.parametrize("service", ["lease", "log", "device"])
def test_a_receipt_of_another_service_is_refused(world: Any, service: str) -> None:
    document = consents.sign_receipt(receipt(world), world.key(service))
    with pytest.raises(SealError):
        consents.verify_receipt(document, world.programme, digest="1" * 64)


def test_a_receipt_of_another_programme_is_refused(world: Any) -> None:
    other = replace(receipt(world), programme="prog_" + "z" * 26)
    document = consents.sign_receipt(other, world.key("receipt"))
    with pytest.raises(SealError):
        consents.verify_receipt(document, world.programme, digest="1" * 64)


def test_a_lease_answers_its_own_nonce_only(world: Any) -> None:
    document = consents.sign_lease(world.lease(), world.key("lease"))
    lease = consents.verify_lease(document, world.programme, nonce="n" * 22)
    assert lease == world.lease()
    with pytest.raises(SealError, match="another request"):
        consents.verify_lease(document, world.programme, nonce="m" * 22)
    with pytest.raises(SealError):
        consents.verify_lease(
            consents.sign_lease(world.lease(), world.key("receipt")),
            world.programme,
            nonce="n" * 22,
        )


@pytest.mark.parametrize(
    "changes", [{"duration_s": "60"}, {"duration_s": 60.5}, {"state": "open"}]
)
def test_a_lease_of_wrong_types_is_refused(world: Any, changes: dict[str, Any]) -> None:
    document = consents.sign_lease(world.lease(**changes), world.key("lease"))
    with pytest.raises(DataError, match="A lease: "):
        consents.verify_lease(document, world.programme, nonce="n" * 22)


def test_a_withdrawal_is_read_from_its_device_only(world: Any) -> None:
    withdrawal = consents.Withdrawal(
        "cons_" + "b" * 26, "part_" + "b" * 26, "dev_" + "b" * 26, erase=True,
        given_utc="2026-11-23T11:00:00Z",
    )  # fmt: skip
    document = consents.sign_withdrawal(withdrawal, world.device)
    read = consents.verify_withdrawal(document, world.device.public_key())
    assert read == withdrawal
    with pytest.raises(SealError):
        consents.verify_withdrawal(document, world.key("lease").public_key())
    with pytest.raises(DataError):  # a consent is no withdrawal
        consents.verify_withdrawal(
            consents.sign_consent(world.consent(), world.device),
            world.device.public_key(),
        )
