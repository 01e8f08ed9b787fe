"""What the command that runs the servers says of a vault without an audit."""

from pathlib import Path

import pytest

from overt.cli.supervise import warn_of_open


def test_open_folders_are_named_and_closed_ones_are_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    objects, rows = tmp_path / "vault" / "objects", tmp_path / "vault" / "rows.db"
    objects.mkdir(parents=True, mode=0o700)
    rows.touch(mode=0o600)
    warn_of_open(tmp_path)
    assert capsys.readouterr().err == ""
    objects.chmod(0o755)
    rows.chmod(0o640)
    warn_of_open(tmp_path)
    said = capsys.readouterr().err
    assert f"{objects} (segments) is open" in said
    assert f"{rows} (rows) is open" in said
