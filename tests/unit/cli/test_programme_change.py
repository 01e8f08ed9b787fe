"""A new version: shown, signed, installed; devices stop until consent is fresh."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from overt.protocol.consent import Allowed, Refused, decide
from overt.recorder.person.consenting import standing
from overt.recorder.person.enrol import load_enrolment
from overt.recorder.person.home import Home
from overt.recorder.person.identity import unlock
from overt.recorder.person.lease import LeaseKeeper, boottime_ns
from overt.recorder.person.vault_client import VaultClient
from tests.unit.cli.test_members_path import invite, record_by_hand

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.loopback
RULE = '[[allow]]\napp = "gimp*"\nlevel = "masked"\n'


@pytest.fixture(scope="module")
def own(new_town: Any) -> Any:
    return new_town()


@pytest.fixture(scope="module")
def served(own: Any) -> Iterator[Any]:
    with own.serving() as running:
        yield running


def decided(own: Any) -> Allowed | Refused:
    """Return what the device decides after asking for a lease."""
    home = Home(Path(own.env["OVERT_HOME"]))
    enrolment = load_enrolment(home)
    identity = unlock(home, own.words.read_text().strip())
    with VaultClient(enrolment.server, identity.device) as client:
        keeper = LeaseKeeper(home, enrolment, client)
        keeper.refresh()
    now = standing(home, identity.device.public_key())
    return decide(
        keeper.programme, now.consent, keeper.current(), withdrawn=now.withdrawn,
        boottime_ns=boottime_ns(),
    )  # fmt: skip


def change(own: Any, text: str, *more: str, holders: int = 2) -> list[Any]:
    file = own.folder / "changed.toml"
    file.write_text(text)
    keys = [
        word
        for name in ("stella", "rita")[:holders]
        for word in ("--programme-key", own.programme / f"keys/programme-{name}.key")
    ]
    options = ["--folder", own.programme, "--as", own.key("stella"), *keys]
    return ["programme", "change", file, *options, *more]


def test_a_device_follows_a_new_version_and_asks_afresh(own: Any, served: Any) -> None:
    env = served.env
    own.json("enrol", invite(own, served))
    agreed = ["--purpose", "train-agents", "--data-type", "input", "--yes"]
    waiting = record_by_hand(own, own.json("consent", "give", *agreed)["record"])
    own.json("review", "--approve-all")
    assert isinstance(decided(own), Allowed)

    wider = own.toml().replace("[[allow]]", RULE + "[[allow]]", 1)
    refused = own.overt(*change(own, wider), text="n\n", code=1, **env)
    assert "WIDER  + allow[gimp*].level: masked" in refused.stdout
    assert "2 changes. 1 of them record" in refused.stdout
    assert isinstance(decided(own), Allowed)
    own.json(*change(own, wider, "--yes", holders=1), code=7, **env)
    made = own.json(*change(own, wider, "--yes"), **env)
    assert made["version"] == 2
    shown = own.json("programme", "show", "--folder", own.programme)
    assert (shown["version"], shown["dpia_covers_this"]) == (2, True)
    assert (own.programme / "programme-1.json").exists()
    own.json(*change(own, wider, "--yes"), code=2, **env)  # nothing is new

    now = decided(own)
    assert isinstance(now, Refused)
    assert now.code == "programme-changed"
    # the notice, purposes, types and retention are as agreed: what waits goes out
    assert [one["segment"] for one in own.json("send")["sent"]] == [waiting]
    own.json("consent", "give", *agreed)
    assert isinstance(decided(own), Allowed)


def test_what_waits_stays_where_the_notice_changed(own: Any, served: Any) -> None:
    waiting = record_by_hand(own, own.json("consent", "show")["consent"]["record"])
    own.json("review", "--approve-all")
    text = own.toml().replace('version = "1"', 'version = "2"')
    own.json(*change(own, text, "--yes"), **served.env)
    told = own.json("send", code=3)["error"]
    assert "The notice has changed" in told
    home = Home(Path(own.env["OVERT_HOME"]))
    held = {one.segment: one.state.value for one in home.spool.entries()}
    assert held[waiting] == "approved"
    now = decided(own)
    assert isinstance(now, Refused)
    assert now.code == "notice-changed"


def test_only_a_steward_hands_a_version_in(own: Any, served: Any) -> None:
    text = own.toml().replace('title = "Test"', 'title = "Another"')
    words = [
        own.key("rene") if word == own.key("stella") else word
        for word in change(own, text, "--yes")
    ]
    assert "may not change programme" in own.json(*words, code=7, **served.env)["error"]
