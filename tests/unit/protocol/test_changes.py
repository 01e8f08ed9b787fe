"""What a signer of a new version is shown: every difference, the wider ones first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from overt.protocol.changes import programme_changes
from overt.protocol.programme import AllowRule
from overt.protocol.records import Level


def lines(world: Any, **changes: Any) -> list[str]:
    found = programme_changes(world.programme, world.changed(**changes))
    return [one.line().strip() for one in found]


def test_nothing_changes_nothing(world: Any) -> None:
    assert lines(world) == []
    assert lines(world, version=9) == []


def test_a_new_rule_of_the_allow_list_is_wider(world: Any) -> None:
    rule = AllowRule("gimp*", Level.MASKED)
    found = lines(world, allow=(*world.programme.allow, rule))
    assert "WIDER  + allow[gimp*].level: masked" in found


def test_a_laxer_level_is_wider_and_a_stricter_one_is_not(world: Any) -> None:
    (rule,) = world.programme.allow
    masked = replace(world.programme, allow=(replace(rule, level=Level.MASKED),))
    (wider,) = programme_changes(masked, world.programme)
    assert (wider.kind, wider.before, wider.after) == ("changed", "masked", "clear")
    assert wider.widens
    (narrower,) = programme_changes(world.programme, masked)
    assert not narrower.widens


def test_what_is_wider_stands_first(world: Any) -> None:
    found = lines(world, title="A", retention_days=300, min_cohort=1)
    assert [one.startswith("WIDER") for one in found] == [True, True, False]
    assert "WIDER  ~ min_cohort: 5 -> 1" in found


def test_somebody_new_on_the_roster_is_wider(world: Any) -> None:
    roster = world.programme.roster
    added = replace(roster[0], name="eve", key="x", human="eve")
    found = lines(world, roster=(*roster, added))
    assert any(one.startswith("WIDER  + roster[eve].key") for one in found)
    assert all("sam" not in one for one in found)


@given(
    field=st.sampled_from(
        ["title", "controller", "retention_days", "lease_s", "min_cohort", "regions",
         "purposes", "notice", "approvals", "policies", "data_types"]
    )
)  # fmt: skip
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_difference_is_left_out(world: Any, field: str) -> None:
    old = getattr(world.programme, field)
    new: Any
    if isinstance(old, int):
        new = old + 1
    elif isinstance(old, str):
        new = old + "x"
    elif isinstance(old, tuple):
        new = old[1:] or (*old, "added")
    else:
        new = replace(old, text="Another.")
    assert any(field in one for one in lines(world, **{field: new}))
