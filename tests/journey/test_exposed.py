"""A folder left open halts the programme by itself, and it stays halted."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import pytest

from demo.run import PASSPHRASE
from overt.cli.calling import Caller
from overt.cli.members import open_key
from overt.protocol import routes
from tests.fakes.court import Court, wait_until

pytestmark = [pytest.mark.journey, pytest.mark.timeout(180)]


def open_to_all(root: Path) -> None:
    """Let everybody on the machine read what lies in a folder: the mistake."""
    for path in (root, *root.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def state(court: Court) -> str:
    """What the vault says to a steward."""
    key = open_key(court.key("stella"), PASSPHRASE)
    answer = Caller(court.servers.vault, key).send("GET", routes.STATE)
    return str(answer["state"])


def test_a_folder_left_open_halts_the_programme_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("overt.protocol.keyfile.SCRYPT_N", 1 << 8)
    place = Path(tempfile.mkdtemp(prefix="overt-exposed-"))
    place.chmod(0o755)  # else nobody could come as far as the mistake
    court = Court(place / "run")
    audited = court.folder / "server" / "exposure"
    try:
        court.found(audited=True)
        person = court.person()
        wait_until((audited / "last.json").exists, 30)
        segment = person.write_segment()
        assert [one["segment"] for one in person.run("send")["sent"]] == [segment]
        assert not list(audited.glob("breach-*"))
        court.end()

        open_to_all(court.objects)
        for folder in list(court.objects.parents)[:3]:
            folder.chmod(0o755)
        court.start()
        wait_until(lambda: list(audited.glob("breach-*")), 30)
        (breach,) = audited.glob("breach-*")
        assert breach.stat().st_mode & 0o077 == 0
        assert json.loads(breach.read_text("utf-8"))["could_read"]
        wait_until(lambda: state(court) == "halted", 30)
        person.write_segment()
        told = person.run("send", code=7)["error"]
        assert "halted" in told

        court.end()
        court.start()
        assert state(court) == "halted"
    finally:
        court.end()
        shutil.rmtree(place)
