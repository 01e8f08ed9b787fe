"""A participant's wishes make recording stricter, at once, and never laxer."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from overt.protocol.errors import UsageError
from overt.protocol.records import Level
from overt.recorder.person.home import Home
from overt.recorder.person.permission import AllowListInForce
from overt.recorder.person.wishes import (
    Budgets,
    Never,
    Wishes,
    WishesInForce,
    add_never,
    drop_never,
    read_wishes,
    write_wishes,
)

PAGE = "https://mail.example.org/inbox"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.prepare()
    return made


def allow(home: Home, level: Level = Level.CLEAR) -> Any:
    """An allow-list that allows everything at one level, under the home's wishes."""
    programme = SimpleNamespace(
        level_for=lambda *_: level, needs_url=lambda _: False, allow=()
    )
    keeper: Any = SimpleNamespace(programme=programme)
    return AllowListInForce(keeper, WishesInForce(home))


def test_wishes_come_back_as_they_were_written(home: Home) -> None:
    assert read_wishes(home) == Wishes()
    never = (Never(app="Mail"), Never(site="example.org", level=Level.MASKED))
    wishes = Wishes(never, Budgets(cpu_percent=5, on_battery=False), 3, 48, True)  # noqa: FBT003
    write_wishes(home, wishes)
    assert read_wishes(home) == wishes
    assert oct(home.wishes.stat().st_mode)[-3:] == "600"


def test_a_running_recorder_obeys_at_once(home: Home) -> None:
    rules = allow(home)
    assert rules.level_for("Mail", None, "x") is Level.CLEAR
    add_never(home, Never(app="mail"))
    assert rules.level_for("Mail", None, "x") is Level.OFF
    assert rules.level_for("Mailer", None, "x") is Level.CLEAR
    drop_never(home, 1)
    assert rules.level_for("Mail", None, "x") is Level.CLEAR


def test_a_site_is_off_with_its_subdomains_and_while_the_page_is_unknown(
    home: Home,
) -> None:
    add_never(home, Never(site="example.org"))
    rules = allow(home)
    assert rules.needs_url("Chromium")
    assert not rules.needs_url("Editor")
    assert rules.level_for("Chromium", PAGE, "x") is Level.OFF
    assert rules.level_for("Chromium", None, "x") is Level.OFF
    assert rules.level_for("Chromium", "https://notexample.org/", "x") is Level.CLEAR
    assert rules.level_for("Editor", None, "x") is Level.CLEAR


@pytest.mark.parametrize("host", ["M\u00fcnchen.example.", "xn--MNCHEN-3ya.example"])
def test_a_site_is_the_same_however_it_is_written(home: Home, host: str) -> None:
    add_never(home, Never(site=host))
    rules = allow(home)
    for told in ("xn--mnchen-3ya.example", "a.xn--mnchen-3ya.example."):
        assert rules.level_for("Chromium", f"https://{told}/x", "x") is Level.OFF
    for odd in ("a b.example", "\u2028", "https://example.org"):
        with pytest.raises(UsageError, match="host name"):
            add_never(home, Never(site=odd))


def test_one_window_alone(home: Home) -> None:
    add_never(home, Never(app="Editor", title="diary.txt"))
    rules = allow(home)
    assert rules.level_for("Editor", None, "diary.txt") is Level.OFF
    assert rules.level_for("Editor", None, "work.txt") is Level.CLEAR


@pytest.mark.parametrize("level", list(Level))
def test_a_wish_never_makes_anything_laxer(home: Home, level: Level) -> None:
    add_never(home, Never(app="*", title="t", level=Level.MASKED))
    add_never(home, Never(app="App", level=Level.CLEAR))
    order = list(Level)
    found = allow(home, level).level_for("App", None, "t")
    assert order.index(found) <= min(order.index(level), order.index(Level.MASKED))


def test_wishes_that_cannot_be_read_record_nothing(home: Home) -> None:
    rules = allow(home)
    assert rules.level_for("App", None, "t") is Level.CLEAR
    home.wishes.write_text('{"never": 5}')
    assert rules.level_for("App", None, "t") is Level.OFF
    home.wishes.unlink()
    assert rules.level_for("App", None, "t") is Level.CLEAR


def test_windows_and_pages_of_overt_are_never_recorded(home: Home) -> None:
    rules = allow(home)
    assert rules.level_for("overt-control", None, "x") is Level.OFF
    title = "Review · my overt - Chromium"
    assert rules.level_for("Chromium", "http://127.0.0.1:5/", title) is Level.OFF


@pytest.mark.parametrize(
    "wish", [Never(), Never(app="*"), Never(site="a/b"), Never(app="x" * 501)]
)
def test_what_would_cover_everything_or_nothing_is_refused(
    home: Home, wish: Never
) -> None:
    with pytest.raises(UsageError):
        add_never(home, wish)
    assert read_wishes(home) == Wishes()
    with pytest.raises(UsageError, match="no wish 1"):
        drop_never(home, 1)
