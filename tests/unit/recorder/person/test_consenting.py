"""Consent, withdrawal and the lease."""

import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from overt.protocol import routes
from overt.protocol.consent import Allowed, decide
from overt.protocol.errors import ConsentError, NetworkError, SealError, UsageError
from overt.recorder.person.consenting import (
    confirm_withdrawal,
    give,
    kept_receipts,
    make_record,
    standing,
    withdraw,
)
from overt.recorder.person.lease import LeaseKeeper, boottime_ns

pytestmark = pytest.mark.loopback


def _decision(person: Any, keeper: Any) -> Any:
    now = standing(person.home, person.identity.device.public_key())
    return decide(
        keeper.programme,
        now.consent,
        keeper.current(),
        withdrawn=now.withdrawn,
        boottime_ns=boottime_ns(),
    )


def test_consent_is_per_purpose_and_kept_with_its_receipt(consenting: Any) -> None:
    now = standing(consenting.home, consenting.identity.device.public_key())
    assert now.consent == consenting.consent
    assert now.consent.purposes == {"train-agents": True, "improve-forms": False}
    kinds = {len(paper) for paper in kept_receipts(consenting.home)}
    assert kinds == {2}
    assert len(kept_receipts(consenting.home)) == 2


@pytest.mark.parametrize(
    ("purposes", "data_types"),
    [(["spying"], ["input"]), ([], ["input"]), (["train-agents"], ["audio"])],
)
def test_foreign_or_empty_consent_is_refused(
    participant: Any, purposes: Any, data_types: Any
) -> None:
    with pytest.raises(UsageError):
        make_record(
            participant.programme,
            participant.enrolment,
            purposes=purposes,
            data_types=data_types,
        )


def test_a_receipt_of_another_key_is_refused_and_consent_not_kept(
    participant: Any, vault: Any
) -> None:
    vault.services["receipt"] = Ed25519PrivateKey.generate()
    record = make_record(
        participant.programme,
        participant.enrolment,
        purposes=["train-agents"],
        data_types=["input"],
    )
    with pytest.raises(SealError):
        give(
            participant.home,
            participant.identity.device,
            participant.programme,
            record,
            participant.client,
        )
    assert not participant.home.consent.exists()


def test_a_withdrawal_stands_though_the_server_is_away(
    consenting: Any, vault: Any
) -> None:
    device = consenting.identity.device
    vault.away = True
    withdraw(consenting.home, device, erase=True)
    with pytest.raises(NetworkError):
        confirm_withdrawal(consenting.home, consenting.programme, consenting.client)
    now = standing(consenting.home, device.public_key())
    assert (now.withdrawn, now.confirmed) == (True, False)
    vault.away = False
    confirm_withdrawal(consenting.home, consenting.programme, consenting.client)
    assert standing(consenting.home, device.public_key()).confirmed


def test_fresh_consent_first_confirms_the_withdrawal(
    consenting: Any, vault: Any
) -> None:
    withdraw(consenting.home, consenting.identity.device, erase=False)
    record = make_record(
        consenting.programme,
        consenting.enrolment,
        purposes=["train-agents"],
        data_types=["input"],
    )
    give(
        consenting.home,
        consenting.identity.device,
        consenting.programme,
        record,
        consenting.client,
    )
    posted = [target for method, target in vault.calls if method == "POST"]
    assert posted[-2:] == [routes.WITHDRAWALS, routes.CONSENTS]
    now = standing(consenting.home, consenting.identity.device.public_key())
    assert not now.withdrawn


def test_nothing_to_withdraw(participant: Any) -> None:
    with pytest.raises(ConsentError):
        withdraw(participant.home, participant.identity.device, erase=False)


def test_no_lease_no_recording_and_a_fresh_one_allows(consenting: Any) -> None:
    keeper = LeaseKeeper(consenting.home, consenting.enrolment, consenting.client)
    assert _decision(consenting, keeper).code == "no-lease"
    keeper.refresh()
    assert isinstance(_decision(consenting, keeper), Allowed)


def _consent_afresh(consenting: Any, programme: Any) -> None:
    record = make_record(
        programme,
        consenting.enrolment,
        purposes=["train-agents"],
        data_types=["input"],
    )
    device = consenting.identity.device
    give(consenting.home, device, programme, record, consenting.client)


def test_a_lease_runs_out_when_the_server_stays_away(
    consenting: Any, vault: Any
) -> None:
    vault.change(lease_s=1)
    keeper = LeaseKeeper(consenting.home, consenting.enrolment, consenting.client)
    with keeper:
        keeper.refresh()
        assert _decision(consenting, keeper).code == "programme-changed"
        _consent_afresh(consenting, keeper.programme)
        keeper.refresh()
        assert isinstance(_decision(consenting, keeper), Allowed)
        vault.away = True
        time.sleep(1.3)
        assert _decision(consenting, keeper).code == "no-lease"
        assert "refuses" in keeper.fault
        vault.away = False
        time.sleep(0.6)
        assert isinstance(_decision(consenting, keeper), Allowed)


def test_a_halt_arrives_with_the_next_lease(consenting: Any, vault: Any) -> None:
    keeper = LeaseKeeper(consenting.home, consenting.enrolment, consenting.client)
    keeper.refresh()
    vault.state, vault.reason = "halted", "an exposure is looked into"
    keeper.refresh()
    decision = _decision(consenting, keeper)
    assert decision.code == "halted"
    assert "exposure" in decision.reason


def test_an_old_lease_cannot_be_replayed(consenting: Any, vault: Any) -> None:
    keeper = LeaseKeeper(consenting.home, consenting.enrolment, consenting.client)
    old = consenting.client.lease("an old nonce")
    vault.overrides["POST", routes.LEASE] = (200, old)
    with pytest.raises(SealError):
        keeper.refresh()
    assert keeper.current() is None


def test_a_new_notice_asks_for_fresh_consent(consenting: Any, vault: Any) -> None:
    from dataclasses import replace

    notice = replace(vault.programme.notice, version="2", text="We record more.")
    vault.change(notice=notice)
    keeper = LeaseKeeper(consenting.home, consenting.enrolment, consenting.client)
    keeper.refresh()
    assert _decision(consenting, keeper).code == "notice-changed"
