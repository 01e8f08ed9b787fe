"""Times and lengths as people write them."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest

from overt.protocol.errors import UsageError
from overt.recorder.person.asking import (
    instant_ns,
    interval_of,
    minutes_of,
    pause_end_ns,
    words_of,
)

NOW = datetime(2026, 11, 25, 14, 30, 20, tzinfo=timezone(timedelta(hours=1)))
TURN = datetime(2026, 10, 25, tzinfo=timezone(timedelta(hours=2)))  # at 3:00 it is 2:00


@pytest.fixture(autouse=True)
def _in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("14:05", "2026-11-25T13:05"),
        ("9:00", "2026-11-25T08:00"),
        ("23:59", "2026-11-24T22:59"),  # not yet today: yesterday's
        ("2026-11-20 07:01", "2026-11-20T06:01"),
        (" 2026-11-20T07:01 ", "2026-11-20T06:01"),
    ],
)
def test_a_time_that_was_typed(text: str, wanted: str) -> None:
    moment = datetime.fromtimestamp(instant_ns(text, NOW) / 1e9, UTC)
    assert f"{moment:%Y-%m-%dT%H:%M}" == wanted


@pytest.mark.parametrize("text", ["", "25:00", "soon", "2026-11-26 07:01", "14"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no time"):
        instant_ns(text, NOW)


def test_pauses_end_when_they_say() -> None:
    assert pause_end_ns({"minutes": 5}, 100, NOW) == 100 + 300 * 10**9
    assert pause_end_ns({}, 100, NOW) is None
    left_s = 9 * 3600 + 29 * 60 + 40
    assert pause_end_ns({"until": "tomorrow"}, 0, NOW) == left_s * 10**9
    with pytest.raises(UsageError):
        pause_end_ns({"until": "noon"}, 0, NOW)


def test_a_day_on_which_clocks_are_turned_has_its_own_length() -> None:
    left_s = 24.5 * 3600  # from half past midnight to midnight
    at = TURN.replace(minute=30)
    assert pause_end_ns({"until": "tomorrow"}, 0, at) == left_s * 1e9
    noon = (TURN + timedelta(hours=13)).astimezone(timezone(timedelta(hours=1)))
    for text in ("23:00", "2026-10-24 23:00"):
        moment = datetime.fromtimestamp(instant_ns(text, noon) / 1e9, UTC)
        assert f"{moment:%Y-%m-%dT%H:%M}" == "2026-10-24T21:00"


@pytest.mark.parametrize("value", [0, -1, "5", True, float("nan"), 10**7])
def test_minutes_are_a_number_above_0(value: object) -> None:
    with pytest.raises(UsageError):
        minutes_of({"minutes": value})


def test_intervals_have_an_order() -> None:
    assert interval_of({"since": "5", "until": "9"}) == (5, 9)
    assert interval_of({"since": "5"}) == (5, None)
    for body in ({}, {"since": 5}, {"since": "-5"}, {"since": "9", "until": "9"}):
        with pytest.raises(UsageError):
            interval_of(body)


def test_a_task_needs_words() -> None:
    assert words_of({"text": "Go"}, "text") == "Go"
    for text in ("", "  ", 5, "x" * 4001):
        with pytest.raises(UsageError):
            words_of({"text": text}, "text")
