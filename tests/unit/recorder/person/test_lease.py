"""A halt is heard of at once: the keeper asks when the server's pulse changes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from overt.protocol.errors import NetworkError
from overt.recorder.person import lease as leases
from overt.recorder.person.lease import LeaseKeeper

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.loopback


def until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def state(keeper: LeaseKeeper) -> str:
    held = keeper.current()
    return held.lease.state if held else ""


def test_a_halt_is_heard_of_long_before_the_lease_is_a_third_over(
    consenting: Any, vault: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "_LEAST_WAIT_S", 3600.0)  # the third is never over
    monkeypatch.setattr(leases, "PULSE_S", 0.05)
    keeper = LeaseKeeper(consenting.home, consenting.enrolment, consenting.client)
    with keeper:
        until(lambda: state(keeper) == "running")
        vault.state, vault.reason = "halted", "an exposure"
        until(lambda: state(keeper) == "halted")


def test_two_seconds_of_pulse_and_half_of_looking_stay_below_five() -> None:
    from overt.recorder.person.permission import _ASK_S

    assert leases.PULSE_S + _ASK_S <= 3


def test_a_server_without_a_pulse_is_asked_each_third(
    consenting: Any, vault: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(_: Any) -> str:
        raise NetworkError("away")

    monkeypatch.setattr(type(consenting.client), "pulse", none)
    keeper = LeaseKeeper(consenting.home, consenting.enrolment, consenting.client)
    with keeper:
        until(lambda: state(keeper) == "running")
        vault.state = "halted"
        until(lambda: state(keeper) == "halted")
