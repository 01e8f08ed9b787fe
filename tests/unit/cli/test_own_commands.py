"""`overt fetch` and `overt recovery`, over a whole vault in this process."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from overt.cli import calling, founding
from overt.cli.__main__ import main
from overt.protocol.canonical import canonical_bytes
from overt.protocol.keyfile import lock_secret
from overt.protocol.recovery import NOTICE_S
from overt.protocol.signing import public_text
from overt.recorder.person import vault_client
from overt.vault.store.database import Database
from tests.fakes.participant import PASSPHRASE, Machine, WorldClient, machine
from tests.fakes.world import World, ok

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    database = Database(f"sqlite:///{tmp_path}/vault.db")
    made = World(tmp_path / "vault", database)
    monkeypatch.setattr(
        vault_client, "VaultClient", lambda _, key=None: WorldClient(made, key)
    )
    (tmp_path / "pass").touch(0o600)
    (tmp_path / "pass").write_text(PASSPHRASE + "\n")
    monkeypatch.setenv("OVERT_PASSPHRASE_FILE", str(tmp_path / "pass"))
    yield made
    made.stop()
    database.close()


def run(here: Machine | None, *words: str) -> Any:
    env = {"OVERT_HOME": str(here.home.root)} if here else {}
    return CliRunner().invoke(main, [*words, "--json"], env=env)


def told(answer: Any) -> Any:
    assert answer.exit_code == 0, answer.output
    return json.loads(answer.stdout)


def test_fetch_lists_and_brings_back_what_is_not_here(
    world: World, tmp_path: Path
) -> None:
    here = machine(world, tmp_path / "home")
    name = here.record()
    here.send(name)
    here.home.forget(name)
    assert told(run(here, "fetch", "--list")) == {"missing": [name], "fetched": []}
    assert told(run(here, "fetch"))["fetched"] == [name]
    assert told(run(here, "fetch"))["fetched"] == []
    (read,) = told(run(here, "who-read"))["reads"]
    assert (read["purpose"], read["requester"]) == ("own", here.enrolment.device)
    plain = CliRunner().invoke(
        main, ["who-read"], env={"OVERT_HOME": str(here.home.root)}
    )
    assert "yourself, on your device" in plain.output
    assert run(here, "fetch", "--list", "--recorded-by", "dev_x").exit_code == 2


@pytest.fixture
def asked(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A lost machine, a new one, and a recovery that the representative co-signed."""
    lost, new = (machine(world, tmp_path / name) for name in ("lost", "new"))
    name = lost.record()
    lost.send(name)
    file, key = tmp_path / "recovery.json", tmp_path / "ria.key"
    secret = world.keys["rita"]
    about = {"public": public_text(secret.public_key())}
    key.write_bytes(
        canonical_bytes(lock_secret(secret.private_bytes_raw(), PASSPHRASE, about))
    )
    monkeypatch.setattr(
        founding, "read_programme", lambda _: (world.anchor, {}, world.in_force())
    )

    class Caller:
        def __init__(self, _: str, key: Any) -> None:
            self.key = key

        def send(self, method: str, target: str, body: Any) -> Any:
            return ok(world.call_with(self.key, method, target, body))

    monkeypatch.setattr(calling, "Caller", Caller)
    whose = ("--person", lost.enrolment.person)
    by = ("--recorded-by", lost.enrolment.device)
    told(run(new, "recovery", "ask", *whose, *by, "-o", str(file)))
    to = ("--server", "http://127.0.0.1:1", "--folder", str(tmp_path))
    words = ("recovery", "cosign", str(file), "--as", str(key), *to)
    assert run(None, *words).exit_code == 1  # nobody says yes
    given = told(run(None, *words, "--yes"))
    return lost, new, given, ("fetch", *whose, *by), name


def test_a_new_machine_fetches_what_a_lost_one_sent_after_seven_days(
    world: World, asked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost, new, given, fetch, name = asked
    early = run(new, *fetch)
    assert (early.exit_code, given["opens_utc"] in early.stderr) == (7, True)
    _wait(world, monkeypatch)
    assert told(run(new, *fetch))["fetched"] == [name]
    header = new.home.spool.entry(name)
    assert (header.segment, header.state) == (name, "sent")
    assert told(run(new, "review"))["segments"][0]["segment"] == name
    assert lost.home.spool.entry(name).segment == name


def _wait(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let seven days pass, for the vault and for the machines' clocks."""
    import time

    from overt.recorder.person import fetching

    now = time.time()
    world.now_s = int(now) + NOTICE_S

    class Later(fetching.datetime):  # type: ignore[misc]
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return cls.fromtimestamp(world.now_s, tz)

    monkeypatch.setattr(fetching, "datetime", Later)
    monkeypatch.setattr(vault_client.time, "time", lambda: float(world.now_s))


def test_the_lost_machine_is_told_wherever_it_looks_and_objects(
    world: World, asked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost, new, given, fetch, _ = asked
    name = given["recovery"]
    seen = told(run(lost, "who-read"))["recoveries"]
    assert [(one["recovery"], one["objected"]) for one in seen] == [(name, False)]
    warned = run(lost, "send")
    assert f"overt recovery object {name}" in warned.stderr
    assert "overt recovery object" not in run(new, "send").stderr
    told(run(lost, "recovery", "object", name))
    assert "overt recovery object" not in run(lost, "send").stderr
    _wait(world, monkeypatch)
    refused = run(new, *fetch)
    assert (refused.exit_code, "objected" in refused.stderr) == (7, True)
