"""One person halts; two people lift."""

from __future__ import annotations

from typing import Any

import pytest

from overt.protocol.errors import DataError, GovernError, SealError
from overt.protocol.halt import verify_halt


@pytest.mark.parametrize("name", ["sam", "rep"])
def test_one_person_halts(world: Any, name: str) -> None:
    order = verify_halt(world.halt(name), world.programme)
    assert (order.state, order.reason) == ("halted", "a wrong permission")


def test_two_people_lift(world: Any) -> None:
    order = verify_halt(world.halt("sam", "rep", state="running"), world.programme)
    assert order.state == "running"


@pytest.mark.parametrize("names", [["sam"], ["rep"], ["sam", "sam"], ["sam", "ana"]])
def test_one_person_does_not_lift(world: Any, names: list[str]) -> None:
    with pytest.raises(GovernError, match="takes two people"):
        verify_halt(world.halt(*names, state="running"), world.programme)


def test_a_second_signature_that_does_not_hold_does_not_count(world: Any) -> None:
    order = world.halt("sam", "rep", state="running")
    order["signatures"][1]["sig"] = order["signatures"][0]["sig"]
    with pytest.raises(GovernError, match="takes two people"):
        verify_halt(order, world.programme)


@pytest.mark.parametrize("names", [[], ["ana"], ["res", "aud"], ["eve"]])
def test_others_neither_halt_nor_lift(world: Any, names: list[str]) -> None:
    for state in ("halted", "running"):
        with pytest.raises(SealError):
            verify_halt(world.halt(*names, state=state), world.programme)


@pytest.mark.parametrize(
    "changes", [{"reason": " "}, {"programme": "prog_" + "z" * 26}]
)
def test_a_halt_without_reason_or_for_another_programme_is_refused(
    world: Any, changes: dict[str, str]
) -> None:
    with pytest.raises(GovernError):
        verify_halt(world.halt("sam", **changes), world.programme)


def test_there_are_two_states(world: Any) -> None:
    with pytest.raises(DataError, match="state is none of halted, running"):
        verify_halt(world.halt("sam", "rep", state="paused"), world.programme)


EXPOSURE = {"cause": "exposure", "could_read": "anyone: a bucket", "notice": "1"}


def test_the_exposure_audit_halts_and_says_who_could_read(world: Any) -> None:
    order = verify_halt(world.halt("exp", **EXPOSURE), world.programme)
    assert (order.state, order.could_read) == ("halted", "anyone: a bucket")


@pytest.mark.parametrize("missing", ["could_read", "notice"])
def test_an_exposure_that_does_not_say_who_could_read_is_refused(
    world: Any, missing: str
) -> None:
    with pytest.raises(GovernError, match="who could read"):
        verify_halt(world.halt("exp", **EXPOSURE | {missing: ""}), world.programme)


@pytest.mark.parametrize("names", [["exp"], ["exp", "sam"], ["exp", "rep"]])
def test_the_exposure_audit_lifts_nothing(world: Any, names: list[str]) -> None:
    with pytest.raises(GovernError, match="takes two people"):
        verify_halt(world.halt(*names, state="running"), world.programme)
