"""Programmes: TOML errors that name their table, pinned keys."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from overt.protocol import programme as programmes
from overt.protocol.errors import DataError, SealError, UsageError

PERSON = "part_" + "b" * 26


def test_a_toml_file_makes_a_programme_that_its_dpia_covers(world: Any) -> None:
    programme = world.programme
    assert programme.dpia_covers_this
    assert programme.dpia.date == "2026-11-01"
    assert (programme.min_cohort, programme.lease_s, programme.threshold) == (5, 60, 2)
    assert programme.member("ben2").human == "ben"


def test_a_programme_survives_its_signature(world: Any) -> None:
    document = programmes.sign_programme(world.programme, world.programme_keys)
    assert world.anchor.programme_of(document) == world.programme


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('[notice]\nversion = "1"', "[notice]", "notice lacks 'version'"),
        ("[[purposes]]", "[[purpose]]", "foreign field 'purpose'"),
        ('title = "Train agents"\n', "", "purposes 1 lacks 'title'"),
        ("retention_days = 30", 'retention_days = "30"', "retention_days is not a w"),
        ("retention_days = 30", "retention_days = true", "retention_days is not a w"),
        ("retention_days = 30", "retention_days = 0", "retention_days must be"),
        ("retention_days = 30", "", "lacks 'retention_days'"),
        ('level = "clear"', 'level = "open"', "allow 1: level is none of off"),
        ('level = "clear"\n', "", "allow 1 lacks 'level'"),
        ('app = "chromium*"', 'app = "*"', "[[allow]] rule must name an app"),
        ("url = ", 'title = "("\nurl = ', "is no expression"),
        ('/pages/"', '/pages/?a"', "[[allow]] url"),
        ('id = "train-agents"', 'id = "discipline"', "'discipline' is forbidden"),
        ('text = "What is', 'text = "" # "', "a notice with text"),
        ("date = 2026-11-01", 'date = "soon"', "dpia.date must be a date"),
        ('[dpia]\nreference = "DPIA-7"', "[dpia]", "dpia lacks 'reference'"),
        ("['steward']", "['boss']", "roster 1: roles 1 is none of steward"),
        ("['steward']", "'steward'", "roster 1: roles is not a list"),
        ('name = "ana"', 'name = "ben"', "one name"),
        ('regions = ["EU"]', 'regions = "EU"', "regions is not a list"),
        ('regions = ["EU"]', "lease_s = 5000\nregions = []", "lease_s must lie"),
        ('regions = ["EU"]', 'data_types = ["audio"]\nregions = []', "data_types: au"),
        ('regions = ["EU"]', "min_cohort = 0\nregions = []", "min_cohort and thresh"),
        ('title = "Office work"', "title = ", "is not TOML"),
    ],
)
def test_toml_errors_name_the_table(
    world: Any, old: str, new: str, message: str
) -> None:
    assert old in world.toml
    with pytest.raises(UsageError) as caught:
        world.toml_programme(world.toml.replace(old, new, 1))
    assert message in str(caught.value)


@pytest.mark.parametrize("table", ["notice", "dpia", "roster", "allow", "purposes"])
@pytest.mark.parametrize("value", ['"x"', "5", "[1]", "[[1]]", "{}", "{a = 1}"])
def test_any_wrong_toml_value_is_a_usage_error(
    world: Any, table: str, value: str
) -> None:
    head, *rest = world.toml.split("\n[")
    kept = [part for part in rest if not part.lstrip("[").startswith(table)]
    text = "\n[".join([f"{head}\n{table} = {value}\n", *kept])
    with pytest.raises(UsageError):
        world.toml_programme(text)


def test_approvers_are_two_humans_and_keys_are_not_shared(world: Any) -> None:
    ana, ben, ben2 = (world.programme.member(name) for name in ("ana", "ben", "ben2"))
    problems = programmes.programme_problems(world.changed(roster=(ben, ben2)))
    assert any("two humans" in problem for problem in problems)
    shared = replace(ben, key=ana.key)
    problems = programmes.programme_problems(world.changed(roster=(ana, shared)))
    assert problems == ["Two members of the roster have one key."]


def test_the_dpia_covers_one_configuration_only(world: Any) -> None:
    body = programmes.programme_json(world.programme)
    assert programmes.parse_programme(body).dpia_covers_this
    for change in (
        {"retention_days": 29}, {"lease_s": 30}, {"min_cohort": 4}, {"version": 2},
        {"allow": []}, {"purposes": [*body["purposes"], body["purposes"][0]]},
    ):  # fmt: skip
        assert not programmes.parse_programme(body | change).dpia_covers_this


def test_an_unknown_member_or_service_is_refused(world: Any) -> None:
    with pytest.raises(DataError, match="'eve' is not on"):
        world.programme.member("eve")
    with pytest.raises(DataError, match="no key for 'mail'"):
        world.programme.service_key("mail")


def test_a_programme_needs_its_pinned_keys(world: Any) -> None:
    one = programmes.sign_programme(world.programme, world.programme_keys[:1])
    with pytest.raises(SealError, match="2 are needed"):
        world.anchor.programme_of(one)
    foreign = [world.programme_keys[0], world.key("eve")]
    with pytest.raises(SealError, match="2 are needed"):
        world.anchor.programme_of(programmes.sign_programme(world.programme, foreign))


def test_a_programme_that_lowers_its_threshold_is_refused(world: Any) -> None:
    laxer = world.changed(threshold=1)
    document = programmes.sign_programme(laxer, world.programme_keys)
    with pytest.raises(SealError, match="lowers the pinned threshold"):
        world.anchor.programme_of(document)


def test_another_programme_under_the_same_keys_is_refused(world: Any) -> None:
    other = world.changed(programme="prog_" + "z" * 26)
    document = programmes.sign_programme(other, world.programme_keys)
    with pytest.raises(SealError, match="another programme"):
        world.anchor.programme_of(document)
