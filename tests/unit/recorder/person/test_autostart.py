"""At log-in by the participant's word alone; and leaving without a trace."""

import configparser
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from overt.cli.__main__ import main
from overt.recorder.person import autostart
from overt.recorder.person.home import Home

pytestmark = pytest.mark.loopback


@pytest.fixture
def units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(autostart, "_reload", lambda: None)
    return autostart.unit_folder()


def run(home: Home, *words: str) -> Any:
    environment = {"OVERT_HOME": str(home.root)}
    done = CliRunner().invoke(main, [*words, "--json"], env=environment)
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


def test_nobody_is_asked_at_log_in_before_they_say_so(
    participant: SimpleNamespace, units: Path
) -> None:
    assert not units.exists()
    run(participant.home, "autostart", "on")
    assert autostart.is_on(units)
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[method-assign,assignment]
    unit.read(units / "overt.service")
    assert unit["Service"]["ExecStart"].endswith('"record" "--window"')
    assert str(participant.home.root) in unit["Service"]["Environment"]
    assert unit["Service"]["Restart"] == "no"
    run(participant.home, "autostart", "on")  # twice is no error
    run(participant.home, "autostart", "off")
    assert [path for path in units.rglob("*") if not path.is_dir()] == []


def test_odd_paths_stay_one_word() -> None:
    assert autostart._quoted('/a b/"c"%n\\') == '"/a b/\\"c\\"%%n\\\\"'


@pytest.mark.usefixtures("units")
def test_uninstalling_leaves_nothing(
    participant: SimpleNamespace, tmp_path: Path
) -> None:
    home = participant.home
    run(home, "autostart", "on")
    (home.spool.folder / "seg_x.ovsp").write_bytes(b"not a spool file")
    keys = home.keys.read_bytes()
    with home.keys.open("rb") as held:
        assert run(home, "uninstall", "--yes") == {"removed": str(home.root)}
        assert held.read() != keys  # overwritten before it was unlinked
    assert not home.root.exists()
    left = [path for path in tmp_path.rglob("*") if "overt" in path.name.lower()]
    assert [path for path in left if path.is_file()] == []
    run(home, "uninstall", "--yes")  # twice is no error
