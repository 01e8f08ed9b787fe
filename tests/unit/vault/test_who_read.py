"""A participant's proof of who read what; roll-backs and forks that it refuses."""

from __future__ import annotations

import json
import shutil
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from overt.protocol import routes, tlog
from overt.protocol.errors import DataError, SealError, VaultError
from overt.recorder.person.home import Home
from overt.recorder.person.readers import look, told
from overt.vault.log.log import Log

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Client:
    """The vault's client, over a world in this process."""

    world: Any
    device: Any

    def _get(self, target: str) -> Any:
        return self.world.call(self.device, "GET", target).json()

    def entries(self, start: int) -> Any:
        return self._get(f"{routes.ENTRIES}?start={start}")

    def word(self) -> Any:
        return self._get(routes.WORD)

    def log_file(self, path: str) -> bytes:
        answer = self.world.vault.get(f"{routes.LOG}/{path}")
        if answer.status_code != 200:
            raise VaultError(answer.text)
        return bytes(answer.content)


@dataclass
class Own:
    """One participant's machine."""

    world: Any
    device: Any
    home: Home

    def look(self, client: Any = None) -> Any:
        client = client or Client(self.world, self.device)
        return look(self.home, self.world.in_force(), self.device.person, client)


@pytest.fixture
def own(world: Any, tmp_path: Path) -> Own:
    device = world.participant(b"one", b"two")
    world.participant(b"another person's")
    home = Home(tmp_path / "home")
    home.root.mkdir(mode=0o700)
    return Own(world, device, home)


def test_reads_are_proved_and_those_of_others_are_not_shown(own: Own) -> None:
    assert own.look().reads == []
    own.world.opened(own.world.granted())
    found = own.look()
    assert [read["requester"] for read in found.reads] == ["rob", "rob"]
    assert all(read["witnessed"] for read in found.reads)
    assert found.others == {"person-key": 1, "enrolment": 1, "consent": 1, "segment": 2}


def test_pages_of_entries_are_all_read(
    own: Own, monkeypatch: pytest.MonkeyPatch
) -> None:
    from overt.vault.govern import reports

    monkeypatch.setattr(reports, "_PAGE", 2)
    assert sum(own.look().others.values()) == 5


def test_an_entry_that_is_not_in_the_log_is_refused(own: Own) -> None:
    own.world.opened(own.world.granted())

    class Lying(Client):
        def entries(self, start: int) -> Any:
            answer = super().entries(start)
            for one in answer["entries"]:
                body = json.loads(one["entry"])
                if body["kind"] == "read":
                    changed = body | {"requester": "nobody"}
                    one["entry"] = json.dumps(changed, separators=(",", ":"))
            return answer

    with pytest.raises(SealError, match="inclusion proof"):
        own.look(Lying(own.world, own.device))


def test_entries_about_somebody_else_are_refused(own: Own) -> None:
    other = own.world.participant()
    with pytest.raises(SealError, match="about somebody else"):
        own.look(Client(own.world, other))


class Older(Client):
    """Shows the log as it was."""

    folder: Any = None

    def log_file(self, path: str) -> bytes:
        return bytes((self.folder / path).read_bytes())

    def entries(self, _start: int) -> Any:
        return {"entries": [], "next": None}


def test_a_rolled_back_log_is_refused_and_kept_as_evidence(own: Own) -> None:
    older = Older(own.world, own.device)
    older.folder = own.world.folder / "older"
    shutil.copytree(own.world.folder / "log", older.folder)
    own.world.opened(own.world.granted())
    own.look()
    kept = (own.home.root / "log-head").read_bytes()
    with pytest.raises(SealError, match="rolled back") as refused:
        own.look(older)
    assert refused.value.exit_code == 5
    assert "log-head-refused" in refused.value.remedy
    note = (older.folder / "checkpoint").read_bytes()
    assert (own.home.root / "log-head-refused").read_bytes() == note
    assert (own.home.root / "log-head").read_bytes() == kept


def test_a_forked_log_is_refused(own: Own, database: Any) -> None:
    own.look()
    from overt.vault.log.book import EntryBook

    EntryBook(database, "x").cut(0)
    folder = own.world.folder / "fork"
    key, origin = own.world.services["log"], f"overt/{own.world.programme_id}"
    with database.write() as session:
        from overt.vault.store.rows import LogHeadRow

        session.query(LogHeadRow).delete()
    Log(folder, key, origin, database).append([b"other %d" % n for n in range(40)])
    forked = Older(own.world, own.device)
    forked.folder = folder
    with pytest.raises(SealError, match="forked"):
        own.look(forked)


def test_a_forged_head_is_refused(own: Own) -> None:
    class Forged(Client):
        def log_file(self, path: str) -> bytes:
            data = super().log_file(path)
            if path != "checkpoint":
                return data
            head = tlog.read_checkpoint(data)[0]
            return tlog.sign_checkpoint(head, own.world.keys["otto"])

    with pytest.raises(SealError, match="no signature"):
        own.look(Forged(own.world, own.device))


def test_a_log_whose_tiles_do_not_prove_is_refused(own: Own) -> None:
    class Broken(Client):
        def log_file(self, path: str) -> bytes:
            data = super().log_file(path)
            return data if path == "checkpoint" else data[:-32] + bytes(32)

    with pytest.raises((SealError, DataError)):
        own.look(Broken(own.world, own.device))


def test_participants_hear_what_a_halt_says(own: Own) -> None:
    client: Any = Client(own.world, own.device)
    programme = own.world.in_force()
    assert told(programme, client) == {"halted": False}
    said = {"cause": "exposure", "could_read": "anyone: a bucket", "notice": "1"}
    own.world.halt("exa", reason="A bucket was open.", **said)
    heard = told(programme, client)
    assert (heard["halted"], heard["could_read"]) == (True, "anyone: a bucket")

    class Forged(Client):
        def word(self) -> Any:
            order = super().word()["order"]
            return {"order": order | {"signatures": []}}

    forged: Any = Forged(own.world, own.device)
    assert told(programme, forged)["halted"] is None


def test_two_who_look_at_once_accuse_nobody(own: Own) -> None:
    """What one keeps meanwhile is no roll-back to the other."""

    class Slow(Client):
        def log_file(self, path: str) -> bytes:
            note = super().log_file(path)
            if path == "checkpoint":
                self.world.send(self.device, b"three")
                other.start()
                other.join(0.5)
            return note

    kept: list[Any] = []
    other = threading.Thread(target=lambda: kept.append(own.look()))
    first = own.look(Slow(own.world, own.device))
    other.join()
    assert kept[0].watched.head.size == first.watched.head.size + 1
    assert own.look().watched.head.size == kept[0].watched.head.size
