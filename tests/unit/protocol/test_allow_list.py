"""The allow-list: what is odd, private or never recorded is off."""

from __future__ import annotations

from typing import Any

import pytest

from overt.protocol.allow import AllowRule, rule_problems
from overt.protocol.records import Level

PREFIX = "http://127.0.0.1:80"
PAGES = AllowRule("chromium*", Level.CLEAR, url=PREFIX + "/pages")


@pytest.mark.parametrize(
    "url",
    [
        PREFIX + "/pages",
        PREFIX + "/pages/",
        PREFIX + "/pages/a/b.html",
        PREFIX + "/pages?next=http://evil/",
        PREFIX + "/pages/a#/../..",
        PREFIX + "/pages/%20b",
    ],
)
def test_pages_below_the_prefix_match(url: str) -> None:
    assert PAGES.matches("Chromium-browser", url, "")


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "about:blank",
        PREFIX,
        PREFIX + "/pages2",
        PREFIX + "/pagesa/x",
        PREFIX + "/PAGES/a",
        PREFIX + "@evil.example/pages/",
        "http://user:word@127.0.0.1:80/pages/",
        "http://127.0.0.1:8080/pages/",
        "http://127.0.0.1/pages/",
        "https://127.0.0.1:80/pages/",
        "view-source:" + PREFIX + "/pages/",
        "http://evil.example/" + PREFIX + "/pages/",
        "http://evil.example/?" + PREFIX + "/pages/",
        "http://evil.example/#" + PREFIX + "/pages/",
        PREFIX + "/pages/../private",
        PREFIX + "/pages/..",
        PREFIX + "/pages/%2e%2e/private",
        PREFIX + "/pages/.%2E/private",
        PREFIX + "/pages/..%2fprivate",
        PREFIX + "/pages/%2fprivate",
        PREFIX + "/pages/%5c..",
        PREFIX + "/pages/%252e%252e/private",
        PREFIX + "/pages\\..\\private",
        PREFIX + "/pages/\t/x",
        PREFIX + "/pages//private",
        PREFIX + "/pages/%70rivate",
        PREFIX + "/pages/privat%65",
        PREFIX + "/pages/a%2Db",
        PREFIX + "/pages/a%5Fb%7E%31",
        PREFIX + "/pages/ x",
    ],
)
def test_other_pages_do_not_match(url: str | None) -> None:
    assert not PAGES.matches("chromium", url, "")


def test_escapes_that_a_page_needs_match() -> None:
    for name in ("a%20b", "%C3%BC", "a%3Fb", "a%23", "a%2Cb", "a%40b", "%5Bx%5D"):
        assert PAGES.matches("chromium", f"{PREFIX}/pages/{name}", "")


def test_a_host_prefix_ends_at_the_hosts_border() -> None:
    rule = AllowRule("chromium", Level.CLEAR, url=PREFIX)
    assert rule.matches("chromium", PREFIX + "/", "")
    for url in (PREFIX + "@evil/", PREFIX + "80/", PREFIX + ".evil/", PREFIX + ":1/"):
        assert not rule.matches("chromium", url, "")


def test_app_globs_ignore_case_and_titles_match_whole() -> None:
    rule = AllowRule("Libre*", Level.MASKED, title="Invoice [0-9]+")
    assert rule.matches("libreoffice-calc", None, "Invoice 12")
    assert not rule.matches("libreoffice-calc", None, "Invoice 12 - private")
    assert not rule.matches("my-libreoffice", None, "Invoice 12")


@pytest.mark.parametrize(
    "app",
    ["XTerm", "KeePassXC", "Gnome-terminal", "gnome-terminal-server", "i3lock",
     "URxvt", "Bitwarden", "Alacritty", "kgx"],
)  # fmt: skip
def test_terminals_and_password_managers_are_off_whatever_rules_say(
    world: Any, app: str
) -> None:
    open_rule = AllowRule("[a-z]*", Level.CLEAR)
    programme = world.changed(allow=(open_rule,))
    assert programme.level_for("chromium", None, "") is Level.CLEAR
    assert programme.level_for(app, None, "") is Level.OFF


@pytest.mark.parametrize(
    "title",
    ["New Incognito Tab - Chromium", "x - Mozilla Firefox Private Browsing",
     "Neues Inkognito-Tab", "[InPrivate] - Edge", "Privates Fenster"],
)  # fmt: skip
def test_private_windows_are_off(world: Any, title: str) -> None:
    url = "http://127.0.0.1:8000/pages/a"
    assert world.programme.level_for("chromium", url, "A page") is Level.CLEAR
    assert world.programme.level_for("chromium", url, title) is Level.OFF


def test_of_several_rules_the_strictest_holds(world: Any) -> None:
    rules = (
        AllowRule("gimp", Level.CLEAR),
        AllowRule("gimp", Level.MASKED, title=".*secret.*"),
        AllowRule("gimp", Level.OFF, title="Off"),
    )
    programme = world.changed(allow=rules)
    assert programme.level_for("Gimp", None, "drawing") is Level.CLEAR
    assert programme.level_for("Gimp", None, "my secret drawing") is Level.MASKED
    assert programme.level_for("Gimp", None, "Off") is Level.OFF
    assert programme.level_for("Inkscape", None, "drawing") is Level.OFF


def test_what_is_allowed_by_page_needs_its_url(world: Any) -> None:
    assert world.programme.needs_url("Chromium-browser")
    assert not world.programme.needs_url("gimp")
    assert world.programme.level_for("chromium", None, "") is Level.OFF


@pytest.mark.parametrize(
    "url",
    ["https:", "https://", "http:/", "https://user@host/a", "https://host/a?b",
     "https://host/a#b", "https://host/../a", "https://host/%2e%2e/a", "host/a",
     "javascript:alert(1)", "https://Host/a", "file:///", "file://host/a",
     "https://host:99999/a", "https://[::1/a", "https://ho st/a"],
)  # fmt: skip
def test_prefixes_that_name_no_place_are_refused(url: str) -> None:
    problems = rule_problems(AllowRule("chromium", Level.CLEAR, url=url))
    assert len(problems) == 1
    assert repr(url) in problems[0]


@pytest.mark.parametrize(
    "url",
    ["https://host", "https://host/", "http://127.0.0.1:8000/a/b", "http://[::1]:8/a",
     "file:///srv/pages/"],
)  # fmt: skip
def test_prefixes_that_name_a_place_are_taken(url: str) -> None:
    assert rule_problems(AllowRule("chromium", Level.CLEAR, url=url)) == []


@pytest.mark.parametrize("app", ["", "*", "??", " ", "* *"])
def test_a_rule_for_every_app_is_refused(app: str) -> None:
    assert "every app" in rule_problems(AllowRule(app, Level.CLEAR))[0]


def test_a_title_that_is_no_expression_is_refused() -> None:
    assert "title pattern" in rule_problems(AllowRule("a", Level.CLEAR, title="("))[0]
