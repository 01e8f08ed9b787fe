"""The keys of witnesses and logs, and the exposure audit's own, by their commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from overt.cli.founding import read_programme
from overt.protocol.signing import public_key

if TYPE_CHECKING:
    from pathlib import Path


def test_the_audits_key_is_made_once(town: Any, tmp_path: Path) -> None:
    made = town.json("exposure", "--data", tmp_path / "data", "--init")
    assert public_key(made["key"])
    file = tmp_path / "data" / "exposure" / "exposure.key"
    assert file.stat().st_mode & 0o777 == 0o600
    town.overt("exposure", "--data", tmp_path / "data", "--init", code=2)
    town.overt("exposure", "--data", tmp_path / "data", code=2)


def test_a_witness_has_a_key_and_a_log_has_one(town: Any, tmp_path: Path) -> None:
    folder = ("--folder", tmp_path / "witness", "--name", "w.test/1")
    key = town.json("witness", *folder, "--init")["key"]
    assert key.startswith("w.test/1+")
    town.overt("witness", *folder, "--init", code=2)
    town.overt("witness", *folder, code=2)
    log = town.json("log", "key", "--folder", town.programme)["key"]
    _, _, programme = read_programme(town.programme)
    assert log.startswith(f"overt/{programme.programme}+")
