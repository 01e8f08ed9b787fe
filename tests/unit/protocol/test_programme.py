"""Programmes: TOML errors that name their table, pinned keys, invitations."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from overt.protocol import programme as programmes
from overt.protocol.canonical import b64
from overt.protocol.errors import DataError, OvertError, SealError, UsageError

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


def person_key(world: Any, **changes: Any) -> Any:
    given = {
        "programme": world.programme.programme,
        "person": PERSON,
        "public": world.person.public,
        "keys": world.programme_keys,
    } | changes
    return programmes.sign_person_key(*given.values())


def test_a_persons_vault_key_is_checked_up_to_the_programme_keys(world: Any) -> None:
    public = programmes.verify_person_key(world.anchor, person_key(world), PERSON)
    assert public.raw == world.person.public.raw


@pytest.mark.parametrize(
    "changes",
    [
        {"person": "part_" + "c" * 26},  # the server hands out another person's key
        {"programme": "prog_" + "z" * 26},
        {"keys": []},
    ],
)
def test_a_swapped_vault_key_is_refused(world: Any, changes: dict[str, Any]) -> None:
    with pytest.raises(SealError):
        programmes.verify_person_key(world.anchor, person_key(world, **changes), PERSON)


def test_a_vault_key_signed_by_others_is_refused(world: Any) -> None:
    forged = person_key(world, keys=[world.key("eve"), world.key("mallory")])
    with pytest.raises(SealError):
        programmes.verify_person_key(world.anchor, forged, PERSON)
    exchanged = person_key(world) | {"payload": forged["payload"][:-4] + "AAAA"}
    with pytest.raises(OvertError):
        programmes.verify_person_key(world.anchor, exchanged, PERSON)


def invitation(world: Any) -> Any:
    return programmes.invitation_json(
        programmes.Invitation(
            anchor=world.anchor,
            server="http://127.0.0.1:8000",
            person=PERSON,
            code="c" * 26,
            person_key=person_key(world),
            expires_utc_s=world.now_utc_s,
        )
    )


def test_an_invitation_is_read_back(world: Any) -> None:
    read = programmes.parse_invitation(invitation(world))
    assert read.anchor == world.anchor
    assert programmes.invitation_json(read) == invitation(world)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["overt"], "invitation.v2"),
        (["overt"], None),
        (["anchor"], None),
        (["anchor", "threshold"], "2"),
        (["anchor", "threshold"], None),
        (["anchor", "keys"], "abc"),
        (["anchor", "keys"], [5]),
        (["anchor", "programme"], "prog_1"),
        (["person"], "part_" + "c" * 26),
        (["person"], 5),
        (["person_key"], []),
        (["expires_utc_s"], "soon"),
        (["server"], 5),
        (["more"], 1),
    ],
)
def test_altered_invitations_are_refused(
    world: Any, path: list[str], value: Any
) -> None:
    body = copy.deepcopy(invitation(world))
    *parents, last = path
    table = body
    for name in parents:
        table = table[name]
    table[last] = value
    with pytest.raises((DataError, SealError)):
        programmes.parse_invitation(body)


def test_an_invitation_with_a_vault_key_of_other_signers_is_refused(
    world: Any,
) -> None:
    forged = person_key(world, keys=[world.key("eve"), world.key("mallory")])
    with pytest.raises(SealError):
        programmes.parse_invitation(invitation(world) | {"person_key": forged})


def test_a_vault_key_that_is_no_key_is_refused(world: Any) -> None:
    for text in (b64(bytes(1215)), b64(b"\xff" * 1216), "", "é"):
        body = {"programme": world.programme.programme, "person": PERSON}
        document = programmes.sign_document(
            "person-key.v1", body | {"public": text}, world.programme_keys
        )
        with pytest.raises(DataError):
            programmes.verify_person_key(world.anchor, document, PERSON)
