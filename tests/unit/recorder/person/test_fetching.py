"""What was sent comes back from a real vault, sealed to its person, and plays."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import uvicorn

from overt.protocol.errors import DataError, GovernError, NetworkError, SealError
from overt.protocol.ids import new_id
from overt.protocol.ownread import sign_own_read
from overt.protocol.release import MAGIC, open_release
from overt.protocol.sealing import SealingKey
from overt.protocol.segment import nameless
from overt.recorder.person.fetching import Fetcher
from overt.recorder.person.httpcalls import MOST_BYTES
from overt.recorder.person.noticewatch import NoticeWatch
from overt.recorder.person.pagefacts import LocalFacts
from overt.recorder.person.playback import marks, open_own
from overt.recorder.person.readers import look
from overt.recorder.person.run import Participant
from overt.recorder.person.vault_client import VaultClient
from overt.recorder.spool import SpoolState
from overt.vault.store.database import Database
from tests.fakes.participant import Machine, machine
from tests.fakes.world import World, ok

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Machine]:
    database = Database(f"sqlite:///{tmp_path}/vault.db")
    world = World(tmp_path / "vault", database)
    yield machine(world, tmp_path / "home")
    world.stop()
    database.close()


def fetcher(here: Machine) -> Fetcher:
    return Fetcher(here.home, here.identity, here.enrolment, here.client)


def asked(here: Machine, *names: str) -> Any:
    whose = here.enrolment.person, here.enrolment.device
    read = fetcher(here).asked(*whose, segments=names)
    return sign_own_read(read, here.identity.device)


def sent(here: Machine, *texts: str) -> list[str]:
    names = [here.record(text, at) for at, text in enumerate(texts)]
    for name in names:
        here.send(name)
    return names


def test_what_was_sent_and_is_gone_comes_back_and_plays(here: Machine) -> None:
    first, second = sent(here, "File the form", "Answer the letter")
    here.home.forget(first)
    missing = fetcher(here).missing()
    assert [one.segment for one in missing] == [first]  # what is here is not asked for
    assert list(fetcher(here).fetch(missing)) == [first]
    opened = open_own(here.home.spool, first, here.identity.own)
    assert [mark.body for mark in marks(opened)] == [{"text": "File the form"}]
    head = opened.header
    assert (head.segment, head.person, head.device) == (
        first, here.enrolment.person, here.enrolment.device
    )  # fmt: skip
    assert here.home.spool.entry(first).state is SpoolState.SENT
    assert {one.segment for one in here.home.spool.entries()} == {first, second}
    assert fetcher(here).missing() == []


def test_each_fetch_stands_in_the_log_as_its_persons_own(here: Machine) -> None:
    (name,) = sent(here, "Go")
    here.home.forget(name)
    list(fetcher(here).fetch(fetcher(here).missing()))
    person = here.enrolment.person
    (read,) = look(here.home, here.programme, person, here.client).reads
    told = (read["purpose"], read["requester"], read["segment"])
    assert told == ("own", here.enrolment.device, name)


def test_the_pages_tell_of_a_new_key_until_somebody_objects(
    here: Machine, tmp_path: Path
) -> None:
    other = machine(here.world, tmp_path / "other")
    name = ok(here.world.recover(other.device, here.device))["recovery"]
    who = Participant(here.home, here.enrolment, here.identity, here.client)
    (notice,) = LocalFacts(who).readers(here.programme)["notices"]
    assert other.enrolment.device in notice
    assert f"overt recovery object {name}" in notice
    ok(here.world.object(here.device, name))
    assert LocalFacts(who).readers(here.programme)["notices"] == []


def test_a_recorder_hears_of_a_new_key_while_it_runs(
    here: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = Participant(here.home, here.enrolment, here.identity, here.client)
    watch = NoticeWatch(who, here.programme)
    watch.look()
    assert watch.told() == []
    other = machine(here.world, tmp_path / "other")
    name = ok(here.world.recover(other.device, here.device))["recovery"]
    watch.look()
    (told,) = watch.told()
    assert name in told
    monkeypatch.setattr(here.client, "log_file", _away)
    watch.look()
    assert watch.told() == [told]


def _away(_: str) -> bytes:
    raise NetworkError("The server is away.")


def test_days_bound_what_is_fetched(here: Machine) -> None:
    (name,) = sent(here, "Go")
    here.home.forget(name)
    today = datetime.fromtimestamp(here.world.now_s, UTC).date()
    day = timedelta(days=1)
    find = fetcher(here).missing
    assert [one.segment for one in find(today, today)] == [name]
    assert find(today + day) == find(None, today - day) == []


def test_a_halt_refuses_and_says_so(here: Machine) -> None:
    (name,) = sent(here, "Go")
    here.home.forget(name)
    missing = fetcher(here).missing()
    ok(here.world.halt("rita"))
    with pytest.raises(GovernError, match="halted"):
        list(fetcher(here).fetch(missing))
    assert here.home.spool.entries() == []


def test_an_answer_that_broke_off_or_is_anothers_is_refused(
    here: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = sent(here, "one", "two")
    for name in (one, two):
        here.home.forget(name)
    missing = fetcher(here).missing()
    whole = here.client.read_own

    def answered(change: Any) -> None:
        monkeypatch.setattr(here.client, "read_own", lambda asked: change(whole(asked)))

    answered(lambda data: data[:-100])
    with pytest.raises(DataError):
        list(fetcher(here).fetch(missing))
    answered(lambda _: whole(asked(here, two)))
    with pytest.raises(SealError, match="other segments"):
        list(fetcher(here).fetch(missing[:1]))
    assert here.home.spool.entries() == []


def test_the_answer_opens_with_the_own_key_alone(here: Machine) -> None:
    (name,) = sent(here, "Go")
    here.home.forget(name)
    answer = here.client.read_own(asked(here, name))
    assert answer.startswith(MAGIC)
    here.identity = type(here.identity)(here.identity.device, SealingKey.generate())
    other = here.client
    other.read_own = lambda _: answer  # type: ignore[method-assign]
    with pytest.raises(SealError):
        list(fetcher(here).fetch(fetcher(here).missing()))


@contextmanager
def served(app: Any) -> Iterator[str]:
    """Serve an app on loopback; yield its address."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{bound.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@pytest.mark.loopback
def test_more_than_an_answer_may_hold_otherwise_comes_over_real_connections(
    here: Machine,
) -> None:
    device, world = here.device, here.world
    name = here.record()
    data = nameless(here.home.spool.read(name, here.identity.own))
    large = data + bytes(MOST_BYTES)  # as a long film would be; it is no segment
    sent = world.send(device, large)
    with served(world.broker_app) as broker, served(world.vault_app) as vault:
        parts = world.vault_app.state.parts
        parts.registry.broker._client = httpx.Client(base_url=broker)
        with VaultClient(vault, here.identity.device) as client:
            answer = client.read_own(asked(here, sent))
            with pytest.raises(GovernError, match="not held"):
                client.read_own(asked(here, new_id("seg")))
        parts.registry.broker._client.close()
    assert list(open_release(answer, here.identity.own)) == [large]
