"""Permission: of what was agreed to, under one consent record, with the reason."""

import sys
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from overt.protocol.errors import CaptureError, NetworkError
from overt.protocol.records import Level
from overt.recorder.capture.screenlog import AreaMask
from overt.recorder.person.consenting import give, make_record, withdraw
from overt.recorder.person.lease import LeaseKeeper
from overt.recorder.person.permission import Permission
from overt.recorder.person.run import masking

pytestmark = pytest.mark.loopback


def _give(person: SimpleNamespace, *data_types: str) -> str:
    record = make_record(
        person.programme,
        person.enrolment,
        purposes=["train-agents"],
        data_types=data_types,
    )
    device = person.identity.device
    give(person.home, device, person.programme, record, person.client)
    return record.record


@pytest.fixture
def keeper(consenting: SimpleNamespace) -> LeaseKeeper:
    made = LeaseKeeper(consenting.home, consenting.enrolment, consenting.client)
    made.refresh()
    return made


def _permission(person: SimpleNamespace, keeper: LeaseKeeper) -> Permission:
    return Permission(person.home, person.identity.device.public_key(), keeper)


@pytest.mark.parametrize(
    "agreed", [("input",), ("screen",), ("context",), ("input", "context")]
)
def test_a_part_is_enough(
    consenting: SimpleNamespace, keeper: LeaseKeeper, agreed: tuple[str, ...]
) -> None:
    record = _give(consenting, *agreed)
    permission = _permission(consenting, keeper)
    assert permission.refusal() == ""
    assert (permission.consent, permission.data_types) == (record, agreed)


def test_a_new_decision_is_for_a_new_recording(
    consenting: SimpleNamespace, keeper: LeaseKeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("overt.recorder.person.permission._ASK_S", 0.0)
    permission = _permission(consenting, keeper)
    assert permission.refusal() == ""
    _give(consenting, "input")
    assert "consented anew" in permission.refusal()
    assert "overt record" in permission.refusal()
    assert permission.data_types == ("input", "screen", "context")  # as it began
    withdraw(consenting.home, consenting.identity.device, erase=False)
    assert "withdrawn" in permission.refusal()


def test_a_lapse_says_what_the_server_said(
    consenting: SimpleNamespace, keeper: LeaseKeeper, vault: Any
) -> None:
    permission = _permission(consenting, keeper)
    vault.away = True
    with pytest.raises(NetworkError):
        keeper.refresh()
    keeper._try()
    keeper._held = None
    said = permission.refusal()
    assert said.startswith("No fresh word from the server")
    assert vault.url in said


def test_masking_is_a_condition_where_the_programme_masks(
    consenting: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = masking(consenting.programme)
    assert isinstance(found, AreaMask)
    white = np.full((9, 9, 3), 255, np.uint8)
    assert np.array_equal(found(white), white)
    monkeypatch.setitem(sys.modules, "overt.redact.pixels", None)
    assert not masking(consenting.programme)(white).any()
    (rule,) = consenting.programme.allow
    masked = replace(consenting.programme, allow=(replace(rule, level=Level.MASKED),))
    with pytest.raises(CaptureError, match=r"overt\[mask\]"):
        masking(masked)
