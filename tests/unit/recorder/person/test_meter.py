"""Budgets: what recording costs, and when it is too much."""

from collections import deque
from pathlib import Path

import pytest

from overt.recorder.person.home import Home
from overt.recorder.person.meter import Meter, cpu_percent, on_battery
from overt.recorder.person.wishes import Budgets, Wishes, WishesInForce, write_wishes


def supply(folder: Path, name: str, **facts: str) -> None:
    (folder / name).mkdir(parents=True)
    for fact, value in facts.items():
        (folder / name / fact).write_text(value + "\n")


def test_the_share_of_a_core_is_of_a_whole_minute() -> None:
    assert cpu_percent(deque()) == 0
    assert cpu_percent(deque([(0.0, 0.0), (30.0, 30.0)])) == 0
    assert cpu_percent(deque([(0.0, 1.0), (60.0, 4.0)])) == pytest.approx(5)


def test_mains_and_batteries(tmp_path: Path) -> None:
    assert not on_battery(tmp_path)
    supply(tmp_path, "BAT0", type="Battery", status="Discharging")
    assert on_battery(tmp_path)
    supply(tmp_path, "AC", type="Mains", online="1")
    assert not on_battery(tmp_path)
    (tmp_path / "AC" / "online").write_text("0\n")
    assert on_battery(tmp_path)


@pytest.mark.parametrize(
    ("budgets", "says"),
    [
        (Budgets(on_battery=False), "on battery"),
        (Budgets(disk_mb=1), "over 1 MB here"),
        (Budgets(disk_mb=0), ""),
        (Budgets(), ""),
    ],
)
def test_a_budget_that_is_used_up_is_named(
    tmp_path: Path, budgets: Budgets, says: str
) -> None:
    home = Home(tmp_path / "home")
    home.prepare()
    write_wishes(home, Wishes(budgets=budgets))
    (home.spool.folder / "seg_x.ovsp").write_bytes(bytes(2_000_000))
    supply(tmp_path / "power", "BAT0", type="Battery", status="Discharging")
    meter = Meter(home, WishesInForce(home), tmp_path / "power")
    assert meter.excess() == says
